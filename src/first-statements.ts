// What must happen before any other statement of the program: `main.ts` imports this file first, and the build keeps it so.
// It must be understood by every Node that knows modules, and imports nothing.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

// An old Node would end with a SyntaxError of the whole bundle, or with a call of a function that it does not have.
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`atlas-model-keys-mcp: needs Node 20.19 or later; this is Node ${process.versions.node}\n`);
  process.exit(2);
}

// A listener takes the place of Node's own, which opens the inspector for any local process of this user. What was sent
// before is seen by mcp/hardening.ts.
process.on('SIGUSR1', () => undefined);
