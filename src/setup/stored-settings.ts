// What setup keeps for every host: the client secret in a file of its own, and the configuration file, which names that file and
// holds the guards. It is planned first, so that a dry run and a person see it, and then written; nothing is written over that setup
// did not write.

import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isObject, parseObject } from '../text/text.ts';
import type { Config } from '../config/config.ts';
import { failed, ok, type Result } from '../failure.ts';
import type { FileProblem } from '../files/file-problem.ts';
import { fingerprintOf, type Fingerprint } from '../secret/opened-secret.ts';
import { Secret } from '../secret/secret.ts';
import { openSinks } from '../sinks/kinds.ts';
import type { PreflightMode, PreparedWrite } from '../sinks/sink.ts';
import { fileIn, type SecretPlace } from './secret-place.ts';
import { readIn, writeIn, type SetupRecord } from './record.ts';

/** Why it cannot be kept, and what to do. */
export interface SetupProblem {
  readonly message: string;
  readonly hint?: string;
}

/** What will be written. Absent parts stand there already. */
export interface StoringPlan {
  /** Of the configuration file. */
  readonly path: string;
  readonly content?: string;
  readonly secret?: PlannedSecret;
}

interface PlannedSecret {
  /** For people. */
  readonly path: string;
  readonly value: Secret;
  /** Makes the directories that are missing. */
  readonly prepare: () => Promise<Result<PreparedWrite, SetupProblem>>;
}

/** The path of the secret's file has no placeholder, so this stands nowhere. */
const NO_REFERENCE = { groupId: '0'.repeat(24) };

export async function planStoring(
  config: Config,
  given: Readonly<Record<string, unknown>>,
  path: string,
  record: SetupRecord,
  place: SecretPlace = fileIn(dirname(path)),
): Promise<Result<StoringPlan, SetupProblem>> {
  const credential = credentialIn(config, path, place);
  if (!credential.ok) return credential;
  const found = await readIn(dirname(path), basename(path));
  if (!found.ok) return failed(worded(found.failure));
  const content = contentFor(found.value?.bytes, given, credential.value.atlas);
  const isOwn = found.value === undefined || digestOf(found.value.bytes ?? '') === record.configuration;
  if (content !== undefined && !isOwn) {
    return failed({
      message: `${path} was not written by setup, or was changed since, so it stays as it is.`,
      hint: `Put into it what is missing, or move it away, and run setup again. It should say:\n${content}`,
    });
  }
  const { secret } = credential.value;
  const stored = secret ? await planSecret(secret, place, config, record.secret) : ok(undefined);
  if (!stored.ok) return stored;
  return ok({ path, ...(content !== undefined && { content }), ...(stored.value && { secret: stored.value }) });
}

/** The record of what stands there afterwards, or why not: then nothing is left of it. */
export async function store(plan: StoringPlan, record: SetupRecord): Promise<Result<SetupRecord, SetupProblem>> {
  const { path, content, secret } = plan;
  const delivered = secret ? await deliver(secret) : ok(undefined);
  if (!delivered.ok) return delivered;
  const kept = { ...record, ...(secret && { secret: fingerprintOf(secret.value) }) };
  if (content === undefined) return ok(kept);
  const isOwn = (bytes: Buffer) => digestOf(bytes) === record.configuration;
  const written = await writeIn(dirname(path), basename(path), content, isOwn);
  if (written.ok) return ok({ ...kept, configuration: digestOf(content) });
  await delivered.value?.retract();
  return failed(worded(written.failure));
}

function digestOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

interface KeptCredential {
  /** For the section `atlas` of the configuration file; absent where nothing of it is new. */
  readonly atlas?: Readonly<Record<string, unknown>>;
  /** To be put into the file that the section names. */
  readonly secret?: Secret;
}

