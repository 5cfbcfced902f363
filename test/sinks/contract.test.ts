// The contract of sinks, of the kinds that need no other program: files and commands.

import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { CommandSpec } from '../../src/config/command-spec.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import type { SinkSpec } from '../../src/config/sink-spec.ts';
import { describeContract, type Store } from './contract.ts';
import { environmentOf, scriptFolder } from './script-folder.ts';

const reference = { groupId: '0123456789abcdef01234567', entry: 'my.key-1' };

function sinkOf(spec: SinkSpec) {
  const sink = openSinks(new Map([['store', spec]]), environmentOf()).get('store');
  if (!sink) throw new Error('no sink');
  return sink;
}

function folder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'amk-contract-')));
}

function textAt(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

describeContract({
  name: 'file',
  verification: 'read-back',
  isRetracting: true,
  open(): Store {
    const home = folder();
    const path = join(home, 'my.key-1');
    return {
      sink: sinkOf({ type: 'file', path: join(home, '{entry}') }),
      reference,
      held: () => textAt(path),
      put(value) {
        rmSync(path, { force: true });
        writeFileSync(path, value, { mode: 0o600 });
      },
      close: () => {
        rmSync(home, { recursive: true, force: true });
      },
    };
  },
});

describeContract({
  name: 'dotenv',
  verification: 'read-back',
  isRetracting: true,
  open(): Store {
    const home = folder();
    const path = join(home, '.env');
    return {
      sink: sinkOf({ type: 'dotenv', path, variable: 'KEY' }),
      reference: { groupId: reference.groupId },
      held: () => parseEnv(textAt(path) ?? '').KEY,
      put(value) {
        writeFileSync(path, `A=1\nKEY=${value}\n`, { mode: 0o600 });
      },
      close: () => {
        rmSync(home, { recursive: true, force: true });
      },
    };
  },
});

/** A store that is a file, and the programs of a sink for it. */
function commandStore(spec: (at: (name: string) => string) => Omit<CommandSpec, 'type' | 'env' | 'timeoutMs'>): Store {
  const scripts = scriptFolder();
  scripts.sh('put', '[ -e "$F/read-only" ] && exit 9; [ -e "$F/away" ] && exit 9; cat > "$F/kept"');
  scripts.sh('show', '[ -e "$F/locked" ] || [ -e "$F/away" ] && exit 2; [ -e "$F/kept" ] || exit 1; cat "$F/kept"');
  scripts.sh('there', '[ -e "$F/away" ] && exit 2; [ -e "$F/kept" ] || exit 1');
  scripts.sh('drop', 'rm "$F/kept"');
  const mark = (name: string) => () => {
    scripts.write(name, '');
  };
  return {
    sink: sinkOf({ type: 'command', ...spec(scripts.at), env: {}, timeoutMs: 20_000 }),
    reference: { groupId: reference.groupId },
    held: () => textAt(scripts.at('kept')),
    put: (value) => {
      scripts.write('kept', value, 0o600);
    },
    lock: mark('locked'),
    forbidWrites: mark('read-only'),
    takeAway: mark('away'),
    close: () => {
      scripts.remove();
    },
  };
}

describeContract({
  name: 'a command that can be read',
  verification: 'read-back',
  isRetracting: true,
  open: () => commandStore((at) => ({ argv: [at('put')], verify: [at('show')], remove: [at('drop')], absent: [1] })),
});

describeContract({
  name: 'a command that can be read, and cannot take away',
  verification: 'read-back',
  isRetracting: false,
  open: () => commandStore((at) => ({ argv: [at('put')], verify: [at('show')], absent: [1] })),
});

describeContract({
  name: 'a command that can be read, and looks first',
  verification: 'read-back',
  isRetracting: true,
  open: () =>
    commandStore((at) => ({
      argv: [at('put')],
      exists: [at('there')],
      verify: [at('show')],
      remove: [at('drop')],
      absent: [1],
    })),
});

describeContract({
  name: 'a command that can only look',
  verification: 'metadata',
  isRetracting: false,
  open() {
    const commands = { exists: 'there', remove: 'drop' };
    const store = commandStore((at) => ({
      argv: [at('put')],
      exists: [at(commands.exists)],
      remove: [at(commands.remove)],
      absent: [1],
    }));
    return { ...store, lock: undefined };
  },
});
