// What registries and hosts read of this package before they run it: server.json, the manifest of the desktop bundle, the
// plugin of Claude Code with its marketplace, the extension of Gemini CLI. All of it is made of package.json, which has the
// only version and the only name of the repository's owner, and of the settings and the tools of the code.

const DISPLAY_NAME = 'MongoDB Atlas model keys';
const DESCRIPTION = 'Makes MongoDB Atlas AI model API keys; each secret goes to your sink, never to the model';
/** The name under which hosts know the server. */
const SERVER_NAME = 'atlas-model-keys';
/** Neither the repository nor a person: a name that needs no change when the repository moves. */
const AUTHOR = { name: 'The authors of atlas-model-keys-mcp' };
export const BUNDLE_FILE = 'atlas-model-keys-mcp.mcpb';
/** Stands in package.json until the repository has an owner. */
const PLACEHOLDER = 'OWNER';
const REGISTRY_SCHEMA = 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json';

/**
 * What a host asks a person for, in this order. A blank one is not set. `type` is that of the bundle, whose pickers give bare
 * paths; hosts without pickers ask for text. None has a default: `false` would be a setting like any other, and take back
 * what the operator's configuration file asks for.
 */
export function fields({ folder, dotenv, allowedProjects, readOnly, confirm }) {
  return {
    client_id: {
      variable: 'MONGODB_ATLAS_CLIENT_ID',
      type: 'string',
      title: 'Atlas service account: client ID',
      description:
        'Begins with mdb_sa_id_. In Atlas: Organization > Applications > Service accounts; role Project Model Owner.',
      required: true,
    },
    client_secret: {
      variable: 'MONGODB_ATLAS_CLIENT_SECRET',
      type: 'string',
      title: 'Atlas service account: client secret',
      description: 'Begins with mdb_sa_sk_.',
      required: true,
      sensitive: true,
    },
    folder: {
      variable: folder.variable,
      type: 'directory',
      title: 'Folder for new keys',
      description: 'Each new key becomes a file in it that only you can read. Blank: a private folder of this server.',
    },
    dotenv: {
      variable: dotenv.variable,
      type: 'file',
      title: '.env file',
      description: 'New keys are written into it as VOYAGE_API_KEY, where that is free. Blank: none.',
    },
    projects: {
      variable: allowedProjects.variable,
      type: 'string',
      title: 'Projects that it may use',
      description: 'Project IDs of 24 digits, separated by commas. Blank: each that the service account may use.',
    },
    read_only: {
      variable: readOnly.variable,
      type: 'boolean',
      title: 'Look, but change nothing',
      description: 'true: keys and limits can be listed, and nothing can be created, changed or deleted.',
    },
    ask_first: {
      variable: confirm.variable,
      type: 'boolean',
      title: 'Ask before deleting',
      description:
        'true: a key is deleted or rotated only after you typed its name, and not at all where you cannot be asked.',
    },
  };
}

/** The owner, the name and the address of the repository, as `repository` of package.json says it. */
export function repositoryOf({ repository }) {
  const [, owner, name] = /^git\+https:\/\/github\.com\/([A-Za-z0-9-]+)\/([\w.-]+)\.git$/.exec(repository.url) ?? [];
  if (owner === undefined)
    throw new Error('repository.url of package.json is not git+https://github.com/OWNER/NAME.git');
  return { owner, name, url: `https://github.com/${owner}/${name}`, isPlaceholder: owner === PLACEHOLDER };
}

/** The name in the MCP registry, which looks for it in the published package.json. */
function registryName(packageJson) {
  return `io.github.${repositoryOf(packageJson).owner}/${packageJson.name}`;
}

/** Manifest 0.3 of the desktop bundle. */
export function bundleManifest({ packageJson, settings, toolDefinitions }) {
  const { url } = repositoryOf(packageJson);
  const asked = Object.entries(fields(settings));
  const entryPoint = `server/${packageJson.name}.mjs`;
  return {
    manifest_version: '0.3',
    name: packageJson.name,
    display_name: DISPLAY_NAME,
    version: packageJson.version,
    description: DESCRIPTION,
    long_description:
      'An agent creates, rotates, renames and deletes AI model API keys (for the Voyage embedding and reranking API). The secret of a new key goes to the folder or the .env file that you choose; the chat has its mask and a receipt.',
    author: AUTHOR,
    repository: { type: 'git', url: `${url}.git` },
    documentation: `${url}#readme`,
    support: `${url}/issues`,
    icon: 'icon.png',
    license: packageJson.license,
    keywords: packageJson.keywords,
    server: {
      type: 'node',
      entry_point: entryPoint,
      mcp_config: {
        command: 'node',
        args: [`\${__dirname}/${entryPoint}`],
        env: Object.fromEntries(asked.map(([name, { variable }]) => [variable, placeholder(name)])),
      },
    },
    tools: toolDefinitions.map(({ name, description }) => ({ name, description: firstSentence(description) })),
    prompts_generated: true,
    user_config: Object.fromEntries(asked.map(([name, field]) => [name, withoutVariable(field)])),
    compatibility: {
      platforms: ['darwin', 'win32', 'linux'],
      runtimes: { node: packageJson.engines.node },
    },
  };
}

