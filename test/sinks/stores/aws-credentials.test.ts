// Where the credential for AWS comes from: its command line, the endpoint of a container, the role of a web identity; that it is
// had again once where AWS refuses it, and no more; and that nothing of it is shown. The command line of AWS judges the endpoints.

import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import { awsStandIn } from './aws-stand-in.ts';
import { withoutAws } from './moto.ts';
import { standIn, type Call, type Reply } from './stand-in.ts';
import { AWS_ID, sinkOf, TOKEN } from './store-kinds.ts';

const reference = { groupId: '0123456789abcdef01234567', entry: 'app_1' };
const NEW = 'al-aws-canary-of-the-new-key-0123456789-nEw1';
const IDENTITY = 'canary.web-identity.0123456789';
const ROLE = 'arn:aws:iam::123456789012:role/keys';

function clean<T>(outcome: T): T {
  expect(inspect(outcome, { depth: 9 })).not.toMatch(/canary/);
  return outcome;
}

function folder(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'amk-aws-')));
  onTestFinished(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

/** AWS, a folder, and the credentials that are given out: of those only the last is taken, where one is. */
async function scene({ accepted = 2 } = {}) {
  const home = folder();
  const server = await awsStandIn(AWS_ID, { secret: 'canary-of-nobody' });
  onTestFinished(() => server.close());
  let given = 0;
  /** Another session each time. */
  const next = () => {
    given += 1;
    const id = `ASIA${String(given).padStart(16, '0')}`;
    const [secret, session] = [`${TOKEN}-${given}`, `${TOKEN}-session-${given}`];
    server.users.set(id, { secret, session, isExpired: given !== accepted });
    return { id, secret, session, expiration: new Date(Date.now() + 3_600_000).toISOString() };
  };
  const write = async (environment: Record<string, string>, more: object = {}) => {
    const variables = { HOME: home, AWS_REGION: 'us-east-1', ...environment };
    const sink = sinkOf('aws-sm:apps/{entry}', { address: server.address, ...more }, variables);
    const preflight = clean(await sink.preflight(reference, 'prove'));
    return preflight.ok ? clean(await preflight.value.write.deliver(new Secret(NEW))) : preflight.failure;
  };
  return { home, server, next, write, given: () => given };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** The endpoint of a container, or STS: which it is tells the method. */
async function endpoint({ next }: Scene, more: (call: Call) => Reply | undefined = () => undefined) {
  const server = await standIn((call) => {
    const answer = more(call);
    if (answer) return answer;
    const { id, secret, session, expiration } = next();
    const keys = { AccessKeyId: id, SecretAccessKey: secret, Expiration: expiration };
    if (call.method === 'GET') return { status: 200, body: { ...keys, Token: session, RoleArn: ROLE } };
    const members = Object.entries({ ...keys, SessionToken: session }).map(
      ([name, value]) => `<${name}>${value}</${name}>`,
    );
    const xml = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Credentials>${members.join('\n')}</Credentials>
    <SubjectFromWebIdentityToken>of somebody</SubjectFromWebIdentityToken>
  </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
    return { status: 200, text: xml };
  });
  onTestFinished(() => server.close());
  return server;
}

/** An `aws` that prints what the endpoint of a container says. */
async function commandLine(of: Scene): Promise<Record<string, string>> {
  const server = await endpoint(of);
  const program = join(of.home, 'aws');
  const script = `const reply = await (await fetch(${JSON.stringify(server.address)})).json();
const { AccessKeyId, SecretAccessKey, Token: SessionToken, Expiration } = reply;
if (process.argv.slice(2).join(' ') !== 'configure export-credentials --format process') process.exit(2);
console.log(JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, SessionToken, Expiration }));`;
  writeFileSync(join(of.home, 'aws.mjs'), script);
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${join(of.home, 'aws.mjs')}' "$@"\n`);
  chmodSync(program, 0o700);
  return { PATH: `${of.home}:${process.env.PATH ?? ''}` };
}

async function container(of: Scene): Promise<Record<string, string>> {
  const token = join(of.home, 'token');
  writeFileSync(token, TOKEN);
  const server = await endpoint(of, ({ headers, path, query }) =>
    headers.authorization === TOKEN && path === '/v1/credentials' && query.get('of') === 'pod'
      ? undefined
      : { status: 401, body: { message: TOKEN } },
  );
  const uri = `${server.address}/v1/credentials?of=pod`;
  return { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: token };
}

async function webIdentity(of: Scene): Promise<Record<string, string>> {
  const token = join(of.home, 'identity');
  writeFileSync(token, IDENTITY);
  const server = await endpoint(of, ({ text: form }) => {
    const given = Object.fromEntries(new URLSearchParams(form));
    const { Action, Version, RoleArn, WebIdentityToken, RoleSessionName = '' } = given;
    const isRight = Action === 'AssumeRoleWithWebIdentity' && Version === '2011-06-15' && RoleArn === ROLE;
    return isRight && WebIdentityToken === IDENTITY && /^[\w+=,.@-]{2,64}$/.test(RoleSessionName)
      ? undefined
      : { status: 400, text: `<ErrorResponse><Error><Code>InvalidIdentityToken</Code>${form}</Error></ErrorResponse>` };
  });
  return { AWS_ENDPOINT_URL_STS: server.address, AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ROLE_ARN: ROLE };
}

const sources = [
  { from: 'aws configure export-credentials', set: commandLine },
  { from: 'the endpoint of a container', set: container },
  { from: 'the role of a web identity', set: webIdentity },
];

describe.each(sources)('a credential from $from', ({ set }) => {
  test('that ended is had again, and the call is carried out', async () => {
    const own = await scene({ accepted: 2 });
    expect(await own.write(await set(own))).toMatchObject({ outcome: 'written' });
    expect(own.given()).toBe(2);
    expect(own.server.currentSecret('apps/app_1')).toEqual({ SecretString: NEW });
  });

  test('that is refused again is not had a third time', async () => {
    const own = await scene({ accepted: 3 });
    expect(await own.write(await set(own))).toMatchObject({ code: 'SINK_NOT_READY' });
    expect([own.given(), own.server.calls.length]).toEqual([2, 2]);
  });

  test('that ends between the look and the write is had again then', async () => {
    const own = await scene({ accepted: 1 });
    own.server.fault = ({ headers }) => {
      if (!String(headers['x-amz-target']).endsWith('CreateSecret') || own.given() > 1) return undefined;
      return { status: 400, body: { __type: 'ExpiredTokenException', message: TOKEN } };
    };
    const environment = await set(own);
    const users = own.server.users;
    own.server.afterwards = () => {
      for (const user of users.values()) Object.assign(user, { isExpired: false });
    };
    own.server.meanwhile = own.server.afterwards;
    const ended = await own.write(environment);
    expect([own.given(), own.server.secrets.size]).toEqual([
      2,
      'outcome' in ended && ended.outcome === 'written' ? 1 : 0,
    ]);
  });
});

const addresses = [
  ['http://example.com/credentials', false],
  ['http://169.254.169.254/latest/meta-data', false],
  ['http://169.254.170.2@example.com/', false],
  ['http://127.0.0.1.example.com/', false],
  ['http://0x7f000001/credentials', false],
  ['http://[fd00:ec2::24]/credentials', false],
  ['https://user:word@example.com/credentials', false],
  ['ftp://127.0.0.1/credentials', false],
  ['127.0.0.1/credentials', false],
  ['http://169.254.170.2/credentials', true],
  ['http://169.254.170.23/v1/credentials', true],
  ['http://[fd00:ec2::23]/v1/credentials', true],
] as const;

test.each(addresses)('the endpoint of a container at %s is asked: %s', async (uri, isAsked) => {
  const own = await scene();
  const failure = await own.write({ AWS_CONTAINER_CREDENTIALS_FULL_URI: uri }, { timeoutMs: 300 });
  expect('message' in failure ? failure.message : '').toMatch(
    isAsked
      ? /^The endpoint of the container (?:could not be reached|answered with status)/
      : /is not one that is asked/,
  );
});

test('the path that ECS gives is of its own endpoint, whatever it is', async () => {
  const own = await scene();
  for (const path of ['@example.com/', '.example.com/', ':80@example.com/']) {
    const failure = await own.write({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: path }, { timeoutMs: 300 });
    expect('message' in failure ? failure.message : '').toContain('is not one that is asked');
  }
});

test('a profile that is named goes before a container and a role, and the variables before all', async () => {
  const own = await scene({ accepted: 1 });
  const others = { ...(await container(own)), ...(await webIdentity(own)) };
  expect(await own.write({ ...others, AWS_PROFILE: 'deploy', PATH: own.home })).toMatchObject({
    code: 'SINK_NOT_READY',
  });
  expect(own.given()).toBe(0);
  own.server.users.set(AWS_ID, { secret: TOKEN });
  const keys = { AWS_ACCESS_KEY_ID: AWS_ID, AWS_SECRET_ACCESS_KEY: TOKEN };
  expect(await own.write({ ...others, ...keys })).toMatchObject({ outcome: 'written' });
  expect(own.given()).toBe(0);
});

test.each([
  ['the endpoint of a container', container],
  ['STS', webIdentity],
])('what answers in the place of %s is not shown', async (_name, set) => {
  for (const answer of [
    { status: 500, body: { message: TOKEN } },
    { status: 302, body: { message: TOKEN } },
    { status: 200, body: { AccessKeyId: `canary ${TOKEN}`, SecretAccessKey: TOKEN } },
    { status: 200, body: {} },
    { status: 200, text: '<html>' },
    { status: 200, text: `<Credentials><AccessKeyId>canary-é</AccessKeyId><SecretAccessKey>${TOKEN}` },
    { status: 200, body: { AccessKeyId: AWS_ID, SecretAccessKey: 'canary of\r\ntwo lines' } },
  ]) {
    const own = await scene();
    const environment = await set(own);
    const { address } = await endpoint(own, () => answer);
    const isContainer = 'AWS_CONTAINER_CREDENTIALS_FULL_URI' in environment;
    const at = isContainer ? { AWS_CONTAINER_CREDENTIALS_FULL_URI: address } : { AWS_ENDPOINT_URL_STS: address };
    const used = { ...environment, ...at };
    const by = isContainer ? 'The endpoint of the container' : 'AWS STS';
    const how = answer.status === 200 ? 'something that could not be understood' : `with status ${answer.status}`;
    const message = `${by} answered ${how}, so that a sink has no credential.`;
    expect(await own.write(used)).toMatchObject({ code: 'SINK_NOT_READY', message });
  }
});

test.skipIf(withoutAws !== undefined).each([
  ['container', container],
  ['web identity', webIdentity],
])(
  `the command line of AWS takes the credential that a stand-in gives: %s (${withoutAws ?? 'it is there'})`,
  async (_name, set) => {
    const own = await scene({ accepted: 1 });
    const env = {
      HOME: own.home,
      PATH: process.env.PATH,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: own.server.address,
      ...(await set(own)),
    };
    const args = ['secretsmanager', 'create-secret', '--name', 'judged', '--secret-string', NEW];
    const child = spawn('aws', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    expect(await text(child.stdout)).toContain('"Name": "judged"');
    expect(own.server.currentSecret('judged')).toEqual({ SecretString: NEW });
  },
  60_000,
);
