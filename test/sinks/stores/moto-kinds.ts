// The stores of AWS on moto_server, behind a proxy that does wrong what a test asks for: rows as in store-kinds.ts, where moto is
// installed. One server for all tests of a file; each test has a name of its own in it.

import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { AwsClient } from 'aws4fetch';
import { startMoto, userOf, withoutMoto, type Moto } from './moto.ts';
import { recordOf, standIn, textsOf, type Call, type Reply } from './stand-in.ts';
import { common, isAwsWrite, type StoreKind } from './store-kinds.ts';

let running: Promise<{ moto: Moto; admin: Record<string, string> }> | undefined;
let count = 0;

export function motoRunning() {
  return (running ??= startMoto().then(async (moto) => ({ moto, admin: await userOf(moto.address, ['*']) })));
}

export async function closeMoto(): Promise<void> {
  (await running)?.moto.close();
}

/** A call that is signed by somebody who may do all; undefined where it is refused. */
export async function asAdmin(service: 'secretsmanager' | 'ssm', action: string, input: object) {
  const { moto, admin } = await motoRunning();
  const [accessKeyId = '', secretAccessKey = ''] = [admin.AWS_ACCESS_KEY_ID, admin.AWS_SECRET_ACCESS_KEY];
  const client = new AwsClient({ accessKeyId, secretAccessKey, service, region: 'us-east-1', retries: 0 });
  const target = service === 'ssm' ? 'AmazonSSM' : service;
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `${target}.${action}` };
  const reply = await client.fetch(moto.address, { method: 'POST', headers, body: JSON.stringify(input) });
  return reply.ok ? recordOf(await reply.json()) : undefined;
}

/** As it came, host and all, since that is signed. */
function forward(address: string, { path, headers, text }: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(address + path, { method: 'POST', headers }, (response) => {
      json(response).then((body) => {
        resolve({ status: response.statusCode ?? 0, body });
      }, reject);
    });
    sent.on('error', reject).end(text);
  });
}

/** @param uri given a name that no other test has */
function motoKind(
  type: 'aws-sm' | 'aws-ssm',
  uri: (name: string) => string,
  at: { held: (name: string) => Promise<string | undefined>; put: (name: string, value: string) => Promise<void> },
): StoreKind {
  return {
    name: `${type} on moto`,
    verification: 'read-back',
    isConditional: type === 'aws-sm' ? true : 'create',
    isWrite: isAwsWrite,
    async open(timeoutMs = 10_000) {
      const { moto, admin } = await motoRunning();
      count += 1;
      const name = `amk-${count}`;
      const server = await standIn((call) => forward(moto.address, call));
      return {
        ...common(server, uri(name), { timeoutMs }, { ...admin, AWS_ENDPOINT_URL: server.address }),
        held: () => at.held(name),
        put: (value) => at.put(name, value),
      };
    },
  };
}

const kinds = [
  motoKind('aws-sm', (name) => `aws-sm:${name}`, {
    async held(SecretId) {
      const asked = { SecretId, VersionStage: 'AWSCURRENT' };
      return textsOf(await asAdmin('secretsmanager', 'GetSecretValue', asked)).SecretString;
    },
    async put(Name, SecretString) {
      const ClientRequestToken = crypto.randomUUID();
      const made = await asAdmin('secretsmanager', 'CreateSecret', { Name, SecretString, ClientRequestToken });
      if (made) return;
      // Moto takes AWSCURRENT from the version that had it only where it is moved.
      const at = { SecretId: Name, MoveToVersionId: ClientRequestToken, VersionStage: 'AWSCURRENT' };
      const held = await asAdmin('secretsmanager', 'GetSecretValue', { SecretId: Name, VersionStage: at.VersionStage });
      const put = { SecretId: Name, SecretString, ClientRequestToken, VersionStages: [`of-${ClientRequestToken}`] };
      await asAdmin('secretsmanager', 'PutSecretValue', put);
      const RemoveFromVersionId = textsOf(held).VersionId;
      await asAdmin('secretsmanager', 'UpdateSecretVersionStage', { ...at, RemoveFromVersionId });
    },
  }),
  motoKind('aws-ssm', (name) => `aws-ssm:/${name}/{entry}`, {
    async held(name) {
      const asked = await asAdmin('ssm', 'GetParameter', { Name: `/${name}/app_1`, WithDecryption: true });
      return textsOf(asked?.Parameter).Value;
    },
    async put(name, Value) {
      await asAdmin('ssm', 'PutParameter', { Name: `/${name}/app_1`, Value, Type: 'SecureString', Overwrite: true });
    },
  }),
];

// Debian has no moto, so that CI may be without it; the stand-in runs there.
export const motoKinds = withoutMoto === undefined ? kinds : [];
