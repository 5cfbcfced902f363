// The catalog of tools as an operator's settings make it, where no Atlas can be reached and nothing is stored.

import { createAtlas } from '../../src/atlas/atlas.ts';
import { openJournal } from '../../src/keys/journal/journal.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { createCatalog, toolsOf, type Catalog, type ToolContext } from '../../src/tools/catalog.ts';
import { configuredTools, type ToolDefinition } from '../../src/tools/tool-definition.ts';
import { toolDefinitions } from '../../src/tools/tool-definitions.ts';
import { type Tool } from '../../src/tools/tool.ts';

export interface OfflineCatalog {
  readonly catalog: Catalog;
  readonly get: Catalog['get'];
  /** What hosts are shown, each with the tool itself. */
  readonly offered: readonly (Tool & ToolDefinition)[];
  /** All tools with these settings, as they say themselves what hosts should be shown. */
  readonly tools: readonly Tool[];
}

type Settings = Partial<
  Pick<
    ToolContext,
    'readOnly' | 'allowInlineSecret' | 'tools' | 'projectId' | 'orgId' | 'allowedProjects' | 'defaultSink' | 'sinks'
  >
>;

export function catalogOf(settings: Settings = {}): OfflineCatalog {
  const context = { ...nowhere(), ...settings };
  const catalog = createCatalog(context);
  const tools = toolsOf(context);
  const shown = configuredTools(toolDefinitions, { ...context, sinks: [...context.sinks.values()] });
  return {
    catalog,
    get: (name) => catalog.get(name),
    tools,
    offered: shown.flatMap((definition) =>
      tools.filter(({ name }) => name === definition.name).map((tool) => ({ ...tool, ...definition })),
    ),
  };
}

function nowhere() {
  return {
    atlas: createAtlas({
      baseUrl: new URL('http://127.0.0.1:9'),
      credentials: { kind: 'missing' },
      apiVersion: 'auto',
      timeoutMs: 1000,
    }),
    sinks: openSinks(new Map([['app', { type: 'file', path: '/nonexistent/{entry}' }]]), {}),
    journal: openJournal('/nonexistent/state'),
    stateDir: '/nonexistent',
    defaultSink: 'app',
    readOnly: false,
    allowInlineSecret: false,
    confirm: 'if-supported',
    maxCreatesPerHour: 30,
  } as const;
}
