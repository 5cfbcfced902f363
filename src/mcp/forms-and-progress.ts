// What a call can tell and ask the host that made it: progress, and a form for a person.
//
// Progress is sent where the host asked for it (MCP 2025-11-25, Base Protocol, Utilities, Progress); the use cases say what. A form
// (client/elicitation) counts only if a person answered it: some hosts accept forms that nobody saw. The use case that asked decides
// what the answer means.

import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  ElicitResultSchema,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type ElicitResult,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { type Log, classOf } from '../secret/redaction.ts';
import type { RequestContext, Unseen } from '../tools/tool.ts';

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;
type Ask = NonNullable<RequestContext['ask']>;
type Question = Parameters<Ask>[0];
type Answer = Awaited<ReturnType<Ask>>;

interface Host {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- as in server.ts
  readonly server: Server;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  readonly log: Log;
  readonly askTimeoutMs?: number | undefined;
  readonly seenAfterMs?: number | undefined;
}

/**
 * What a tool may tell and ask the host that called it.
 *
 * @param begun the progress of a call that tells none itself
 * @returns also `end`, after which no progress is sent
 */
export function requestContextOf(
  extra: Extra,
  begun: string,
  { server, stopping, log, askTimeoutMs, seenAfterMs = SEEN_AFTER_MS }: Host,
): { readonly context: RequestContext; readonly end: () => void } {
  const progress = progressOf(extra, begun, log);
  const signal = AbortSignal.any([extra.signal, stopping]);
  const client = server.getClientVersion();
  // Such as `claude-ai 0.1.0`.
  const host = client && `${client.name} ${client.version}`;
  const timeoutMs = askTimeoutMs ?? askTimeoutOf(client?.name, extra._meta?.progressToken);
  const ask = askThrough({ extra, signal, timeoutMs, seenAfterMs, progress, log });
  return {
    context: {
      ...{ signal, progress: progress.tell, host, pageTime: {} },
      ...(takesForms(server.getClientCapabilities()) && { ask }),
    },
    end: progress.end,
  };
}

/** How long a person may take, below the time after which hosts give up a call; in milliseconds. */
const ASK_TIMEOUT_MS = 180_000;
/** For hosts that wait as long as progress comes. */
const PATIENT_TIMEOUT_MS = 600_000;
const PATIENT_HOSTS = ['claude-code'];

/** An answer that comes sooner is the host's own: no person reads a form that fast. In milliseconds. */
const SEEN_AFTER_MS = 300;

export function askTimeoutOf(host: string | undefined, progressToken: unknown): number {
  const isPatient = PATIENT_HOSTS.includes(host ?? '') && progressToken !== undefined;
  return isPatient ? PATIENT_TIMEOUT_MS : ASK_TIMEOUT_MS;
}

/** The form's one field. People see its title. */
const FIELD = 'answer';

interface Form {
  readonly extra: Extra;
  /** Of the call that asks: when it stops, so does the question. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly seenAfterMs: number;
  readonly progress: Progress;
  readonly log: Log;
}

/** An empty capability means forms, as it did before there were other modes; only `url` means no forms. */
function takesForms(host: ClientCapabilities | undefined): boolean {
  const elicitation = host?.elicitation;
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}

function askThrough(form: Form): Ask {
  return async (question) => {
    const shown = process.uptime() * 1000;
    try {
      const asked = () => fillIn(form, question);
      const result = await form.progress.during('Waiting for the person to answer a form.', asked);
      return process.uptime() * 1000 - shown < form.seenAfterMs ? unseen('at once') : judge(question, result);
    } catch (error) {
      // No answer in time, an error of the host, an answer that the protocol does not know, or a host that has gone. The
      // message may quote what the host said.
      form.log('warning', `a form got no answer (${classOf(error)})`);
      return unseen(process.uptime() * 1000 - shown < form.seenAfterMs ? 'at once' : 'silence');
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

/** A call that ends sooner sends no progress. In milliseconds. */
const FIRST_AFTER_MS = 1_000;
/** Hosts give up a call that sends nothing for too long. In milliseconds. */
const REPEATED_EVERY_MS = 2_000;

interface Progress {
  /** The last message is what the host sees, from the first second on. */
  readonly tell: (message: string) => void;
  /** Shows this message while the action lasts, and afterwards the one before, unless there is a newer one. */
  readonly during: <Result>(message: string, action: () => Promise<Result>) => Promise<Result>;
  /** Nothing is sent from here on. */
  readonly end: () => void;
}

/** @param begun the message of a call that tells nothing itself */
function progressOf({ _meta, sendNotification }: Extra, begun: string, log: Log): Progress {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return silent;
  let progress = 0;
  return paced(begun, (message) => {
    // The specification wants the number to rise with each notification. No total, since it is not known.
    progress += 1;
    sendNotification({ method: 'notifications/progress', params: { progressToken, progress, message } }).catch(() => {
      log('debug', 'a progress notification could not be sent');
    });
  });
}

/** Sends nothing in the first second; then each new message at once, and the last one repeatedly. */
function paced(begun: string, send: (message: string) => void): Progress {
  let message = begun;
  let repeating: NodeJS.Timeout | undefined;
  let ended = false;
  const sendRepeatedly = () => {
    clearInterval(repeating);
    repeating = setInterval(() => {
      send(message);
    }, REPEATED_EVERY_MS).unref();
    send(message);
  };
  const first = setTimeout(sendRepeatedly, FIRST_AFTER_MS).unref();
  const tell = (next: string) => {
    if (next === message || ended) return;
    message = next;
    if (repeating) sendRepeatedly();
  };
  return {
    tell,
    async during(meanwhile, action) {
      const before = message;
      tell(meanwhile);
      try {
        return await action();
      } finally {
        if (message === meanwhile) tell(before);
      }
    },
    end() {
      ended = true;
      clearTimeout(first);
      clearInterval(repeating);
    },
  };
}

const silent: Progress = {
  tell: () => undefined,
  during: (_message, action) => action(),
  end: () => undefined,
};
