// Writes what is made from the code: the parts of docs/ and the README between two comments, `<!-- NAME -->` and
// `<!-- end NAME -->`, the version of the package where they name one, and the files that registries and hosts read
// (published.js). `node build/docs.js`; with `--check` it writes nothing, and fails where something is not what the code says.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { run } from '../build.js';
import { fields, repositoryFiles } from './published.js';

const folder = fileURLToPath(new URL('../', import.meta.url));

const { settings, settingNames } = await run('src/config/settings.ts');
const { credentialVariables } = await run('src/config/credentials.ts');
const { sinkKinds } = await run('src/config/sink-kinds.ts');
const { presets } = await run('src/config/presets.ts');
const { storePatterns } = await run('src/config/store-spec.ts');
const { toolDefinitions } = await run('src/tools/tool-definitions.ts');

const PARTS = {
  'docs/settings.md': { settings: settingsTable, credentials: credentialsTable },
  'docs/tools.md': { tools: toolsTable },
  'docs/sinks.md': { kinds: kindsTable, presets: presetsTable },
  'docs/packages.md': { fields: fieldsTable },
  'README.md': { kinds: briefKindsTable },
};

function settingsTable() {
  const rows = settingNames.map((name) => {
    const { variable, flag, help, standard = 'none' } = settings[name];
    const argument = flag?.argument === undefined ? '' : ` ${flag.argument}`;
    return [code(name), code(variable), flag ? code(`--${flag.name}${argument}`) : '', help, standard];
  });
  return table([['In the file', 'Variable', 'Flag', 'What it says', 'Default'], ...rows]);
}

function credentialsTable() {
  const rows = credentialVariables.map(({ name, variables }) => {
    const sets = [0, 1].map((index) => variables.flatMap((names) => names[index] ?? []).map(code));
    return [name, ...sets.map((set) => set.join(', '))];
  });
  return table([['Credential', 'Variables', 'Or'], ...rows]);
}

function toolsTable() {
  const rows = toolDefinitions.map(({ name, description, inputSchema, annotations }) => {
    const { properties = {}, required = [] } = inputSchema;
    const parameters = Object.keys(properties).map((each) => code(required.includes(each) ? each : `${each}?`));
    return [code(name), kindOf(annotations), description, parameters.join(', ') || 'none'];
  });
  return table([['Tool', 'Kind', 'What the model is told of it', 'Parameters'], ...rows]);
}

function fieldsTable() {
  const rows = Object.values(fields(settings)).map(({ title, variable, description, required }) => [
    title,
    code(variable),
    required ? `${description} Required.` : description,
  ]);
  return table([['Field', 'Variable', 'What it says'], ...rows]);
}

function kindsTable() {
  const rows = Object.values(sinkKinds).map(({ uri, delivers, verifiedBy }) => [code(uri), delivers, verifiedBy]);
  return table([['URI', 'Delivers to', 'Verified by'], ...rows]);
}

function presetsTable() {
  const rows = Object.values(presets).map(({ uri, brief, testedWith = 'untested' }) => [code(uri), brief, testedWith]);
  return table([['URI', 'Delivers to', 'Tested with'], ...rows]);
}

function briefKindsTable() {
  const isStore = ([kind]) => kind in storePatterns;
  const entries = Object.entries(sinkKinds);
  const rows = entries.filter((entry) => !isStore(entry)).map(([, { uri, brief }]) => [code(uri), brief]);
  const stores = entries.filter(isStore).map(([kind]) => code(`${kind}:`));
  rows.splice(-1, 0, [stores.join(', '), 'Vault, Kubernetes, AWS, GitHub: [stores](docs/sinks.md#stores)']);
  return table([['Sink', 'Delivers to'], ...rows]);
}

function kindOf({ readOnlyHint, destructiveHint }) {
  if (readOnlyHint) return 'reads';
  return destructiveHint ? 'destroys' : 'writes';
}

function code(text) {
  return `\`${text}\``;
}

function table([head, ...rows]) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function withPart(text, name, content) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`there is no place for the part ${name}`);
  return `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`;
}

const packageJson = JSON.parse(readFileSync(`${folder}package.json`, 'utf8'));
const made = Object.entries(PARTS).map(([file, parts]) => {
  const before = readFileSync(`${folder}${file}`, 'utf8');
  const after = Object.entries(parts).reduce((text, [name, make]) => withPart(text, name, make()), before);
  return [file, after.replaceAll(/(atlas-model-keys-mcp@)\d+\.\d+\.\d+/g, `$1${packageJson.version}`)];
});

const published = repositoryFiles({ packageJson, settings });
for (const [file, content] of Object.entries(published)) {
  // With each member on a line of its own, which prettier keeps.
  const text = JSON.stringify(content, null, 2);
  made.push([
    file,
    await format(text, { parser: file === 'package.json' ? 'json-stringify' : 'json', printWidth: 120 }),
  ]);
}

for (const [file, after] of made) {
  const path = `${folder}${file}`;
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (after === before) continue;
  if (process.argv.includes('--check')) {
    process.stderr.write(`${file} does not say what the code says; run node build/docs.js\n`);
    process.exitCode = 1;
  } else writeFileSync(path, after);
}