/** What the configuration file is to say of the credential. Only what a file can name is kept: never a secret in the file itself. */
function credentialIn(config: Config, path: string, kept: SecretPlace): Result<KeptCredential, SetupProblem> {
  const { atlas, orgId, allowedProjects } = config;
  // The only allowed project is the default of itself.
  const projectId = allowedProjects?.length === 1 ? undefined : config.projectId;
  const ids = { ...(projectId !== undefined && { projectId }), ...(orgId !== undefined && { orgId }) };
  const credentials = atlas?.credentials;
  if (credentials?.kind === 'atlas-cli') return ok({ atlas: ids });
  if (credentials?.kind !== 'service-account') {
    return failed({
      message:
        credentials === undefined || credentials.kind === 'missing'
          ? 'There is no credential for Atlas.'
          : 'Setup keeps a service account, or the name of a profile of the Atlas CLI; not a token or an API key.',
      hint: 'Run setup in a terminal, or set MONGODB_ATLAS_CLIENT_ID with MONGODB_ATLAS_CLIENT_SECRET (or …_FILE, …_COMMAND), or ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE.',
    });
  }
  const { clientId, clientSecret, setting = '' } = credentials;
  const place = { baseUrl: atlas?.baseUrl.origin, clientId, ...ids };
  // It stands in the configuration file already, and keeps its spelling.
  if (setting.startsWith(`${path}: `)) return ok({ atlas: place });
  if (clientSecret instanceof Secret) {
    return ok({ atlas: { ...place, ...kept.named }, secret: clientSecret });
  }
  const how =
    'file' in clientSecret ? { clientSecretFile: clientSecret.file } : { clientSecretCommand: clientSecret.argv };
  return ok({ atlas: { ...place, ...how } });
}

/** Undefined where the file says all of it already. */
function contentFor(
  bytes: Buffer | undefined,
  given: Readonly<Record<string, unknown>>,
  atlas: Readonly<Record<string, unknown>> = {},
): string | undefined {
  const old = parseObject(bytes?.toString('utf8').replace(/^\uFEFF/, '')) ?? {};
  const { clientSecretFile, clientSecretCommand, ...oldAtlas } = isObject(old.atlas) ? old.atlas : {};
  const isNewSecret = 'clientSecretFile' in atlas || 'clientSecretCommand' in atlas;
  const oldSecret = {
    ...(clientSecretFile !== undefined && { clientSecretFile }),
    ...(clientSecretCommand !== undefined && { clientSecretCommand }),
  };
  const section = { ...oldAtlas, ...(isNewSecret ? {} : oldSecret), ...atlas };
  const wanted = { ...old, ...given, ...(Object.keys(section).length > 0 && { atlas: section }) };
  return bytes !== undefined && isDeepStrictEqual(wanted, old) ? undefined : `${JSON.stringify(wanted, null, 2)}\n`;
}

/** Undefined where the file holds that very secret. It is a sink that keeps it: a file is 0600, and whole or not there. */
async function planSecret(
  value: Secret,
  { spec, shown }: SecretPlace,
  { environment }: Config,
  written: Fingerprint | undefined,
): Promise<Result<PlannedSecret | undefined, SetupProblem>> {
  const sink = openSinks(new Map([['secret', spec]]), environment).get('secret');
  if (!sink) throw new Error('The sink that was just opened is not there.');
  const held = await sink.lookUp(NO_REFERENCE);
  if (held.held === 'value' && held.fingerprint === fingerprintOf(value)) return ok(undefined);
  const replaced = written && { maskedSecret: undefined, fingerprints: [written] };
  const preflight = async (mode: PreflightMode): Promise<Result<PreparedWrite, SetupProblem>> => {
    const ready = await sink.preflight(NO_REFERENCE, mode, replaced);
    if (ready.ok) return ok(ready.value.write);
    const { code, message, hint } = ready.failure;
    return failed({ message, hint: code === 'SINK_ENTRY_EXISTS' ? FOREIGN : hint });
  };
  const ready = await preflight('inspect');
  return ready.ok ? ok({ path: shown, value, prepare: () => preflight('prove') }) : ready;
}

const FOREIGN =
  'Setup did not write it. Remove it if no server uses it, or name it in MONGODB_ATLAS_CLIENT_SECRET_FILE instead.';

async function deliver({ value, path, prepare }: PlannedSecret): Promise<Result<PreparedWrite, SetupProblem>> {
  const prepared = await prepare();
  if (!prepared.ok) return prepared;
  const write = prepared.value;
  const delivery = await write.deliver(value);
  if (delivery.outcome === 'failed') return failed(delivery);
  const verdict = await write.verify(value);
  if (verdict.outcome === 'verified') return ok(write);
  await write.retract();
  return failed({ message: `${path} does not hold what was written into it. ${verdict.message}`, hint: verdict.hint });
}

function worded({ message, remedy }: FileProblem): SetupProblem {
  return { message, ...(remedy !== undefined && { hint: remedy }) };
}
