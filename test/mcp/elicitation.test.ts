import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import {
  ElicitRequestSchema,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type ElicitResult,
  type JSONRPCMessage,
} from '@modelcontextprotocol/sdk/types.js';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { askTimeoutOf } from '../../src/mcp/forms-and-progress.ts';
import { type Answer, type Question, type Unseen } from '../../src/keys/request-context.ts';
import type { ServerOptions } from '../../src/mcp/server.ts';
import { serverWith, TOOL } from './one-tool.ts';
import { connectHost } from './recording-host.ts';

const QUESTION: Question = {
  message: 'The key "prod" is deleted for good.',
  title: 'Name of the key',
  description: 'Type the name of the key',
};
const unseen = (because: Unseen) => ({ answer: 'unavailable', because });

const CHOICE: Question = { ...QUESTION, options: ['app', 'vault'] };

type Fill = (form: ElicitRequestFormParams, signal: AbortSignal) => ElicitResult | Promise<ElicitResult>;

interface Scene {
  readonly question?: Question;
  readonly capabilities?: ClientCapabilities;
  /** How the host fills in a form; one that is not asked has none. */
  readonly fill?: Fill;
  readonly options?: Partial<ServerOptions>;
}

/** A host with the SDK's client, and what the tool of its server was answered. */
async function connect({ question = QUESTION, capabilities = { elicitation: {} }, fill, options }: Scene) {
  const answers: (Answer | 'cannot ask')[] = [];
  const adapter = serverWith(async ({ ask }) => {
    const answer = ask ? await ask(question) : 'cannot ask';
    answers.push(answer);
    return answer;
  }, options);
  const forms: ElicitRequestFormParams[] = [];
  const { client } = await connectHost(adapter, capabilities, (host) => {
    if (!fill) return;
    host.setRequestHandler(ElicitRequestSchema, ({ params }, { signal }) => {
      if (params.mode === 'url') throw new Error('a form was expected');
      forms.push(params);
      return fill(params, signal);
    });
  });
  return {
    adapter,
    client,
    forms,
    answers,
    call: (signal?: AbortSignal) => client.callTool({ name: TOOL, arguments: {} }, undefined, signal && { signal }),
  };
}

async function answerTo(scene: Scene): Promise<Answer | 'cannot ask' | undefined> {
  const { call, answers } = await connect(scene);
  await call();
  expect(answers).toHaveLength(1);
  return answers[0];
}

const answering =
  (content: Record<string, string | number | boolean | string[]>): Fill =>
  () => ({ action: 'accept', content });

test('what a person types comes back, to the letter', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1, unit: 'binary' }), async (value) => {
      expect(await answerTo({ fill: answering({ answer: value }) })).toEqual({ answer: 'given', value });
    }),
    { numRuns: 30 },
  );
});

test('the form has one required field of text, with its words and no default', async () => {
  const { call, forms } = await connect({ fill: answering({ answer: 'prod' }) });
  await call();
  expect(forms).toEqual([
    {
      mode: 'form',
      message: QUESTION.message,
      requestedSchema: {
        type: 'object',
        properties: { answer: { type: 'string', title: QUESTION.title, description: QUESTION.description } },
        required: ['answer'],
      },
    },
  ]);
});

describe('with options', () => {
  test('they are the only answers that the form offers', async () => {
    const { call, forms } = await connect({ question: CHOICE, fill: answering({ answer: 'vault' }) });
    await call();
    expect(forms[0]?.requestedSchema.properties).toMatchObject({ answer: { enum: ['app', 'vault'] } });
  });
  test('one of them is an answer', async () => {
    expect(await answerTo({ question: CHOICE, fill: answering({ answer: 'vault' }) })).toEqual({
      answer: 'given',
      value: 'vault',
    });
  });
  test.each(['Vault', 'app ', 'elsewhere', 'constructor'])('%j is none', async (answer) => {
    expect(await answerTo({ question: CHOICE, fill: answering({ answer }) })).toEqual(unseen('empty'));
  });
});

test.each<[string, ElicitResult]>([
  ['a refusal', { action: 'decline' }],
  ['a refusal with an answer', { action: 'decline', content: { answer: 'prod' } }],
])('is declined: %s', async (_what, result) => {
  expect(await answerTo({ fill: () => result })).toEqual({ answer: 'declined' });
});

