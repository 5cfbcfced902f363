// The program of a command sink, on Windows: `store FILE` keeps the secret, `show FILE` prints it, and `slow FILE MS` keeps
// it only after so long, itself and by a child. Each notes its process id in FILE.pids.

import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers';

const [, self, action, file, lateMs] = process.argv;

appendFileSync(`${file}.pids`, `${process.pid}\n`);
switch (action) {
  case 'store':
    writeFileSync(file, await text(process.stdin));
    break;
  case 'show':
    if (existsSync(file)) process.stdout.write(readFileSync(file));
    else process.exitCode = 1;
    break;
  case 'slow':
    // Detached as the children of most programs are: Node would end others together with itself.
    spawn(process.execPath, [self, 'child', file, lateMs], { detached: true, stdio: 'ignore', windowsHide: true });
    keepLater(await text(process.stdin));
    break;
  case 'child':
    keepLater('late');
}

function keepLater(secret) {
  setTimeout(() => {
    writeFileSync(`${file}.${action}`, secret);
  }, Number(lateMs));
}
