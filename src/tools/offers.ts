// What hosts are shown of every tool, without any settings. The build runs this file and puts the result in its place: the
// server that starts has the list, and not the schemas from which it is made.

import { deferredAtlas } from '../atlas/deferred.ts';
import { openJournal } from '../provisioning/journal/journal.ts';
import { toolsOf } from './catalog.ts';
import type { Offer } from './offer.ts';

/** Nothing of this is used: no tool is called. */
const nothing = {
  atlas: deferredAtlas(() => Promise.reject(new Error('no tool is called here'))),
  journal: openJournal('/'),
  sinks: new Map<string, never>(),
  readOnly: false,
  allowInlineSecret: false,
  confirm: 'if-supported',
  maxCreatesPerHour: 0,
} as const;

export const offers: readonly Offer[] = toolsOf(nothing).map(({ offer }) => offer());
