// Whether others can read the file that holds the secret of the credential. It is not opened here, and it is used all the
// same: Docker and Kubernetes mount such files for everybody in the container.

import { stat } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import type { Credentials, HeldSecret, SecretFile } from '../config/credentials.ts';
import { isReadableByOthers } from '../files/file-owner.ts';
import { shellWord } from '../files/file-problem.ts';
import { warning, type Check } from './check.ts';

export async function secretFileChecks({ atlas }: Config): Promise<Check[]> {
  const held = atlas && secretOf(atlas.credentials);
  if (!held) return [];
  const { setting, file } = held;
  const found = await stat(file).catch(() => undefined);
  if (!found || !isReadableByOthers(found)) return [];
  return [
    warning(
      'secret file',
      `other users of this machine can read the file of ${setting}`,
      `Run: chmod go-rwx ${shellWord(file)}`,
    ),
  ];
}

function secretOf(credentials: Credentials): SecretFile | undefined {
  switch (credentials.kind) {
    case 'token':
      return fileOf(credentials.token);
    case 'service-account':
      return fileOf(credentials.clientSecret);
    case 'api-key':
      return fileOf(credentials.privateKey);
    case 'atlas-cli':
    case 'missing':
      return undefined;
  }
}

function fileOf(held: HeldSecret): SecretFile | undefined {
  return 'file' in held ? held : undefined;
}
