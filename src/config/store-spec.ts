// What an operator can say of a sink that is a store of secrets with an API of its own (Vault, Kubernetes, AWS, GitHub): as a URI
// or as an object. Never a credential: each is found as the store's own command line finds it. Pure: it looks at nothing.

import * as z from 'zod/v4-mini';
import { parseBaseUrl } from './base-url.ts';

/** What all stores have. */
interface StoreSettings {
  /** Where its API is, where not where its own command line would look: https, or http on loopback. */
  readonly address?: string | undefined;
  /** The certificate authorities that are trusted for it, in PEM, in place of the usual ones. */
  readonly caFile?: string | undefined;
  /** Limit for one request, and for one run of a program that gives the credential, in milliseconds. */
  readonly timeoutMs: number;
}

export interface VaultSpec extends StoreSettings {
  readonly type: 'vault';
  /** Of a KV engine, version 2. */
  readonly mount: string;
  readonly path: string;
  readonly field: string;
  /** Of the same secret; gets the URL of the key's endpoint. */
  readonly endpointField?: string | undefined;
  readonly namespace?: string | undefined;
  /** Where the authentication by AppRole or Kubernetes is mounted. */
  readonly authMount?: string | undefined;
  /** Log in as this role with the token of the pod's service account. */
  readonly kubernetesRole?: string | undefined;
}

export interface KubernetesSpec extends StoreSettings {
  readonly type: 'k8s';
  readonly namespace: string;
  /** Of the Secret. */
  readonly name: string;
  readonly key: string;
  readonly endpointField?: string | undefined;
  /** Of the kubeconfig; its current one where absent. */
  readonly context?: string | undefined;
}

interface AwsSettings extends StoreSettings {
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
  /** Whether the credential may come from the metadata service of the machine. */
  readonly instanceMetadata?: boolean | undefined;
}

export interface SecretsManagerSpec extends AwsSettings {
  readonly type: 'aws-sm';
  readonly name: string;
  /** The member of the JSON object that the secret is; all of it where absent. */
  readonly field?: string | undefined;
  readonly endpointField?: string | undefined;
}

export interface ParameterSpec extends AwsSettings {
  readonly type: 'aws-ssm';
  readonly path: string;
}

export interface GithubSpec extends StoreSettings {
  readonly type: 'github';
  readonly owner: string;
  /** `*` for a secret of the organization. */
  readonly repo: string;
  readonly name: string;
  readonly environment?: string | undefined;
  /** Which repositories see a secret of an organization that is made anew. */
  readonly visibility?: 'all' | 'private' | undefined;
}

export type StoreSpec = VaultSpec | KubernetesSpec | SecretsManagerSpec | ParameterSpec | GithubSpec;

const HOLE = String.raw`\{(?:groupId|entry)\}`;
/** One or more of these characters, or placeholders. */
const some = (characters: string) => `(?:[${characters}]|${HOLE})+`;
/** Never `.` or `..` between slashes, in whose place another path would be asked for. */
const SEGMENTS = String.raw`(?!(?:.*/)?\.{1,2}(?:/|$))${some('A-Za-z0-9._@+=-')}(?:/${some('A-Za-z0-9._@+=-')})*`;
const WORD = some('A-Za-z0-9._-');
const VARIABLE = String.raw`(?:[A-Za-z_]|${HOLE})(?:[A-Za-z0-9_]|${HOLE})*`;

/** What each part of a URI or an object must be. */
const FORMS = {
  path: [SEGMENTS, 'must be names divided by single slashes, without . or ..'],
  name: [WORD, 'must be letters, digits, dots, dashes and underscores'],
  label: [some('a-z0-9.-'), 'must be lower-case letters, digits, dots and dashes, as names of Kubernetes are'],
  secret: [VARIABLE, 'must be a variable name: letters, digits and _, not starting with a digit'],
  secretsManager: [some('A-Za-z0-9/_+=.@:-'), 'must be a name or an ARN'],
  parameter: [`/${SEGMENTS}`, 'must begin with a slash: names divided by single slashes'],
  words: [String.raw`[A-Za-z0-9][A-Za-z0-9 ._@:/+-]*`, 'must be letters, digits, blanks and . _ @ : / + -'],
  repo: [String.raw`(?:\*|(?!\.{1,2}$)[A-Za-z0-9._-]+)`, 'must be the name of a repository, or *'],
} as const satisfies Readonly<Record<string, readonly [pattern: string, error: string]>>;

function form(name: keyof typeof FORMS) {
  const [pattern, error] = FORMS[name];
  return z.string().check(z.maxLength(512), z.regex(new RegExp(`^${pattern}$`), { error }));
}

