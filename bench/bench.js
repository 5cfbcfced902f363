// Runs the benchmark: packs and installs what was built, measures it next to what it is compared with, and prints tables.
//
//   npm run bench -- [--quick] [--only startup|create|list|apply|size|answers] [--json FILE] [--write]

import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { answersTable, measureAnswers } from './answers.js';
import { applyTable, measureApply } from './apply.js';
import { startAtlas } from './atlas-stand-in.js';
import { createTable, measureCreate } from './create.js';
import { limitsTable } from './limits.js';
import { listTable, measureList } from './list.js';
import { machine, machineLine } from './machine.js';
import { manyCreatesTable, measureManyCreates } from './many-creates.js';
import { packAndInstall } from './package.js';
import { measureSize, sizeTable } from './size.js';
import { measureStartup, startupTable } from './startup.js';
import { withLastRun } from './table.js';

const DOCUMENT = new URL('README.md', import.meta.url);

/** What is measured, in order. `part` is its name for --only. */
const MEASUREMENTS = [
  { name: 'startup', part: 'startup', measure: measureStartup, show: startupTable },
  { name: 'create', part: 'create', measure: measureCreate, show: createTable },
  { name: 'manyCreates', part: 'create', measure: measureManyCreates, show: manyCreatesTable },
  { name: 'list', part: 'list', measure: measureList, show: listTable },
  { name: 'apply', part: 'apply', measure: measureApply, show: applyTable },
  { name: 'size', part: 'size', measure: measureSize, show: sizeTable },
  { name: 'answers', part: 'answers', measure: measureAnswers, show: answersTable },
];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const chosen = MEASUREMENTS.filter(({ part }) => options.only === undefined || part === options.only);
if (chosen.length === 0) throw new Error('--only takes startup, create, list, apply, size or answers');
if (options.write && (options.quick || options.only)) throw new Error('--write wants a full run');

async function run() {
  const about = { date: new Date().toISOString(), quick: options.quick, machine: machine() };
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'amk-bench-'));
  try {
    const installed = await packAndInstall(folder);
    const atlas = await startAtlas(folder);
    const setting = { folder, installed, atlas, pace: options.quick ? 'quick' : 'full' };
    const results = {};
    for (const { name, measure } of chosen) {
      process.stderr.write(`measuring ${name}\n`);
      results[name] = await measure(setting);
    }
    await atlas.end();
    return { ...about, package: `${installed.name} ${installed.version}`, results };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function report({ date, quick, package: measured, machine: made, results }) {
  return [
    `${measured}, ${date.slice(0, 10)}${quick ? ', a quick run: no numbers to go by' : ''}. ${machineLine(made)}.`,
    limitsTable(results),
    ...chosen.map(({ name, show }) => show(results[name])),
  ].join('\n\n');
}

const rounded = (_name, value) => (typeof value === 'number' ? Number(value.toFixed(4)) : value);

const done = await run();
const text = report(done);
process.stdout.write(`${text}\n`);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(done, rounded, 2)}\n`);
if (options.write) await writeFile(DOCUMENT, withLastRun(await readFile(DOCUMENT, 'utf8'), text));
