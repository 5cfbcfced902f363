// The help text leaves out nothing that the tables know.

import { expect, test } from 'vitest';
import { connectionVariables } from '../../src/config/atlas-connection.ts';
import { credentialVariables } from '../../src/config/credentials.ts';
import { helpText } from '../../src/config/help-text.ts';
import { settingNames, settings } from '../../src/config/settings.ts';

/** In one line, since it is wrapped for people. */
const help = helpText().replace(/\s+/g, ' ');

test.each(settingNames)('%s: its flag or variable, its line, its name in the file', (name) => {
  const { variable, flag, help: line } = settings[name];
  if (flag) expect(help).toContain(`--${flag.name}`);
  expect(help).toContain(variable);
  expect(help).toContain(line);
  expect(help).toContain(`in the file ${name})`);
});

test('every variable of a credential, and of the connection', () => {
  const names = [
    ...credentialVariables.flatMap(({ variables }) => variables.flat()),
    ...Object.keys(connectionVariables),
  ];
  expect(names.length).toBeGreaterThan(12);
  expect(names.filter((name) => !help.includes(name))).toEqual([]);
});

test('the command doctor, and no line wider than a terminal', () => {
  expect(help).toContain('doctor [--json]');
  expect(
    helpText()
      .split('\n')
      .filter((line) => line.length > 100),
  ).toEqual([]);
});