/** An origin, by the rules for that of Atlas. */
const address = z.string().check(
  z.refine(
    (text) => {
      try {
        parseBaseUrl(text);
        return true;
      } catch {
        return false;
      }
    },
    { error: 'must be https://HOST[:PORT], or http on loopback, without user, path or query' },
  ),
);
const caFile = z.string().check(z.regex(/^(?:\/|[A-Za-z]:[\\/])[^\p{Cc}]+$/u, { error: 'must be an absolute path' }));
const timeoutMs = z._default(z.int().check(z.minimum(100), z.maximum(120_000)), 30_000);
const common = { address: z.optional(address), caFile: z.optional(caFile), timeoutMs };
const aws = {
  region: z.optional(form('name')),
  profile: z.optional(form('words')),
  instanceMetadata: z.optional(z.boolean()),
};

const NOT_THE_FIELD = { error: 'must be another field than that of the secret', path: ['endpointField'] };

/** The objects, for the union of all kinds. */
export const storeObjects = [
  z
    .strictObject({
      type: z.literal('vault'),
      mount: form('path'),
      path: form('path'),
      field: form('name'),
      endpointField: z.optional(form('name')),
      namespace: z.optional(form('path')),
      authMount: z.optional(form('path')),
      kubernetesRole: z.optional(form('name')),
      ...common,
    })
    .check(z.refine((spec) => spec.endpointField !== spec.field, NOT_THE_FIELD)),
  z
    .strictObject({
      type: z.literal('k8s'),
      namespace: form('label'),
      name: form('label'),
      key: form('name'),
      endpointField: z.optional(form('name')),
      context: z.optional(form('words')),
      ...common,
    })
    .check(z.refine((spec) => spec.endpointField !== spec.key, NOT_THE_FIELD)),
  z
    .strictObject({
      type: z.literal('aws-sm'),
      name: form('secretsManager'),
      field: z.optional(form('name')),
      endpointField: z.optional(form('name')),
      ...aws,
      ...common,
    })
    .check(
      z.refine(
        (spec) => spec.endpointField === undefined || (spec.field !== undefined && spec.endpointField !== spec.field),
        NOT_THE_FIELD,
      ),
    ),
  z.strictObject({ type: z.literal('aws-ssm'), path: form('parameter'), ...aws, ...common }),
  z
    .strictObject({
      type: z.literal('github'),
      owner: form('name'),
      repo: form('repo'),
      name: form('secret'),
      environment: z.optional(form('words')),
      visibility: z.optional(z.enum(['all', 'private'])),
      ...common,
    })
    .check(
      z.refine((spec) => spec.repo !== '*' || spec.environment === undefined, {
        error: 'belongs to a repository, not to an organization',
        path: ['environment'],
      }),
    ),
] as const;

/** What the URI of each kind looks like. */
export const storePatterns = {
  vault: `^vault:(?://)?${SEGMENTS}/${SEGMENTS}#${WORD}$`,
  k8s: `^k8s:(?://)?${FORMS.label[0]}/${FORMS.label[0]}#${WORD}$`,
  'aws-sm': `^aws-sm:(?://)?${FORMS.secretsManager[0]}(?:#${WORD})?$`,
  'aws-ssm': `^aws-ssm:/{1,3}${SEGMENTS}$`,
  github: String.raw`^github:(?://)?[A-Za-z0-9._-]+/(?:\*|[A-Za-z0-9._-]+)(?:\?environment=[^#]+)?#${VARIABLE}$`,
} as const satisfies Readonly<Record<StoreSpec['type'], string>>;

/** The object that the URI of a store stands for, not yet checked; undefined where it is of no store. */
export function storeOfUri(uri: string): { readonly type: string; readonly [key: string]: unknown } | undefined {
  const [, type = '', rest = ''] = /^([a-z0-9-]+):(?:\/\/)?([\s\S]*)$/.exec(uri) ?? [];
  const hash = rest.lastIndexOf('#');
  const [before, fragment] = hash === -1 ? [rest, undefined] : [rest.slice(0, hash), rest.slice(hash + 1)];
  const slash = before.indexOf('/');
  const [first, second] = slash === -1 ? [before, undefined] : [before.slice(0, slash), before.slice(slash + 1)];
  switch (type) {
    case 'vault':
      return { type, mount: first, path: second?.replace(/^data\//, ''), field: fragment };
    case 'k8s':
      return { type, namespace: first, name: second, key: fragment };
    case 'aws-sm':
      return { type, name: before, ...(fragment !== undefined && { field: fragment }) };
    case 'aws-ssm':
      return { type, path: rest.startsWith('/') ? rest : `/${rest}` };
    case 'github': {
      const [repo, environment] = second?.split('?environment=') ?? [];
      return { type, owner: first, repo, name: fragment, ...(environment !== undefined && { environment }) };
    }
    default:
      return undefined;
  }
}