describe('nobody can be taken to have seen', () => {
  test.each<[string, Unseen, ElicitResult]>([
    ['a form that was closed', 'cancelled', { action: 'cancel' }],
    ['a closed form with an answer', 'cancelled', { action: 'cancel', content: { answer: 'prod' } }],
    ['an acceptance without content', 'empty', { action: 'accept' }],
    ['an empty acceptance', 'empty', { action: 'accept', content: {} }],
    ['empty text', 'empty', { action: 'accept', content: { answer: '' } }],
    ['a number', 'empty', { action: 'accept', content: { answer: 1 } }],
    ['a yes', 'empty', { action: 'accept', content: { answer: true } }],
    ['a list', 'empty', { action: 'accept', content: { answer: ['prod'] } }],
    ['another field', 'empty', { action: 'accept', content: { name: 'prod' } }],
    ['a field too many', 'empty', { action: 'accept', content: { answer: 'prod', confirm: true } }],
  ])('%s', async (_what, because, result) => {
    expect(await answerTo({ fill: () => result })).toEqual(unseen(because));
  });
  test.each<[string, ElicitResult]>([
    ['right', { action: 'accept', content: { answer: 'prod' } }],
    ['no', { action: 'decline' }],
    ['closed', { action: 'cancel' }],
    ['empty', { action: 'accept' }],
  ])('a form that is answered at once: %s', async (_what, result) => {
    expect(await answerTo({ fill: () => result, options: { seenAfterMs: 10_000 } })).toEqual(unseen('at once'));
  });
});

test.each([
  ['claude-code', 1, 600_000],
  ['claude-code', 0, 600_000],
  ['claude-code', undefined, 180_000],
  ['claude-ai', 1, 180_000],
  [undefined, 'token', 180_000],
])('a form to %s with the progress token %s stays open for %d ms', (host, token, ms) => {
  expect(askTimeoutOf(host, token)).toBe(ms);
});

describe('is unavailable', () => {
  test('a person who does not answer in time; the form is taken back', async () => {
    const closed = vi.fn();
    const fill: Fill = (_form, signal) =>
      new Promise(() => {
        signal.addEventListener('abort', closed);
      });
    expect(await answerTo({ fill, options: { askTimeoutMs: 100 } })).toEqual(unseen('silence'));
    expect(closed).toHaveBeenCalledOnce();
  });

  test('a host that answers with an error, of which only the class is logged', async () => {
    const lines: string[] = [];
    const fill: Fill = () => {
      throw new Error('al-canary-canary-canary-canary');
    };
    const log = (level: string, message: string) => {
      lines.push(`${level} ${message}`);
    };
    expect(await answerTo({ fill, options: { log } })).toEqual(unseen('silence'));
    expect(lines).toContain('warning a form got no answer (McpError)');
    expect(lines.join()).not.toContain('canary');
  });

  test('a host that declared forms and knows no such request', async () => {
    expect(await answerTo({})).toEqual(unseen('silence'));
  });

  test('a host that goes away while the form is open', async () => {
    const { client, call, answers } = await connect({
      fill: () => {
        void client.close();
        return new Promise(() => undefined);
      },
    });
    await expect(call()).rejects.toThrow();
    await vi.waitUntil(() => answers.length === 1, { timeout: 5_000 });
    expect(answers).toEqual([unseen('silence')]);
  });

  test('a call that is cancelled while the form is open; the form is taken back', async () => {
    const closed = vi.fn();
    const cancelling = new AbortController();
    const { call, answers } = await connect({
      fill: (_form, signal) => {
        signal.addEventListener('abort', closed);
        cancelling.abort();
        return new Promise(() => undefined);
      },
    });
    await expect(call(cancelling.signal)).rejects.toThrow();
    await vi.waitUntil(() => answers.length === 1, { timeout: 5_000 });
    expect(answers).toEqual([unseen('silence')]);
    expect(closed).toHaveBeenCalledOnce();
  });

  test('a server that stops while the form is open', async () => {
    const { adapter, call, answers } = await connect({
      fill: () => {
        void adapter.drain();
        return new Promise(() => undefined);
      },
    });
    await call();
    expect(answers).toEqual([unseen('silence')]);
  });

  test('an answer that is none of the protocol', async () => {
    for (const result of [
      { action: 'yes', content: { answer: 'prod' } },
      { action: 'accept', content: { answer: { value: 'prod' } } },
      { action: 'accept', content: 'prod' },
      {},
    ]) {
      expect(await rawAnswer(result)).toEqual(unseen('silence'));
    }
    expect(await rawAnswer({ action: 'accept', content: { answer: 'prod' } }), 'so that the others could fail').toEqual(
      { answer: 'given', value: 'prod' },
    );
  });
});

