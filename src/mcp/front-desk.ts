// Answers what every host asks first, `initialize` and `tools/list`, before the rest of the server is loaded. It answers
// as the SDK would (a test compares), and leaves to it whatever is unusual, broken, or anything else.

import { parseJson } from '../text/json.ts';
import type { Offer } from '../tools/offer.ts';
import { CAPABILITIES, PROTOCOL_VERSIONS, serverInfo } from './identity.ts';

/** The id under which the server is told again of an `initialize` that was answered. No host sees it. */
export const REPEATED = 'initialize-answered-at-the-front-desk';

/**
 * No usual introduction is longer. Short enough that none is too deep to be written again, which a deep one is for
 * JSON.stringify. In UTF-16 units.
 */
const LONGEST_LOOKED_AT = 8 * 1024;

export interface FrontDesk {
  /**
   * The answer to one line from the host; null where none is owed (a notification), undefined where the whole server is
   * needed.
   */
  answer(line: string): string | null | undefined;
  /** What the server must hear first of all, to know the host: lines, each with its end. */
  heard(): readonly string[];
}

export interface DeskOptions {
  readonly version: string;
  readonly instructions: string;
  readonly offers: readonly Offer[];
}

type Members = Readonly<Record<string, unknown>>;

interface Request {
  readonly id: string | number;
  readonly method: string;
  readonly params: Members | undefined;
}

export function createFrontDesk({ version, instructions, offers }: DeskOptions): FrontDesk {
  let introduction: Members | undefined;
  let isInitialized = false;
  const greet = (params: Members): object => {
    introduction = params;
    const wanted = PROTOCOL_VERSIONS.find((version) => version === params.protocolVersion);
    const protocolVersion = wanted ?? PROTOCOL_VERSIONS[0];
    return { protocolVersion, capabilities: CAPABILITIES, serverInfo: serverInfo(version), instructions };
  };
  return {
    answer(line) {
      if (line.length > LONGEST_LOOKED_AT) return undefined;
      const message = parseJson(line);
      if (isInitializedNotice(message)) {
        isInitialized = true;
        return null;
      }
      const request = requestIn(message);
      if (request?.method === 'initialize' && request.params && isUsualIntroduction(request.params))
        return reply(request.id, greet(request.params));
      if (request?.method === 'tools/list' && has(request.params ?? {}, { _meta: isUsualMeta }))
        return reply(request.id, { tools: offers });
      return undefined;
    },
    heard: () => [
      ...(introduction
        ? [`${JSON.stringify({ jsonrpc: '2.0', id: REPEATED, method: 'initialize', params: introduction })}\n`]
        : []),
      ...(isInitialized ? [`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`] : []),
    ],
  };
}

function reply(id: string | number, result: object): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`;
}

/** A request as JSON-RPC 2.0 and the SDK want it, with nothing else in it. */
function requestIn(message: unknown): Request | undefined {
  if (!isObject(message) || message.jsonrpc !== '2.0') return undefined;
  const { id, method, params } = message;
  if (!isText(id) && !isWhole(id)) return undefined;
  if (!isText(method) || !(params === undefined || isObject(params))) return undefined;
  return has(message, { jsonrpc: isText, id: isAny, method: isText, params: isObject })
    ? { id, method, params }
    : undefined;
}

function isInitializedNotice(message: unknown): boolean {
  if (!isObject(message) || message.jsonrpc !== '2.0' || message.method !== 'notifications/initialized') return false;
  return has(message, { jsonrpc: isText, method: isText, params: (params) => isObject(params) && has(params, {}) });
}

/** What hosts say of themselves as a rule (MCP 2025-11-25, Lifecycle, Initialization); the specification allows more. */
function isUsualIntroduction(params: Members): boolean {
  const { protocolVersion, clientInfo, capabilities } = params;
  if (!isText(protocolVersion) || !isObject(clientInfo) || !isObject(capabilities)) return false;
  const ofClient = { name: isText, version: isText, title: isText, websiteUrl: isText, description: isText };
  return (
    has(params, { _meta: isUsualMeta, protocolVersion: isText, clientInfo: isObject, capabilities: isObject }) &&
    isText(clientInfo.name) &&
    isText(clientInfo.version) &&
    has(clientInfo, ofClient) &&
    has(capabilities, {
      roots: within({ listChanged: isFlag }),
      sampling: within({ context: isObject, tools: isObject }),
      elicitation: within({ form: within({ applyDefaults: isFlag }), url: isObject }),
      experimental: isObjectOfObjects,
      extensions: isObjectOfObjects,
    })
  );
}

type Check = (value: unknown) => boolean;

/** Whether there is no other member than these, and each that there is passes its check. */
function has(object: Members, checks: Readonly<Record<string, Check>>): boolean {
  return Object.entries(object).every(([name, value]) => Object.hasOwn(checks, name) && checks[name]?.(value));
}

function within(checks: Readonly<Record<string, Check>>): Check {
  return (value) => isObject(value) && has(value, checks);
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isObjectOfObjects: Check = (value) => isObject(value) && Object.values(value).every(isObject);
const isText = (value: unknown): value is string => typeof value === 'string';
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
const isFlag: Check = (value) => typeof value === 'boolean';
const isAny: Check = () => true;
const isUsualMeta = within({ progressToken: (token) => isText(token) || isWhole(token) });
