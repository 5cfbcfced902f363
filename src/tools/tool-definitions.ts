// What hosts are shown of every tool, without any settings. The build runs this file and bundles the result instead: the file
// that starts contains the list, and not the schemas from which it is made.

import { toolsOf } from './catalog.ts';
import type { ToolDefinition } from './tool-definition.ts';

export const toolDefinitions: readonly ToolDefinition[] = toolsOf().map(({ definition }) => definition());