describe('who can be asked', () => {
  const given = { answer: 'given', value: 'prod' };
  test.each<[string, ClientCapabilities, unknown]>([
    ['no capability', {}, 'cannot ask'],
    ['other capabilities', { sampling: {}, roots: {} }, 'cannot ask'],
    ['an empty one', { elicitation: {} }, given],
    ['forms', { elicitation: { form: {} } }, given],
    ['one with something else in it', { elicitation: { later: {} } }, given],
    ['forms and addresses', { elicitation: { form: {}, url: {} } }, given],
  ])('%s', async (_what, capabilities, expected) => {
    const fill = capabilities.elicitation && answering({ answer: 'prod' });
    expect(await answerTo({ capabilities, ...(fill && { fill }) })).toEqual(expected);
  });
  test('only addresses', async () => {
    expect(await answerTo({ capabilities: { elicitation: { url: {} } } })).toBe('cannot ask');
  });
});

test('two calls at once have a form each, and each gets its own answer', async () => {
  let count = 0;
  const { call } = await connect({
    fill: async () => {
      count += 1;
      const answer = `answer ${count}`;
      await vi.waitUntil(() => count === 2, { timeout: 5_000 });
      return { action: 'accept', content: { answer } };
    },
  });
  const results = await Promise.all([call(), call()]);
  expect(results.map(({ structuredContent }) => structuredContent)).toEqual([
    { outcome: 'done', result: { answer: 'given', value: 'answer 1' } },
    { outcome: 'done', result: { answer: 'given', value: 'answer 2' } },
  ]);
});

test('an answered form is not taken back when its call is cancelled later', async () => {
  const cancelling = new AbortController();
  const stopped = vi.fn();
  const adapter = serverWith(async ({ ask, signal }) => {
    await ask?.(QUESTION);
    signal.addEventListener('abort', stopped);
    cancelling.abort();
    await vi.waitUntil(() => signal.aborted, { timeout: 5_000 });
  });
  const { client, received } = await connectHost(adapter, { elicitation: {} }, (host) => {
    host.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { answer: 'prod' } }));
  });
  await expect(client.callTool({ name: TOOL }, undefined, { signal: cancelling.signal })).rejects.toThrow();
  await vi.waitUntil(() => stopped.mock.calls.length === 1, { timeout: 5_000 });
  // In order behind whatever the cancellation caused.
  await client.listTools();
  expect(received.filter((message) => 'method' in message).map(({ method }) => method)).toEqual(['elicitation/create']);
});

/** What the tool is answered when the host's result is this, whatever the SDK's client thinks of it. */
async function rawAnswer(result: object): Promise<unknown> {
  const answers: unknown[] = [];
  const { server } = serverWith(async ({ ask }) => {
    answers.push(await ask?.(QUESTION));
  });
  const [host, theirs] = InMemoryTransport.createLinkedPair();
  const said: JSONRPCMessage[] = [];
  host.onmessage = (message) => {
    said.push(message);
    if ('method' in message && 'id' in message)
      void host.send({ jsonrpc: '2.0', id: message.id, result: { ...result } });
  };
  await server.connect(theirs);
  const capabilities = { elicitation: {} };
  const clientInfo = { name: 'raw', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo };
  await host.send({ jsonrpc: '2.0', id: 'begin', method: 'initialize', params });
  await host.send({ jsonrpc: '2.0', id: 'call', method: 'tools/call', params: { name: TOOL, arguments: {} } });
  await vi.waitUntil(() => said.some((message) => 'id' in message && message.id === 'call'), { timeout: 5_000 });
  expect(answers).toHaveLength(1);
  await server.close();
  return answers[0];
}
