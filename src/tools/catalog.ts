// All tools of this server, and which of them the operator's policy lets be called.

import { deferredAtlas } from '../atlas/deferred.ts';
import { openJournal } from '../keys/journal/journal.ts';
import { refusal, type Failure } from '../failure.ts';
import { checkSecretSinks } from './check-secret-sinks.ts';
import { createAiModelApiKey } from './create-ai-model-api-key.ts';
import { createAiModelApiKeys } from './create-ai-model-api-keys.ts';
import { deleteAiModelApiKey } from './delete-ai-model-api-key.ts';
import { getAiModelApiKey } from './get-ai-model-api-key.ts';
import { listAiModelApiKeys } from './list-ai-model-api-keys.ts';
import { listAiModelRateLimits } from './list-ai-model-rate-limits.ts';
import { listProjectsTool } from './list-projects.ts';
import { listSecretSinks } from './list-secret-sinks.ts';
import { adviseOnIds } from './ids-meant.ts';
import { reconcileAiModelApiKeys } from './reconcile-ai-model-api-keys.ts';
import { resetAiModelRateLimits } from './reset-ai-model-rate-limits.ts';
import { rotateAiModelApiKey, type RotateToolContext } from './rotate-ai-model-api-key.ts';
import { testAiModelApiKey } from './test-ai-model-api-key.ts';
import { isChosen, type ToolSettings } from './tool-definition.ts';
import { advised, failedResult, type Tool } from './tool.ts';
import { updateAiModelApiKey } from './update-ai-model-api-key.ts';
import { updateAiModelRateLimit } from './update-ai-model-rate-limit.ts';

export interface ToolContext extends RotateToolContext {
  readonly readOnly: boolean;
  /** The names were checked at the start. */
  readonly tools?: ToolSettings['tools'];
}

/** By name. A tool that read-only forbids answers why; one that the operator denies is not in it. */
export type Catalog = ReadonlyMap<string, Tool>;

export function createCatalog(given: ToolContext): Catalog {
  const isOffered = (name: string) => isChosen(name, given.tools ?? {});
  const tells = { projects: isOffered('list_projects'), keys: isOffered('list_ai_model_api_keys') };
  const context = { ...given, tells };
  const tools = toolsOf(context).filter(({ name }) => isOffered(name));
  const advise = adviseOnIds(context);
  return byName(
    tools.map((tool) =>
      !context.readOnly || tool.annotations.readOnlyHint ? advised(tool, advise) : refusing(tool, readOnlyRefusal),
    ),
  );
}

/** Where the operator's settings cannot be used: each tool answers why, since hosts show nobody what is on stderr. */
export function refusingCatalog(problem: string): Catalog {
  return byName(toolsOf().map((tool) => refusing(tool, settingsRefusal(problem))));
}

function byName(tools: readonly Tool[]): Catalog {
  return new Map(tools.map((tool) => [tool.name, tool]));
}

function refusing(tool: Tool, failure: Failure): Tool {
  return { ...tool, call: () => Promise.resolve(failedResult(tool, failure)) };
}

/** For tools that are only shown, or answer only a refusal: nothing of it is used. */
const withoutSettings: ToolContext = {
  atlas: deferredAtlas(() => Promise.reject(new Error('no tool is called here'))),
  journal: openJournal('/'),
  stateDir: '/',
  sinks: new Map<string, never>(),
  readOnly: false,
  allowInlineSecret: false,
  confirm: 'if-supported',
  maxCreatesPerHour: 0,
};

/** Where no settings are given, the tools are only shown or refused. */
export function toolsOf(context: ToolContext = withoutSettings): readonly Tool[] {
  return [
    createAiModelApiKey(context),
    createAiModelApiKeys(context),
    rotateAiModelApiKey(context),
    deleteAiModelApiKey(context),
    updateAiModelApiKey(context),
    listAiModelApiKeys(context),
    getAiModelApiKey(context),
    listProjectsTool(context),
    listSecretSinks(context),
    checkSecretSinks(context),
    testAiModelApiKey(context),
    listAiModelRateLimits(context),
    updateAiModelRateLimit(context),
    resetAiModelRateLimits(context),
    reconcileAiModelApiKeys(context),
  ];
}

const readOnlyRefusal = refusal(
  'READ_ONLY',
  'The operator started this server read-only.',
  'Use the tools that are listed. Only the operator can change this.',
);

function settingsRefusal(problem: string): Failure {
  return refusal(
    'CONFIG_INVALID',
    `This server can do nothing before its settings are corrected. ${problem}.`,
    'The operator corrects that setting (`atlas-model-keys-mcp --help` lists them, `doctor` checks them) and restarts the server, which most hosts do when they are restarted. Calling again changes nothing.',
  );
}
