// What opens a page in the person's browser, on each system, and why nothing does.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findBrowser, type BrowserSettings } from '../../src/page/browser.ts';

const LINUX = { platform: 'linux', release: '6.1.0-18-amd64', isInFlatpak: false } as const;

function scratch(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'amk-browser-')));
  chmodSync(folder, 0o700);
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A program that notes its arguments, one a line, and its environment. */
function program(folder: string, name: string, end = ''): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `#!/bin/sh\nfor each; do printf '%s\\n' "$each"; done > "${path}.args"\nenv > "${path}.env"\n${end}\n`,
  );
  chmodSync(path, 0o700);
  return path;
}

async function open(settings: BrowserSettings, url = 'file:///home/me/x.html') {
  const found = findBrowser({ system: LINUX, ...settings });
  return found.ok ? { problem: await found.value.open(url) } : found.failure;
}

describe('what is run', () => {
  test('the command of the operator, with the URL at its end', async () => {
    const path = program(scratch(), 'own');
    expect(await open({ browserCommand: [path, '--new-window'], environment: {} })).toEqual({ problem: undefined });
    expect(readFileSync(`${path}.args`, 'utf8')).toBe('--new-window\nfile:///home/me/x.html\n');
  });

  test('only %s is replaced, by the URL as it is', async () => {
    const path = program(scratch(), 'own');
    const url = 'file:///home/$&/%25s.html';
    await open({ browserCommand: [path, '%s', '--x=%s', '%u', '$HOME', '`id`'], environment: {} }, url);
    expect(readFileSync(`${path}.args`, 'utf8').split('\n')).toEqual([url, `--x=${url}`, '%u', '$HOME', '`id`', '']);
  });

  test('BROWSER, the first that there is', async () => {
    const folder = scratch();
    const path = program(folder, 'second');
    const environment = { BROWSER: `/nonexistent/first:second --tab %s`, PATH: `${folder}:/usr/bin:/bin` };
    expect(await open({ environment })).toEqual({ problem: undefined });
    expect(readFileSync(`${path}.args`, 'utf8')).toBe('--tab\nfile:///home/me/x.html\n');
  });

  test('xdg-open, where there is a display', async () => {
    const folder = scratch();
    const path = program(folder, 'xdg-open');
    expect(await open({ environment: { WAYLAND_DISPLAY: 'wayland-0', PATH: `${folder}:/usr/bin:/bin` } })).toEqual({
      problem: undefined,
    });
    expect(existsSync(`${path}.args`)).toBe(true);
  });

  test('without the credentials of Atlas', async () => {
    const path = program(scratch(), 'own');
    const secrets = {
      MONGODB_ATLAS_CLIENT_SECRET: 'canary',
      MDB_MCP_API_CLIENT_SECRET: 'canary',
      AWS_SECRET: 'canary',
    };
    await open({ browserCommand: [path], environment: { PATH: '/usr/bin:/bin', DISPLAY: ':0', ...secrets } });
    const environment = readFileSync(`${path}.env`, 'utf8');
    expect(environment).toContain('DISPLAY=:0');
    expect(environment).not.toContain('canary');
  });

  test('it stays when this server goes on, and is not waited for', async () => {
    const path = program(scratch(), 'own', 'sleep 60');
    const begun = open({ browserCommand: [path], environment: { PATH: '/usr/bin:/bin' } });
    expect(await begun).toEqual({ problem: undefined });
  });
});

describe('why nothing is opened', () => {
  const windows = { platform: 'win32', release: '10.0.26100', isInFlatpak: false } as const;
  test.each<[string, BrowserSettings, RegExp]>([
    ['no display', { environment: { PATH: '/usr/bin' } }, /no display/],
    ['a blank display', { environment: { DISPLAY: '', WAYLAND_DISPLAY: '' } }, /no display/],
    ['WSL by its variable', { environment: { DISPLAY: ':0', WSL_DISTRO_NAME: 'x' } }, /WSL/],
    [
      'WSL by its kernel',
      { environment: { DISPLAY: ':0' }, system: { ...LINUX, release: '5.15.153.1-microsoft-standard-WSL2' } },
      /WSL/,
    ],
    ['Flatpak', { environment: { DISPLAY: ':0' }, system: { ...LINUX, isInFlatpak: true } }, /Flatpak/],
    ['no xdg-open', { environment: { DISPLAY: ':0', PATH: '/nonexistent' } }, /"xdg-open" was not found/],
    ['a relative program', { browserCommand: ['./own'], environment: {} }, /relative path/],
    ['Windows without its own programs', { environment: {}, system: windows }, /was not found|relative path/],
  ])('%s', async (_what, settings, words) => {
    const failure = JSON.stringify(await open(settings)).replaceAll('\\"', '"');
    expect(failure).toMatch(words);
    expect(failure).toContain('ATLAS_MODEL_KEYS_BROWSER_COMMAND');
  });

  test.each([
    [
      '[Added Associations]\ntext/html=a.desktop\n[Default Applications]\ntext/html=org.mozilla.firefox.desktop;\n',
      true,
    ],
    ['[Default Applications]\nimage/png=org.mozilla.firefox.desktop\ntext/html=other.desktop\n', false],
    ['[Default Applications]\ntext/html=../applications/org.mozilla.firefox.desktop\n', false],
    ['', false],
  ])(
    'a default browser that runs in a sandbox of Flatpak, which sees no file of this user: %j',
    async (list, isUnfit) => {
      const home = scratch();
      const exported = join(home, '.local/share/flatpak/exports/share/applications');
      for (const folder of [exported, join(home, '.config')]) mkdirSync(folder, { recursive: true });
      writeFileSync(join(exported, 'org.mozilla.firefox.desktop'), '[Desktop Entry]\n');
      writeFileSync(join(home, '.config/mimeapps.list'), list);
      program(home, 'xdg-open');
      const environment = { HOME: home, PATH: `${home}:/usr/bin:/bin`, DISPLAY: ':0' };
      const message = 'The default browser runs in a sandbox of Flatpak, which does not see the files of this user.';
      expect(await open({ environment })).toMatchObject(isUnfit ? { message } : { problem: undefined });
      const own = program(scratch(), 'own');
      expect(await open({ environment, browserCommand: [own] }), 'the operator knows better').toEqual({
        problem: undefined,
      });
    },
  );

  test('a program that others could exchange', async () => {
    const folder = scratch();
    const path = program(folder, 'own');
    chmodSync(path, 0o777);
    expect(JSON.stringify(await open({ browserCommand: [path], environment: {} }))).toContain(
      'can be changed by other users',
    );
    expect(existsSync(`${path}.args`)).toBe(false);
  });

  test('a program that ends with an error, and one that is no program', async () => {
    const folder = scratch();
    const failing = program(folder, 'failing', 'exit 4');
    expect(await open({ browserCommand: [failing], environment: {} })).toEqual({
      problem: `The program ${failing} that opens the browser ended with exit code 4.`,
    });
    const text = join(folder, 'text');
    writeFileSync(text, '#!/nonexistent/interpreter\n', { mode: 0o700 });
    expect(JSON.stringify(await open({ browserCommand: [text], environment: {} }))).toContain('could not be started');
  });
});
