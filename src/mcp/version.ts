// The version of this package, from its package.json.

import packageJson from '../../package.json' with { type: 'json' };

export const VERSION: string = packageJson.version;
