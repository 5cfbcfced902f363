// Holds a result against the tool's output schema, as hosts may.

import { catalogOf } from './offline-catalog.ts';

const catalog = catalogOf({ allowInlineSecret: true });

/** @throws where the result has a field too many, too few, or of another kind */
export function holdToSchema(tool: string, structured: unknown): void {
  catalog.get(tool)?.output().parse(structured);
}
