// The types of the two modules of undici that are imported by their own paths, so that its fetch, caches, WebSockets and proxy
// agents are neither loaded nor bundled: what the tests of the sources run is what ships.

declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici';
}
declare module 'undici/lib/core/connect.js' {
  export { buildConnector as default } from 'undici';
}
