// The places on this machine: the folder of the configuration, every sink, the state directory, and what is in the journal. It changes
// nothing.

import { accessSync, constants } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { SinkSpec } from '../config/sink-spec.ts';
import { temporaryFilesOf } from '../keys/sink-choice.ts';
import type { Intent } from '../keys/journal/intent.ts';
import { isUnderWay, isUnfinished, openJournal } from '../keys/journal/journal.ts';
import { walk, followLinks } from '../files/path-walk.ts';
import { ok } from '../failure.ts';
import { attempt, privateMode } from '../files/file-problem.ts';
import { askFirst, thisMachine } from '../files/machine.ts';
import { tryInNew } from '../files/trial.ts';
import { accessWarnings } from '../files/safe-directory.ts';
import { openPages } from '../page/pages.ts';
import { openSinks } from '../sinks/kinds.ts';
import type { Sink } from '../sinks/sink.ts';
import { counted } from '../text/text.ts';
import { fails, firstOf, passes, warns, type Check } from './report.ts';

/** Whoever can remove or replace the file takes away the restrictions in it. */
export async function folderCheck({ configurationFile: { path, exists } }: Config): Promise<Check[]> {
  if (!exists || path === undefined) return [];
  const judged = await attempt(`The way to ${path} cannot be judged`, () => ok(followLinks(resolve(path))));
  const weakPart = judged.ok ? judged.value.weakPart : undefined;
  if (judged.ok && weakPart === undefined) return [];
  const finding = judged.ok ? `Others can write to ${weakPart ?? path}.` : judged.failure.message;
  return [
    warns(
      'configuration folder',
      `${finding} Whoever can remove ${path} removes the restrictions in it.`,
      'Take the right to write there away from others (chmod go-w), or keep the configuration in another folder.',
    ),
  ];
}

/** In place of the project and the entry of a real call. */
const NO_PROJECT = '0'.repeat(24);
const ENTRY = 'doctor';

export function sinkChecks(config: Config): Promise<Check[]> {
  const groupId = config.projectId ?? config.allowedProjects?.[0] ?? NO_PROJECT;
  const sinks = openSinks(config.sinks, config.environment, openPages(config));
  return Promise.all([...sinks.values()].map((sink) => sinkCheck(sink, groupId, config.sinks.get(sink.name))));
}

async function sinkCheck(sink: Sink, groupId: string, spec: SinkSpec | undefined): Promise<Check> {
  const check = `sink ${sink.name}`;
  const place = `${sink.kind}, ${sink.location}${expansionOf(spec)}`;
  const preflight = await sink.preflight({ groupId, ...(sink.takesEntry && { entry: ENTRY }) }, 'inspect');
  if (!preflight.ok) {
    const { code, message, hint } = preflight.failure;
    return code === 'SINK_ENTRY_EXISTS'
      ? passes(check, `${place}: ready; holds a value already`)
      : fails(check, `${place}: ${message}`, hint);
  }
  if (sink.kind === 'inline') return warns(check, 'shows the secret to the model and to everyone who reads the chat');
  const finding = `${place}: ready; verified by ${sink.verification}`;
  const { warnings = [] } = preflight.value;
  return warnings.length === 0 ? passes(check, finding) : warns(check, `${finding}. ${warnings.join(' ')}`);
}

/** The command that a preset stands for. Of its variables only the names: a value may be a secret. */
function expansionOf(spec: SinkSpec | undefined): string {
  if (spec?.type !== 'command' || !spec.preset) return '';
  const { type, preset, env, timeoutMs, ...command } = spec;
  const shown = JSON.stringify({ type, ...command, env: Object.keys(env), timeoutMs });
  const tested = preset.testedWith === undefined ? 'untested' : `tested with ${preset.testedWith}`;
  return ` (a preset, ${tested}, for ${shown})`;
}