/** @param fileSha256 of the bundle; each release has its own, so the file in the repository has none */
export function serverJson({ packageJson, settings }, fileSha256) {
  const { url } = repositoryOf(packageJson);
  const { name, version } = packageJson;
  const transport = { type: 'stdio' };
  return {
    $schema: REGISTRY_SCHEMA,
    name: registryName(packageJson),
    title: DISPLAY_NAME,
    description: DESCRIPTION,
    repository: { url, source: 'github' },
    version,
    packages: [
      {
        registryType: 'npm',
        identifier: name,
        version,
        runtimeHint: 'npx',
        transport,
        environmentVariables: Object.values(fields(settings)).map(registryVariable),
      },
      {
        registryType: 'mcpb',
        identifier: `${url}/releases/download/v${version}/${BUNDLE_FILE}`,
        ...(fileSha256 !== undefined && { fileSha256 }),
        transport,
      },
    ],
  };
}

/** The plugin of Claude Code, which GitHub Copilot CLI takes too. */
function claudePlugin({ packageJson, settings }) {
  const asked = Object.entries(fields(settings));
  return {
    name: SERVER_NAME,
    version: packageJson.version,
    description: DESCRIPTION,
    author: AUTHOR,
    license: packageJson.license,
    keywords: packageJson.keywords,
    userConfig: Object.fromEntries(asked.map(([name, field]) => [name, withoutVariable(field)])),
    mcpServers: {
      [SERVER_NAME]: {
        ...packageFromNpm(packageJson),
        env: Object.fromEntries(asked.map(([name, { variable }]) => [variable, placeholder(name)])),
      },
    },
  };
}

function claudeMarketplace() {
  return {
    name: SERVER_NAME,
    description: DESCRIPTION,
    owner: AUTHOR,
    plugins: [{ name: SERVER_NAME, source: `./plugins/${SERVER_NAME}`, description: DESCRIPTION }],
  };
}

/** Of each setting that was left blank Gemini CLI says at every start that it is missing, so there are few. */
function geminiExtension({ packageJson, settings }) {
  const { client_id, client_secret, projects } = fields(settings);
  return {
    name: SERVER_NAME,
    version: packageJson.version,
    description: DESCRIPTION,
    mcpServers: { [SERVER_NAME]: packageFromNpm(packageJson) },
    settings: [client_id, client_secret, projects].map(({ variable, title, description, sensitive }) => ({
      name: title,
      description,
      envVar: variable,
      ...(sensitive && { sensitive }),
    })),
  };
}

/** By path: what stands in the repository. */
export function repositoryFiles(parts) {
  return {
    'package.json': { ...parts.packageJson, mcpName: registryName(parts.packageJson) },
    'server.json': serverJson(parts),
    '.claude-plugin/marketplace.json': claudeMarketplace(),
    [`plugins/${SERVER_NAME}/.claude-plugin/plugin.json`]: claudePlugin(parts),
    'gemini-extension.json': geminiExtension(parts),
  };
}

/** Pinned: a host starts what was installed, not what was published since. */
function packageFromNpm({ name, version }) {
  return { command: 'npx', args: ['-y', `${name}@${version}`] };
}

function placeholder(name) {
  return `\${user_config.${name}}`;
}

function withoutVariable(field) {
  return Object.fromEntries(Object.entries(field).filter(([key]) => key !== 'variable'));
}

function registryVariable({ variable, type, title, description, required, sensitive }) {
  const isPath = type === 'directory' || type === 'file';
  return {
    name: variable,
    description: `${title}. ${description}`,
    ...(required && { isRequired: true }),
    ...(sensitive && { isSecret: true }),
    ...(isPath && { format: 'filepath' }),
    ...(type === 'boolean' && { format: 'boolean' }),
  };
}

/** What a person is told of a tool; the rest is for the model. */
function firstSentence(text) {
  const [sentence = text] = /^.*?[.:](?= )/s.exec(text) ?? [];
  return sentence.replace(/[.:]$/, '');
}
