// Asks the person at the host through a form (MCP 2025-11-25, client/elicitation), and judges the answer itself: some
// hosts accept forms that nobody saw. What an answer means is decided by whoever asked.

import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  ElicitResultSchema,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type ElicitResult,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import type { Log } from '../secret/way-out.ts';
import type { CallControl } from '../tools/tool.ts';
import type { Progress } from './progress.ts';
import { classOf } from '../text/error-class.ts';

type Ask = NonNullable<CallControl['ask']>;
type Question = Parameters<Ask>[0];
type Answer = Awaited<ReturnType<Ask>>;

/** How long a person may take. In milliseconds. */
export const ASK_TIMEOUT_MS = 60_000;

/** The form's one field. People see its title. */
const FIELD = 'answer';

interface Form {
  readonly extra: RequestHandlerExtra<ServerRequest, ServerNotification>;
  /** Of the call that asks: when it stops, so does the question. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly progress: Progress;
  readonly log: Log;
}

/** An empty capability means forms, as it did before there were other modes; `url` alone means none. */
export function takesForms(host: ClientCapabilities | undefined): boolean {
  const elicitation = host?.elicitation;
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}

export function askThrough(form: Form): Ask {
  return async (question) => {
    try {
      const asked = () => fillIn(form, question);
      return judge(question, await form.progress.during('Waiting for the person to answer a form.', asked));
    } catch (error) {
      // Silence, an error of the host, an answer that is none of the protocol's, or a host that has gone. The message
      // may quote what the host said.
      form.log('warning', `a form got no answer (${classOf(error)})`);
      return { answer: 'unavailable' };
    }
  };
}

async function fillIn({ extra, signal, timeoutMs }: Form, question: Question): Promise<ElicitResult> {
  // Of its own, since the SDK would cancel an answered form when the call is cancelled later.
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

/** Without a default, so that no answer comes from a form that was only waved through. */
function formOf({ message, title, description, options }: Question): ElicitRequestFormParams {
  const field = { type: 'string' as const, title, description, ...(options && { enum: [...options] }) };
  return {
    mode: 'form',
    message,
    requestedSchema: { type: 'object', properties: { [FIELD]: field }, required: [FIELD] },
  };
}

function judge({ options }: Question, { action, content }: ElicitResult): Answer {
  const value = content?.[FIELD];
  const isAnswer =
    action === 'accept' &&
    typeof value === 'string' &&
    value !== '' &&
    Object.keys(content ?? {}).length === 1 &&
    (options?.includes(value) ?? true);
  return isAnswer ? { answer: 'given', value } : { answer: 'declined' };
}
