// What hosts are shown of a tool, and what the operator's settings change of it. It needs no schema library, so that a host
// that only lists the tools costs little.

import { ConfigError } from '../config/config-error.ts';
import { nearest } from '../text/text.ts';

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

/** What hosts are shown of a sink. */
export interface ShownSink {
  readonly name: string;
  readonly kind: string;
  /** With `{groupId}` and `{entry}` still in place. */
  readonly location: string;
  readonly takesEntry: boolean;
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
  readonly sinks?: readonly ShownSink[];
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
  const offered = chosen(toolDefinitions, settings.tools ?? {}).filter(
    ({ annotations }) => !settings.readOnly || annotations.readOnlyHint,
  );
  const teller = offered.find(({ inputSchema }) => inputSchema.properties?.sink)?.name;
  return offered.map(({ outputSchema, ...definition }) => ({
    ...definition,
    inputSchema: withSettings(definition.inputSchema, { ...settings, teller, isTeller: teller === definition.name }),
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
function withSettings(schema: ObjectSchema, settings: ToolSettings & SinkTeller): ObjectSchema {
  const { projectId, orgId, sinks = [], defaultSink } = settings;
  const { properties = {}, required = [] } = schema;
  const { groupId, orgId: organization, sink } = properties;
  const isRequired = required.includes('groupId');
  const changed: Record<string, object> = { ...properties };
  for (const [name, property] of Object.entries(properties))
    if ('items' in property && isObjectSchema(property.items))
      changed[name] = { ...property, items: withSettings(property.items, settings) };
  if (groupId && projectId !== undefined)
    changed.groupId = isRequired ? { ...groupId, default: projectId } : described(groupId, projectId);
  // If both have a default, the project's is used.
  if (organization && !(groupId && projectId !== undefined)) changed.orgId = described(organization, orgId);
  const what = sink && 'description' in sink ? String(sink.description) : '';
  if (sink) changed.sink = { ...sink, ...sinkWords(what, { ...settings, sinks }) };
  if (!isEntryShown(sinks)) delete changed.entry;
  const still = Object.keys(properties).filter(
    (name) =>
      (required.includes(name) && (name !== 'groupId' || projectId === undefined)) ||
      (name === 'sink' && mustNameSink(what, { sinks, defaultSink })),
  );
  return { ...schema, properties: changed, required: still.length > 0 ? still : undefined };
}

function isObjectSchema(schema: unknown): schema is ObjectSchema {
  return typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'object';
}

/** What begins the description of `sink` where the secret of a new key goes there. */
export const NEW_SECRET_SINK = 'Where the secret goes';
/** In bytes. Hosts give it to the model in each conversation. */
const LONGEST_SINK_WORDS = 600;

interface ShownSinks {
  readonly sinks: readonly ShownSink[];
  readonly defaultSink?: string | undefined;
}

/** One tool says of each sink what it is, and the others name that tool. */
interface SinkTeller {
  readonly isTeller: boolean;
  readonly teller?: string | undefined;
}

/** What is said of a parameter `sink` besides its type. One that begins with "Only" is a filter, without which every sink is meant. */
export function sinkWords(what: string, { sinks, defaultSink, isTeller, teller = '' }: ShownSinks & SinkTeller) {
  const standard = defaultSink === undefined || what.startsWith('Only') ? '' : `; default ${defaultSink}`;
  if (sinks.length === 0) return { description: `${what}${standard}` };
  const places = isTeller
    ? `: ${placesWithin(LONGEST_SINK_WORDS - bytes(`${what}: ${standard}`), sinks)}`
    : `; sinks as in ${teller}`;
  return { description: `${what}${places}${standard}`, ...(isTeller && { enum: sinks.map(({ name }) => name) }) };
}

/**
 * Whether a new key needs a sink by name. It is shown as required, and a call without it is still answered, since some hosts
 * can ask a person which.
 */
export function mustNameSink(what: string, { sinks, defaultSink }: ShownSinks): boolean {
  return what.startsWith(NEW_SECRET_SINK) && sinks.length > 1 && defaultSink === undefined;
}

/** Not shown where every sink has a fixed place. */
export function isEntryShown(sinks: readonly ShownSink[]): boolean {
  return sinks.length === 0 || sinks.some(({ takesEntry }) => takesEntry);
}

/** Kind and place of each sink; only the kinds of those whose place would be too much, and of the last ones nothing. */
function placesWithin(most: number, sinks: readonly ShownSink[]): string {
  const told = sinks.map(({ name, kind }) => `${name} = ${kind}`);
  const fits = (texts: readonly string[]) => bytes(texts.join(', ')) <= most;
  const isCut = !fits(told);
  while (!fits([...told, '…']) && told.length > 0) told.pop();
  for (const [index, sink] of sinks.slice(0, told.length).entries()) {
    const brief = told[index] ?? '';
    told[index] = `${sink.name} = ${placeOf(sink)}`;
    if (!fits([...told, ...(isCut ? ['…'] : [])])) told[index] = brief;
  }
  return [...told, ...(isCut ? ['…'] : [])].join(', ');
}

/** A location may begin with its kind; that of a program does not show whether it takes an entry. */
function placeOf({ kind, location, takesEntry }: ShownSink): string {
  const place = location.startsWith(`${kind} `) ? location : `${kind} ${location}`;
  return takesEntry && !location.includes('{entry}') ? `${place} {entry}` : place;
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
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

function described(property: object, standard: string | undefined): object {
  if (standard === undefined || !('description' in property)) return property;
  return { ...property, description: `${String(property.description)}; default ${standard}` };
}
