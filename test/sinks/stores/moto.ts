// moto_server, which plays AWS with signatures and policies, where it is installed: a server of its own for each test file. And
// whether the command line of AWS is.

import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const isThere = spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status === 0;
export const withoutMoto = isThere ? undefined : 'moto_server is not installed';

// Since those versions it knows AWS_ENDPOINT_URL.
const { stdout: version } = spawnSync('aws', ['--version'], { encoding: 'utf8' });
const isAwsThere = /^aws-cli\/(?:1\.(?:29|[3-9]\d)|2\.(?:1[3-9]|[2-9]\d))\./.test(version);
export const withoutAws = isAwsThere ? undefined : 'aws is not installed, or too old';

export interface Moto {
  readonly address: string;
  close(): void;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : 0;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const child = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    detached: true,
    // Signatures and policies count once they are switched on: before, a user with its policy is made.
    env: { ...process.env, INITIAL_NO_AUTH_ACTION_COUNT: '1000000' },
  });
  const address = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 300; tries += 1) {
    if (
      await fetch(`${address}/moto-api/data.json`).then(
        (reply) => reply.ok,
        () => false,
      )
    )
      break;
    await delay(100);
  }
  return {
    address,
    close() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    },
  };
}

/** One call of the query protocol of IAM; the text of the reply. */
async function iam(address: string, form: Readonly<Record<string, string>>): Promise<string> {
  const reply = await fetch(address, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization:
        'AWS4-HMAC-SHA256 Credential=mock/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: new URLSearchParams({ Version: '2010-05-08', ...form }),
  });
  return reply.text();
}

/** The variables of a user who may do these actions and nothing else; from then on signatures and policies are enforced. */
export async function userOf(address: string, actions: readonly string[]): Promise<Record<string, string>> {
  await setEnforced(address, false);
  const UserName = `user-${String(Math.random()).slice(2)}`;
  await iam(address, { Action: 'CreateUser', UserName });
  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] };
  await iam(address, { Action: 'PutUserPolicy', UserName, PolicyName: 'p', PolicyDocument: JSON.stringify(policy) });
  const made = await iam(address, { Action: 'CreateAccessKey', UserName });
  const member = (name: string) => new RegExp(`<${name}>([^<]+)<`).exec(made)?.[1] ?? '';
  await setEnforced(address, true);
  return {
    AWS_ACCESS_KEY_ID: member('AccessKeyId'),
    AWS_SECRET_ACCESS_KEY: member('SecretAccessKey'),
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: address,
  };
}

async function setEnforced(address: string, isEnforced: boolean): Promise<void> {
  await fetch(`${address}/moto-api/reset-auth`, { method: 'POST', body: isEnforced ? '0' : '1000000' });
}
