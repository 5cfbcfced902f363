// Debian's Chromium, driven by playwright-core, for tests that need a real browser. Where it is not installed they are skipped, and
// say so; in CI they may not be.

import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';
import { onTestFinished } from 'vitest';

export const CHROMIUM = '/usr/bin/chromium';
export const hasChromium = existsSync(CHROMIUM);
export const why = hasChromium ? '' : ` (skipped: ${CHROMIUM} is not installed)`;
/** Root has no sandbox in Chromium; what is tested here does not depend on it. */
export const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
/** Of a test with a browser, on a busy machine. */
export const SLOW = 90_000;

interface BrowserOptions {
  readonly javaScriptEnabled?: boolean;
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** A browser with a profile of its own, until the test ends. */
export async function openBrowser(options: BrowserOptions = {}): Promise<{ browser: BrowserContext; profile: string }> {
  const profile = temporaryProfile();
  const browser = await chromium.launchPersistentContext(profile, {
    ...{ executablePath: CHROMIUM, headless: true, args: FLAGS },
    ...options,
  });
  onTestFinished(() => browser.close());
  return { browser, profile };
}

export function temporaryProfile(): string {
  const profile = mkdtempSync(join(realpathSync(tmpdir()), 'amk-chromium-'));
  onTestFinished(() => {
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  });
  return profile;
}

/** All that a folder holds, as bytes and as the wide text of browsers. */
export function textBelow(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.flatMap(({ parentPath, name }) => {
    try {
      return [readFileSync(join(parentPath, name))];
    } catch {
      // The browser has removed it meanwhile.
      return [];
    }
  });
  return bytes.map((each) => each.toString('latin1').replaceAll('\0', '')).join('\n');
}

/** The command line of each process of this machine, by its id. */
function processes(): Map<number, string> {
  const ids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  return new Map(ids.map((id) => [Number(id), readOptional(`/proc/${id}/cmdline`)]));
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has ended, or is another user's.
    return '';
  }
}

/** The command lines of every process of this machine, and the environment of each where that can be read. */
export function commandLines(): string {
  return [...processes()].flatMap(([id, line]) => [line, readOptional(`/proc/${id}/environ`)]).join('\n');
}

/** The processes of the browsers with a profile in this folder, which belongs to one test. */
export function browsersOf(profiles: string): number[] {
  return [...processes()].flatMap(([id, line]) => (line.includes(`--user-data-dir=${profiles}`) ? [id] : []));
}
