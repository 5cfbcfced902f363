// What shipped-atlas.ts builds.

export { createAtlas } from '../../src/atlas/atlas.ts';
export { createTransport } from '../../src/atlas/transport.ts';
export { isNamed } from '../../src/atlas/model-keys.ts';
