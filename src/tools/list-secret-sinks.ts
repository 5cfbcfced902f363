// The tool that says which sinks there are. It does not look into any of them.

import * as z from 'zod/v4';
import type { ConfiguredSinks } from '../keys/sink-choice.ts';
import { resultSchema, sinkFields } from './result-schema.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

function output() {
  const { kind, location, verification } = sinkFields();
  const sink = { name: z.string(), kind, location, takesEntry: z.boolean(), verification, isDefault: z.boolean() };
  return resultSchema(['listed'], { sinks: z.array(z.strictObject(sink)) });
}

export function listSecretSinks({ sinks, defaultSink }: ConfiguredSinks): Tool {
  return defineTool({
    name: 'list_secret_sinks',
    title: 'List secret sinks',
    description:
      'List the places (sinks) that the operator configured for secrets: name, kind, location, whether an entry can be named, and how a delivery is verified. ' +
      'Use it to choose a sink, or to tell the user where a secret will be.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: () => z.strictObject({}),
    output,
    keyStateOfRefusal: 'not_applicable',
    handle() {
      const rows = [...sinks.values()].map(({ name, kind, location, takesEntry, verification }) => ({
        name,
        kind,
        location,
        takesEntry,
        verification,
        isDefault: name === defaultSink,
      }));
      const summary = `Sinks: ${rows.map(({ name, location }) => `${name} (${location})`).join(', ')}.`;
      return Promise.resolve(ok({ structured: { outcome: 'listed', sinks: rows }, summary }));
    },
  });
}
