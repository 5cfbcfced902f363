// The file that leads the person's browser to a page: so the address, and the token in it, stand in no command line, which every
// user of the machine can read. It is this user's only, and lies in a directory that is not hidden, since browsers in sandboxes
// (snap, Flatpak) see no hidden ones. Its token is taken once, and the file goes as soon as that has happened.

import { randomBytes } from 'node:crypto';
import { accessSync, constants, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { failed, ok, type Result } from '../failure.ts';
import { removeIfSame, withNewFile } from '../files/atomic-file.ts';
import { attempt, unlessRefused, type FileProblem } from '../files/file-problem.ts';
import type { Identity } from '../files/names.ts';
import { walk } from '../files/path-walk.ts';
import { askFirst } from '../files/machine.ts';
import { withDirectory, withMadeDirectory } from '../files/safe-directory.ts';
import { markup } from './page-html.ts';

export interface RedirectFile {
  readonly path: string;
  readonly url: string;
  /** Best effort; never throws. */
  remove(): Promise<void>;
}

/** Whether such a file can be written; leaves nothing. */
export function checkRedirects(directory: string): Promise<Result<undefined, FileProblem>> {
  return attempt(`${directory} cannot be used`, async () => {
    await askFirst(directory);
    const way = walk(directory);
    if (!way.ok) return way;
    accessSync(way.value.existing, constants.W_OK | constants.X_OK);
    return ok(undefined);
  });
}

/** Another server may remove the empty directory at that moment. */
const MOST_TRIES = 3;

export async function writeRedirect(directory: string, address: string): Promise<Result<RedirectFile, FileProblem>> {
  const name = `open-${randomBytes(8).toString('hex')}.html`;
  for (let tries = 1; ; tries += 1) {
    const written = await attempt(`${directory} cannot be written`, () =>
      withMadeDirectory(directory, async (opened) => {
        const bytes = Buffer.from(redirectTo(address));
        return ok(await withNewFile(opened, name, bytes, (identity) => identity));
      }),
    );
    if (written.ok) return ok(redirectFile(directory, name, written.value));
    if (tries === MOST_TRIES) return failed(written.failure);
  }
}

function redirectFile(directory: string, name: string, identity: Identity): RedirectFile {
  const path = join(directory, name);
  return {
    path,
    url: pathToFileURL(path).href,
    async remove() {
      await attempt('', () =>
        withDirectory(directory, async (opened) => {
          await removeIfSame(opened, name, identity);
          return ok(undefined);
        }),
      );
      // Refused where another page is open, or the directory is gone, or it holds something else.
      unlessRefused(() => {
        rmdirSync(directory);
      });
    },
  };
}

function redirectTo(address: string): string {
  return markup`<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<meta name="referrer" content="no-referrer" />
<meta http-equiv="refresh" content="0; url=${address}" />
<title>One moment</title>
<p><a href="${address}" rel="noreferrer">Go on to the page of atlas-model-keys-mcp</a></p>
</html>
`.html;
}
