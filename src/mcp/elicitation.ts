// Asks the person at the host through a form (MCP 2025-11-25, client/elicitation), and judges whether a person answered: some
// hosts accept forms that nobody saw. The use case that asked decides what the answer means.

import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  ElicitResultSchema,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type ElicitResult,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { type Log, classOf } from '../secret/redacted-output.ts';
import type { RequestContext, Unseen } from '../tools/tool.ts';
import type { Progress } from './progress.ts';

type Ask = NonNullable<RequestContext['ask']>;
type Question = Parameters<Ask>[0];
type Answer = Awaited<ReturnType<Ask>>;

/** How long a person may take, below the time after which hosts give up a call; in milliseconds. */
const ASK_TIMEOUT_MS = 180_000;
/** For hosts that wait as long as they are told of progress. */
const PATIENT_TIMEOUT_MS = 600_000;
const PATIENT_HOSTS = ['claude-code'];

/** An answer that comes sooner is the host's own: no person reads a form that fast. In milliseconds. */
export const SEEN_AFTER_MS = 300;

export function askTimeoutOf(host: string | undefined, progressToken: unknown): number {
  const isPatient = PATIENT_HOSTS.includes(host ?? '') && progressToken !== undefined;
  return isPatient ? PATIENT_TIMEOUT_MS : ASK_TIMEOUT_MS;
}

/** The form's one field. People see its title. */
const FIELD = 'answer';

interface Form {
  readonly extra: RequestHandlerExtra<ServerRequest, ServerNotification>;
  /** Of the call that asks: when it stops, so does the question. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly seenAfterMs: number;
  readonly progress: Progress;
  readonly log: Log;
}

/** An empty capability means forms, as it did before there were other modes; only `url` means no forms. */
export function takesForms(host: ClientCapabilities | undefined): boolean {
  const elicitation = host?.elicitation;
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}

export function askThrough(form: Form): Ask {
  return async (question) => {
    const shown = performance.now();
    try {
      const asked = () => fillIn(form, question);
      const result = await form.progress.during('Waiting for the person to answer a form.', asked);
      return performance.now() - shown < form.seenAfterMs ? unseen('at once') : judge(question, result);
    } catch (error) {
      // No answer in time, an error of the host, an answer that the protocol does not know, or a host that has gone. The
      // message may quote what the host said.
      form.log('warning', `a form got no answer (${classOf(error)})`);
      return unseen('silence');
    }
  };
}

async function fillIn({ extra, signal, timeoutMs }: Form, question: Question): Promise<ElicitResult> {
  // Not the call's signal itself: the SDK would cancel an answered form when the call is cancelled later.
  const open = new AbortController();
  const stop = () => {
    open.abort('the call was stopped');
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  try {
    const request = { method: 'elicitation/create' as const, params: formOf(question) };
    return await extra.sendRequest(request, ElicitResultSchema, { signal: open.signal, timeout: timeoutMs });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Without a default, so that a form that nobody filled in has no answer. */
function formOf({ message, title, description, options }: Question): ElicitRequestFormParams {
  const field = { type: 'string' as const, title, description, ...(options && { enum: [...options] }) };
  return {
    mode: 'form',
    message,
    requestedSchema: { type: 'object', properties: { [FIELD]: field }, required: [FIELD] },
  };
}

function judge({ options }: Question, { action, content }: ElicitResult): Answer {
  if (action === 'decline') return { answer: 'declined' };
  // A closed form decides nothing, and hosts that show no forms close them as well.
  if (action === 'cancel') return unseen('cancelled');
  const value = content?.[FIELD];
  const isAnswer =
    typeof value === 'string' &&
    value !== '' &&
    Object.keys(content ?? {}).length === 1 &&
    (options?.includes(value) ?? true);
  return isAnswer ? { answer: 'given', value } : unseen('empty');
}

function unseen(because: Unseen): Answer {
  return { answer: 'unavailable', because };
}
