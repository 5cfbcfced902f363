// Holds a result against the tool's full output schema, of which hosts are shown a light form only.

import { catalogOf } from './offline-catalog.ts';

const catalog = catalogOf({ allowInlineSecret: true });

/** @throws where the result has a field too many, too few, or of another kind */
export function holdToSchema(tool: string, structured: unknown): void {
  catalog.find(tool)?.output.parse(structured);
}
