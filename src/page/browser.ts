// Finds what opens a file in the person's own browser, and says why nothing does. The program is looked for as any other that this
// server runs: nobody else may be able to exchange it. Its argument is a file of this user, never an address.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { failed, ok, type Failure, type Result } from '../failure.ts';
import { unlessRefused } from '../files/file-problem.ts';
import { systemProgram } from '../files/windows.ts';
import { childEnvironment, searchPathOf, type Environment } from '../programs/child-environment.ts';
import { launchProgram } from '../programs/launch.ts';
import { findExecutable } from '../programs/executable.ts';

export interface BrowserSettings {
  /** A program and its arguments, in which `%s` is replaced by the file's URL; it follows where there is none. */
  readonly browserCommand?: readonly string[] | undefined;
  /** That of this process, from which the program gets a short list. */
  readonly environment: Environment;
  /** Seen by tests. */
  readonly system?: System;
}

interface System {
  readonly platform: NodeJS.Platform;
  /** Of the kernel, which names WSL. */
  readonly release: string;
  /** Whether this server runs in a sandbox of Flatpak. */
  readonly isInFlatpak: boolean;
}

type Unfit = Pick<Failure, 'message' | 'hint'>;

export interface Browser {
  /** Answers a problem, in words, where that failed. */
  open(url: string): Promise<string | undefined>;
}

/** Runs nothing. */
export function findBrowser({
  browserCommand,
  environment,
  system = thisSystem(),
}: BrowserSettings): Result<Browser, Unfit> {
  if (browserCommand) return browserBy([browserCommand], environment);
  if (system.isInFlatpak)
    return failed(unfit('This server runs in a sandbox of Flatpak, and opens no browser from there.'));
  const named = (environment.BROWSER ?? '').split(delimiter).map((command) => command.split(/\s+/).filter(Boolean));
  const commands = named.filter((command) => command.length > 0);
  if (commands.length > 0) return browserBy(commands, environment);
  switch (system.platform) {
    case 'darwin':
      return browserBy([['/usr/bin/open']], environment);
    case 'win32':
      return browserBy(
        [[systemProgram('rundll32.exe', environment), 'url.dll,FileProtocolHandler'], [explorer(environment)]],
        environment,
      );
    default:
      if (isWsl(system, environment)) return failed(unfit('This server runs in WSL, and the browser outside of it.'));
      if (!environment.DISPLAY && !environment.WAYLAND_DISPLAY)
        return failed(unfit('There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set).'));
      if (isInFlatpak(defaultBrowserOf(environment), environment))
        return failed(
          unfit('The default browser runs in a sandbox of Flatpak, which does not see the files of this user.'),
        );
      return browserBy([['xdg-open']], environment);
  }
}

function thisSystem(): System {
  return { platform: process.platform, release: release(), isInFlatpak: existsSync('/.flatpak-info') };
}

function isWsl(system: System, environment: Environment): boolean {
  return environment.WSL_DISTRO_NAME !== undefined || /microsoft/i.test(system.release);
}

/** More than the largest such file. */
const LARGEST = 256 * 1024;

/**
 * The desktop file by which files of HTML are opened, as far as the person or the system has said it; undefined otherwise.
 *
 * @see https://specifications.freedesktop.org/mime-apps/latest/default.html
 */
function defaultBrowserOf(environment: Environment): string | undefined {
  const folders = [
    userFolder(environment, 'XDG_CONFIG_HOME', '.config'),
    userData(environment, 'applications'),
    '/etc/xdg',
  ];
  for (const folder of folders) {
    const [, group = ''] = /^\[Default Applications\]$([^[]*)/m.exec(textOf(join(folder, 'mimeapps.list'))) ?? [];
    const named = /^text\/html\s*=\s*([^;\s]+)/m.exec(group)?.[1];
    if (named !== undefined) return named;
  }
  return undefined;
}

/** Flatpak exports the desktop file of each of its programs. A browser of snap sees the files of the home that are not hidden. */
function isInFlatpak(desktopFile: string | undefined, environment: Environment): boolean {
  if (desktopFile === undefined || desktopFile.includes('/')) return false;
  const installations = [userData(environment, 'flatpak'), '/var/lib/flatpak'];
  return installations.some((root) => existsSync(join(root, 'exports/share/applications', desktopFile)));
}

function userData(environment: Environment, name: string): string {
  return join(userFolder(environment, 'XDG_DATA_HOME', '.local/share'), name);
}

function userFolder(environment: Environment, variable: string, name: string): string {
  const given = environment[variable] ?? '';
  return isAbsolute(given) ? given : join(environment.HOME ?? '/', name);
}

/** Empty where there is none that can be read. */
function textOf(path: string): string {
  return unlessRefused(() => (statSync(path).size > LARGEST ? '' : readFileSync(path, 'utf8'))) ?? '';
}

/** In the folder of Windows itself. Its exit code says nothing. */
function explorer(environment: Environment): string {
  return systemProgram('explorer.exe', environment).replace(/\\System32(?=\\[^\\]*$)/, '');
}

/** The first of the commands whose program is there. */
function browserBy(commands: readonly (readonly string[])[], environment: Environment): Result<Browser, Unfit> {
  let problem = unfit('No program opens a browser here.');
  for (const [program = '', ...args] of commands) {
    const found = findExecutable(program, searchPathOf(environment));
    if (found.ok) return ok(browser(found.value, args, environment));
    problem = { message: found.failure.message, hint: `${found.failure.hint} ${ADVICE}` };
  }
  return failed(problem);
}

function browser(path: string, args: readonly string[], environment: Environment): Browser {
  return {
    async open(url) {
      const filled = args.map((arg) => arg.replaceAll('%s', () => url));
      const withUrl = args.some((arg) => arg.includes('%s')) ? filled : [...filled, url];
      const end = await launchProgram({ path, args: withUrl, env: childEnvironment(environment, {}) });
      if (end === undefined || (end.by === 'exit' && /explorer\.exe$/i.test(path))) return undefined;
      return end.by === 'exit'
        ? `The program ${path} that opens the browser ended with exit code ${String(end.code)}.`
        : `The program ${path} that opens the browser could not be started.`;
    },
  };
}

const ADVICE = 'The operator names a program that opens the browser in ATLAS_MODEL_KEYS_BROWSER_COMMAND.';

function unfit(message: string): Unfit {
  return { message, hint: ADVICE };
}
