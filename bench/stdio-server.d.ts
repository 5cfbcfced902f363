// The types of stdio-server.js, as far as it has tests.

interface Server {
  request(method: string, params: object): Promise<{ readonly result: unknown }>;
  end(): Promise<void>;
}

export function startServer(script: string, options: { readonly folder: string }): Server;
