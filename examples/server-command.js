// Reads the command line of the examples: what the agent is asked, and after `--` the command that starts the server.

/** @returns {{ task: string, command: string, args: string[] }} */
export function readArguments(argv = process.argv.slice(2)) {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const [command = 'atlas-model-keys-mcp', ...args] = argv.slice(end + 1);
  return { task: argv.slice(0, end).join(' '), command, args };
}
