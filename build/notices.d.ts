// The types of notices.js, for its test.

import { type Metafile } from 'esbuild';

export function notices(metafiles: Metafile | readonly Metafile[]): string;
