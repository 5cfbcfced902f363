// What shipped-atlas.ts builds.

export { createAtlas } from '../../src/atlas/atlas.ts';
export { createTransport } from '../../src/http/transport.ts';
export { isNamed } from '../../src/atlas/api/keys.ts';
