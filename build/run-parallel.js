// Runs commands side by side: `node build/run-parallel.js COMMAND…`. The last one's output is shown as it comes, that of
// the others when all have ended. Fails where one fails.

import { spawn } from 'node:child_process';

const commands = process.argv.slice(2);
const runs = commands.map((command, index) => run(command, index === commands.length - 1 ? 'inherit' : 'pipe'));
const ends = await Promise.all(runs);
for (const { command, code, output } of ends) {
  process.stdout.write(`${output}${code === 0 ? 'passed' : 'FAILED'}: ${command}\n`);
}
process.exitCode = ends.some(({ code }) => code !== 0) ? 1 : 0;

function run(command, stdio) {
  const child = spawn(command, { shell: true, stdio: ['ignore', stdio, stdio] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ command, code, output });
    });
  });
}
