// The catalog of tools as an operator's settings make it, where no Atlas can be reached and nothing is stored.

import { createAtlas } from '../../src/atlas/atlas.ts';
import { openJournal } from '../../src/provisioning/journal/journal.ts';
import { openSinks } from '../../src/sinks/open-sinks.ts';
import { createCatalog, type Catalog, type ToolContext } from '../../src/tools/catalog.ts';

export function catalogOf(
  settings: Partial<
    Pick<ToolContext, 'readOnly' | 'allowInlineSecret' | 'tools' | 'projectId' | 'orgId' | 'allowedProjects'>
  > = {},
): Catalog {
  return createCatalog({
    atlas: createAtlas({
      baseUrl: new URL('http://127.0.0.1:9'),
      credentials: { kind: 'missing' },
      apiVersion: 'auto',
      timeoutMs: 1000,
    }),
    sinks: openSinks(new Map([['app', { type: 'file', path: '/nonexistent/{entry}' }]]), {}),
    journal: openJournal('/nonexistent/state'),
    defaultSink: 'app',
    readOnly: false,
    allowInlineSecret: false,
    confirm: 'if-supported',
    maxCreatesPerHour: 30,
    ...settings,
  });
}
