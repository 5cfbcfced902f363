// The token of Vault or OpenBao, found as their command lines find it: the variable, its file, the token helper, ~/.vault-token;
// or by a login with AppRole or with the service account of a pod, which is done again once the token is refused.

import type { Environment } from '../../programs/child-environment.ts';
import { isAbsolute, join } from 'node:path';
import type { VaultSpec } from '../../config/store-spec.ts';
import { failed, type Result } from '../../failure.ts';
import { openSecret, type Secret } from '../../secret/secret.ts';
import { notReady, type SinkProblem } from '../sink.ts';
import { isSuccess, objectAt, problemOf, textAt, type Client } from './store-client.ts';
import {
  checkedSecret,
  keptSecret,
  printedByHelper,
  secretOfFile,
  secretOfVariable,
  textOfFile,
  variableOf,
  type Credential,
} from './store-credential.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** The value by Vault's name, else by OpenBao's. */
export function vaultVariable(environment: Environment, name: string): string | undefined {
  return variableOf(environment, `VAULT_${name}`, `BAO_${name}`);
}

export function vaultToken(
  client: Client,
  spec: VaultSpec,
  environment: Environment,
  serviceAccount = SERVICE_ACCOUNT,
): Credential<Secret> {
  return keptSecret(async () => {
    for (const name of ['VAULT_TOKEN', 'BAO_TOKEN']) {
      const given = await secretOfVariable(environment, name);
      if (given) return given;
    }
    if (spec.kubernetesRole !== undefined) return kubernetesLogin(client, spec, environment, serviceAccount);
    const roleId = vaultVariable(environment, 'ROLE_ID');
    if (roleId !== undefined) return appRoleLogin(client, spec, roleId, environment);
    return localToken(spec, environment);
  });
}

async function kubernetesLogin(client: Client, spec: VaultSpec, environment: Environment, serviceAccount: string) {
  const token = await secretOfFile(serviceAccount, 'the service account of this pod');
  if (!token.ok) return token;
  const body = { role: spec.kubernetesRole, jwt: openSecret(token.value) };
  return login(client, spec.authMount ?? 'kubernetes', body, namespaceOf(spec, environment));
}

async function appRoleLogin(client: Client, spec: VaultSpec, roleId: string, environment: Environment) {
  const secretId =
    (await secretOfVariable(environment, 'VAULT_SECRET_ID')) ?? (await secretOfVariable(environment, 'BAO_SECRET_ID'));
  if (secretId && !secretId.ok) return secretId;
  const body = { role_id: roleId, ...(secretId && { secret_id: openSecret(secretId.value) }) };
  return login(client, spec.authMount ?? 'approle', body, namespaceOf(spec, environment));
}

export function namespaceOf(spec: VaultSpec, environment: Environment): Readonly<Record<string, string>> {
  const namespace = spec.namespace ?? vaultVariable(environment, 'NAMESPACE');
  return { 'x-vault-request': 'true', ...(namespace !== undefined && { 'x-vault-namespace': namespace }) };
}

async function login(
  client: Client,
  mount: string,
  body: object,
  headers: Readonly<Record<string, string>>,
): Promise<Result<Secret, SinkProblem>> {
  const answer = await client.send({
    method: 'POST',
    path: `/v1/auth/${mount}/login`,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const token = isSuccess(answer) ? textAt(objectAt(answer.body, 'auth'), 'client_token') : undefined;
  if (token !== undefined) return checkedSecret(token, `the login at ${mount}`);
  return failed(problemOf(client, answer, `The login at auth/${mount} failed: see the role and what it logs in with.`));
}

async function localToken(spec: VaultSpec, environment: Environment): Promise<Result<Secret, SinkProblem>> {
  const home = variableOf(environment, 'HOME', 'USERPROFILE') ?? '';
  // Never in the working directory, which others may have filled.
  const inHome = (name: string) => (isAbsolute(home) ? join(home, name) : '');
  const config = await textOfFile(environment.VAULT_CONFIG_PATH ?? inHome('.vault'));
  const helper = /^\s*token_helper\s*=\s*"([^"\\]+)"/m.exec(config ?? '')?.[1];
  if (helper !== undefined) {
    const run = {
      argv: [helper, 'get'] as const,
      passed: ['VAULT_ADDR', 'VAULT_NAMESPACE'],
      timeoutMs: spec.timeoutMs,
    };
    const printed = await printedByHelper(run, environment);
    return printed.ok ? checkedSecret(printed.value, 'the token helper') : printed;
  }
  const file = inHome('.vault-token');
  if ((await textOfFile(file)) !== undefined) return secretOfFile(file, '~/.vault-token');
  const hint =
    'Set VAULT_TOKEN or VAULT_TOKEN_FILE, or VAULT_ROLE_ID with VAULT_SECRET_ID_FILE, or log in with the command line.';
  return failed(notReady('There is no token for Vault.', hint));
}
