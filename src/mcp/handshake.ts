// Answers what hosts ask first (the introduction, the lists of tools and prompts, what this server does not have) before the
// rest of the server is loaded. It answers as the SDK would; a test compares. The SDK answers everything else, and everything
// that is malformed.

import { isObject, parseJson, type JsonObject } from '../text/text.ts';
import type { PromptDefinition } from '../prompts/prompt-definitions.ts';
import type { ToolDefinition } from '../tools/tool-definition.ts';

/** The id under which the server gets an `initialize` again that was already answered. No host sees it. */
export const REPEATED = 'initialize-answered-at-the-handshake';

/**
 * No usual introduction is longer. Short enough that none is too deep to be written again, which a deep one is for
 * JSON.stringify. In UTF-16 units.
 */
const LONGEST_LOOKED_AT = 8 * 1024;

export interface Handshake {
  /**
   * The answer to one line from the host; null where none is owed (a notification), undefined where the whole server is
   * needed.
   */
  answer(line: string): string | null | undefined;
  /** What the server must read first, to know the host: lines, each with its end. */
  heard(): readonly string[];
}

export interface HandshakeOptions {
  readonly version: string;
  /** For the model, at the start of a conversation. At most 1 KB. */
  readonly instructions: string;
  /** What hosts are shown of the tools and prompts that there are with the operator's settings. */
  readonly toolDefinitions: readonly ToolDefinition[];
  readonly promptDefinitions: readonly PromptDefinition[];
}

interface Request {
  readonly id: string | number;
  readonly method: string;
  readonly params: JsonObject;
}

/** What this server does not have, and hosts ask for all the same: the later revision of the protocol, and resources. */
const UNKNOWN_METHODS = ['server/discover', 'resources/list', 'resources/templates/list'];

export function createHandshake(options: HandshakeOptions): Handshake {
  const standing = standingAnswers(options);
  let introduction: JsonObject | undefined;
  let isInitialized = false;
  return {
    answer(line) {
      if (line.length > LONGEST_LOOKED_AT) return undefined;
      const message = parseJson(line);
      if (isInitializedNotice(message)) {
        isInitialized = true;
        return null;
      }
      const request = requestIn(message);
      if (!request) return undefined;
      const { id, method, params } = request;
      if (method === 'initialize' && isUsualIntroduction(params)) {
        introduction = params;
        return reply(id, { result: greeting(params, options) });
      }
      const outcome = fits(params, { _meta: isUsualMeta, cursor: isText }) ? standing.get(method) : undefined;
      return outcome && reply(id, outcome);
    },
    heard: () => [
      ...(introduction
        ? [`${JSON.stringify({ jsonrpc: '2.0', id: REPEATED, method: 'initialize', params: introduction })}\n`]
        : []),
      ...(isInitialized ? [`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`] : []),
    ],
  };
}

type Outcome = { readonly result: object } | { readonly error: object };

/** By method, the answers that are always the same. */
function standingAnswers({ toolDefinitions, promptDefinitions }: HandshakeOptions): ReadonlyMap<string, Outcome> {
  const error = { code: -32601, message: 'Method not found' };
  return new Map<string, Outcome>([
    ['tools/list', { result: { tools: toolDefinitions } }],
    ['prompts/list', { result: { prompts: promptDefinitions } }],
    ['ping', { result: {} }],
    ...UNKNOWN_METHODS.map((method) => [method, { error }] as const),
  ]);
}

function greeting(params: JsonObject, { version, instructions }: HandshakeOptions): object {
  const wanted = PROTOCOL_VERSIONS.find((each) => each === params.protocolVersion);
  const protocolVersion = wanted ?? PROTOCOL_VERSIONS[0];
  return { protocolVersion, capabilities: CAPABILITIES, serverInfo: serverInfo(version), instructions };
}

function reply(id: string | number, outcome: Outcome): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, ...outcome })}\n`;
}

/** A request as JSON-RPC 2.0 and the SDK want it, with nothing else in it. */
function requestIn(message: unknown): Request | undefined {
  if (!isObject(message) || message.jsonrpc !== '2.0') return undefined;
  const { id, method, params = {} } = message;
  if (!isText(id) && !isWhole(id)) return undefined;
  if (!isText(method) || !isObject(params)) return undefined;
  return hasOnly(message, ['jsonrpc', 'id', 'method', 'params']) ? { id, method, params } : undefined;
}

function isInitializedNotice(message: unknown): boolean {
  if (!isObject(message) || message.jsonrpc !== '2.0' || message.method !== 'notifications/initialized') return false;
  const { params = {} } = message;
  return hasOnly(message, ['jsonrpc', 'method', 'params']) && isObject(params) && fits(params, { _meta: isUsualMeta });
}

/** What a host says of itself (MCP 2025-11-25, Lifecycle, Initialization), where nothing of it is broken. */
function isUsualIntroduction(params: JsonObject): boolean {
  const { protocolVersion, clientInfo, capabilities } = params;
  if (!isText(protocolVersion) || !isObject(clientInfo) || !isObject(capabilities)) return false;
  return (
    fits(params, { _meta: isUsualMeta }) &&
    isText(clientInfo.name) &&
    isText(clientInfo.version) &&
    fits(clientInfo, { title: isText, websiteUrl: isText, description: isText, icons: listOf(isIcon) }) &&
    fits(capabilities, {
      roots: within({ listChanged: isFlag }),
      sampling: within({ context: isObject, tools: isObject }),
      elicitation: within({ form: within({ applyDefaults: isFlag }), url: isObject }),
      tasks: within({
        list: isObject,
        cancel: isObject,
        requests: within({
          sampling: within({ createMessage: isObject }),
          elicitation: within({ create: isObject }),
        }),
      }),
      experimental: isObjectOfObjects,
      extensions: isObjectOfObjects,
    })
  );
}

type Check = (value: unknown) => boolean;
type Checks = Readonly<Record<string, Check>>;

/** Whether each member that has a check passes it. The protocol allows other members, and the SDK ignores them. */
function fits(object: JsonObject, checks: Checks): boolean {
  return Object.entries(checks).every(([name, check]) => !Object.hasOwn(object, name) || check(object[name]));
}

function hasOnly(object: JsonObject, names: readonly string[]): boolean {
  return Object.keys(object).every((name) => names.includes(name));
}

function within(checks: Checks): Check {
  return (value) => isObject(value) && fits(value, checks);
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

const isObjectOfObjects: Check = (value) => isObject(value) && Object.values(value).every(isObject);
const isText = (value: unknown): value is string => typeof value === 'string';
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
const isFlag: Check = (value) => typeof value === 'boolean';
const isIcon: Check = (value) =>
  isObject(value) &&
  isText(value.src) &&
  fits(value, { mimeType: isText, sizes: listOf(isText), theme: (theme) => theme === 'light' || theme === 'dark' });
const isUsualMeta = within({
  progressToken: (token) => isText(token) || isWhole(token),
  // Of a task: this server has none.
  'io.modelcontextprotocol/related-task': () => false,
});

export const CAPABILITIES = { tools: {}, prompts: {}, completions: {} } as const;

export function serverInfo(version: string) {
  return { name: 'atlas-model-keys-mcp', title: 'Atlas model keys', version };
}

/** The versions that the SDK speaks, the latest first; a test compares. */
export const PROTOCOL_VERSIONS: readonly string[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
];
