// Where setup puts a client secret that it was given, and how the configuration file names that: a file of its own, or the keyring of
// this user. It opens neither.

import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { secretService } from '../config/presets.ts';
import type { SinkSpec } from '../config/sink-spec.ts';
import { failed, ok, type Result } from '../failure.ts';
import { findExecutable } from '../programs/executable.ts';
import type { SetupProblem } from './stored-settings.ts';

export interface SecretPlace {
  readonly spec: SinkSpec;
  /** For the section `atlas` of the configuration file. */
  readonly named: Readonly<Record<string, unknown>>;
  /** For people. */
  readonly shown: string;
}

export function fileIn(directory: string): SecretPlace {
  const path = join(directory, 'client-secret');
  return { spec: { type: 'file', path }, named: { clientSecretFile: path }, shown: path };
}

/** The bus of a session that systemd manages. It is the same in each session of this user, and several hosts do not pass it on. */
const LASTING_BUS = /^unix:path=\/run\/user\/[0-9]+\/bus$/;
/** A person may have to unlock the keyring. */
const LONGEST_MS = 60_000;

/** The Secret Service (GNOME Keyring, KWallet, KeePassXC), by secret-tool of libsecret. */
export function keyringOf({ atlas, environment }: Config): Result<SecretPlace, SetupProblem> {
  const found = findExecutable('secret-tool', environment.PATH ?? '');
  if (!found.ok) {
    return failed({
      message: found.failure.message,
      hint: `--keychain works on Linux, with libsecret. ${found.failure.hint}`,
    });
  }
  const credentials = atlas?.credentials;
  const account = credentials?.kind === 'service-account' ? credentials.clientId : '';
  const command = secretService('atlas-model-keys', account, 'Atlas model keys');
  const [, ...lookup] = command.verify ?? [];
  const bus = environment.DBUS_SESSION_BUS_ADDRESS ?? '';
  const withBus = LASTING_BUS.test(bus) ? ['/usr/bin/env', `DBUS_SESSION_BUS_ADDRESS=${bus}`] : [];
  return ok({
    spec: { type: 'command', ...command, env: {}, timeoutMs: LONGEST_MS },
    named: { clientSecretCommand: [...withBus, found.value, ...lookup] },
    shown: 'the keyring of this user (service atlas-model-keys)',
  });
}