/** Judged as the journal and the audit log judge it. They make a missing directory. */
export async function stateChecks({ stateDir }: Config): Promise<Check[]> {
  const judged = await attempt<StateDirectory>(`${stateDir} cannot be used`, async () => {
    await askFirst(stateDir);
    const way = walk(stateDir);
    if (!way.ok) return way;
    accessSync(way.value.existing, constants.W_OK | constants.X_OK);
    if (way.value.missing.length > 0) {
      const tried = await tryInNew(way.value, () => Promise.resolve(ok(undefined)));
      if (!tried.ok) return tried;
      return ok({ is: 'will be made with the first create', access: await accessWarnings(way.value, true) });
    }
    const intents = walk(join(stateDir, 'intents'));
    if (!intents.ok) return intents;
    accessSync(intents.value.existing, constants.W_OK | constants.X_OK);
    // Windows has no owners and modes, so none were checked.
    const is = thisMachine().user === undefined ? 'can be used' : 'only this user can change it';
    return ok({ is, access: await accessWarnings(way.value, true) });
  });
  if (judged.ok) return [stateCheck(stateDir, judged.value), await journalCheck(stateDir)];
  const { message, remedy } = judged.failure;
  const advice = `Set ATLAS_MODEL_KEYS_STATE_DIR to a directory that only this user can write to${privateMode()}`;
  return [
    fails('state directory', message, remedy === undefined ? `${advice}.` : `${advice}, or mend this one. ${remedy}`),
  ];
}

interface StateDirectory {
  readonly is: string;
  /** Warnings about other users who may read what is in it. */
  readonly access: readonly string[];
}

function stateCheck(stateDir: string, { is, access }: StateDirectory): Check {
  const finding = `${stateDir}: ${is}`;
  if (access.length === 0) return passes('state directory', finding);
  const advice =
    'Limit it to your account and SYSTEM (icacls), or set ATLAS_MODEL_KEYS_STATE_DIR to another directory.';
  return warns('state directory', `${finding}. ${access.join(' ')}`, advice);
}

/** Temporary files with a secret that a killed process left beside a sink's file, found by the nonces of the journal. */
export async function temporaryFilesCheck(config: Config): Promise<Check[]> {
  const kept = await openJournal(config.stateDir).read();
  const sinks = openSinks(config.sinks, config.environment, openPages(config));
  const found = await Promise.all(
    (kept.ok ? kept.value.intents : []).filter(isUnfinished).map((intent) => temporaryFilesOf(sinks, intent)),
  );
  const paths = found.flatMap((each) => each ?? []);
  if (paths.length === 0) return [];
  const advice = 'Have reconcile_ai_model_api_keys called with apply: it removes them.';
  return [fails('temporary files', `with a secret: ${firstOf(paths)}`, advice)];
}

async function journalCheck(stateDir: string): Promise<Check> {
  const kept = await openJournal(stateDir).read();
  if (!kept.ok) {
    const advice = 'See that this user can read the directory "intents" there and the files in it.';
    return fails('journal', `cannot be read in ${stateDir}`, advice);
  }
  const { intents, unreadable } = kept.value;
  if (unreadable.length > 0) {
    return warns(
      'journal',
      `${counted(unreadable.length, 'file')} of the journal cannot be read: ${firstOf(unreadable)}`,
      'Look in Atlas for keys whose names end with these digits; the next create sets the files aside.',
    );
  }
  // Of a create whose reply was lost, the check of undelivered keys finds the key, if it appears.
  const isWaitedFor = ({ state, owner }: Intent) => state.step === 'sending' && owner === null;
  const unfinished = intents.filter((intent) => isUnfinished(intent) && !isWaitedFor(intent));
  if (unfinished.length > 0) {
    const calls = unfinished.map(({ name, groupId }) => `"${name}" in ${groupId}`);
    return fails(
      'journal',
      `${counted(unfinished.length, 'call')} did not finish: ${firstOf(calls)}`,
      'Have reconcile_ai_model_api_keys called: it says what is true of each, and with apply deletes their orphans.',
    );
  }
  const underWay = intents.filter(isUnderWay);
  return passes('journal', underWay.length > 0 ? `${counted(underWay.length, 'call')} under way` : 'no leftovers');
}
