// What hosts are shown of a tool, and what the operator's settings change of it. It needs no schema library, so that a host
// that only lists the tools costs little.

import { ConfigError } from '../config/config-error.ts';
import { nearest } from '../text/nearest.ts';

/** JSON Schema 2020-12 of an object. */
export interface ObjectSchema {
  readonly type: 'object';
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[] | undefined;
  readonly [keyword: string]: unknown;
}

/** Hints of the MCP specification, section Tools, ToolAnnotations; each tool states all four. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** A tool as `tools/list` answers it (MCP 2025-11-25, Server Features, Tools). */
export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly annotations: ToolAnnotations & { readonly title: string };
  readonly inputSchema: ObjectSchema;
  /** Absent where the operator leaves it out. */
  readonly outputSchema?: ObjectSchema | undefined;
}

/** The settings of the operator that change what hosts are shown. */
export interface ToolSettings {
  readonly readOnly: boolean;
  /** Which tools there are, by name: all, or those allowed, without those denied. */
  readonly tools?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] } | undefined;
  /** Whether a result may hold a secret. */
  readonly allowInlineSecret?: boolean | undefined;
  /** False leaves the output schemas out: some hosts take the whole result for the structured one where there is one. */
  readonly outputSchemas?: boolean | undefined;
  /** Absent where they are not known. */
  readonly sinkNames?: readonly string[];
  readonly defaultSink?: string | undefined;
  readonly projectId?: string | undefined;
  readonly orgId?: string | undefined;
}

/**
 * @param toolDefinitions of all tools, made without any settings
 * @throws ConfigError where the operator names a tool that this server does not have
 */
export function configuredTools(
  toolDefinitions: readonly ToolDefinition[],
  settings: ToolSettings,
): readonly ToolDefinition[] {
  return chosen(toolDefinitions, settings.tools ?? {})
    .filter(({ annotations }) => !settings.readOnly || annotations.readOnlyHint)
    .map(({ outputSchema, ...definition }) => ({
      ...definition,
      inputSchema: withSettings(definition.inputSchema, settings),
      ...(settings.outputSchemas !== false && { outputSchema: outputWith(outputSchema, settings) }),
    }));
}

function chosen(
  toolDefinitions: readonly ToolDefinition[],
  tools: NonNullable<ToolSettings['tools']>,
): readonly ToolDefinition[] {
  const names = toolDefinitions.map(({ name }) => name);
  const unknown = [...(tools.allow ?? []), ...(tools.deny ?? [])].find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const [like = ''] = nearest(unknown, names, (name) => name, 1);
    throw new ConfigError('tools', `names a tool that this server does not have; the nearest is ${like}`);
  }
  return toolDefinitions.filter(({ name }) => isChosen(name, tools));
}

/** Whether the operator allows the tool of that name, and does not deny it. */
export function isChosen(name: string, { allow, deny }: NonNullable<ToolSettings['tools']>): boolean {
  // Whoever denies one create does not mean to allow fifty.
  const denied = name === 'create_ai_model_api_keys' ? [name, 'create_ai_model_api_key'] : [name];
  return (allow?.includes(name) ?? true) && !denied.some((each) => deny?.includes(each));
}

/** Must say what the parameters of the tools accept with these settings (`parameter.ts`); a test compares. */
function withSettings(schema: ObjectSchema, settings: ToolSettings): ObjectSchema {
  const { projectId, orgId, sinkNames, defaultSink } = settings;
  const { properties = {}, required = [] } = schema;
  const { groupId, orgId: organization, sink, keys } = properties;
  const isRequired = required.includes('groupId');
  const changed: Record<string, object> = { ...properties };
  if (groupId && projectId !== undefined)
    changed.groupId = isRequired ? { ...groupId, default: projectId } : described(groupId, projectId);
  // If both have a default, the project's is used.
  if (organization && !(groupId && projectId !== undefined)) changed.orgId = described(organization, orgId);
  if (sink) changed.sink = { ...described(sink, defaultSink), enum: sinkNames };
  if (keys && 'items' in keys && isObjectSchema(keys.items))
    changed.keys = { ...keys, items: withSettings(keys.items, settings) };
  const still = projectId === undefined ? required : required.filter((name) => name !== 'groupId');
  return { ...schema, properties: changed, required: still.length > 0 ? still : undefined };
}

/** As `delivery` of result-schema.ts has it. */
function outputWith(schema: ObjectSchema | undefined, settings: ToolSettings): ObjectSchema | undefined {
  const { allowInlineSecret } = settings;
  const { delivery, results } = schema?.properties ?? {};
  if (!schema || !allowInlineSecret) return schema;
  if (results && 'items' in results && isObjectSchema(results.items)) {
    const items = outputWith(results.items, settings);
    return { ...schema, properties: { ...schema.properties, results: { ...results, items } } };
  }
  if (!delivery) return schema;
  const members = 'properties' in delivery ? delivery.properties : {};
  const extended = { ...delivery, properties: Object.assign({}, members, { secret: { type: 'string' } }) };
  return { ...schema, properties: { ...schema.properties, delivery: extended } };
}

/** Of each part of an array. */
function isObjectSchema(schema: unknown): schema is ObjectSchema {
  return typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'object';
}

function described(property: object, standard: string | undefined): object {
  if (standard === undefined || !('description' in property)) return property;
  return { ...property, description: `${String(property.description)}; default ${standard}` };
}
