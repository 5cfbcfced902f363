// Runs before each test file. The modules of src/ and test/ are loaded anew for it, so that no file meets what another one
// left in them (secrets that redaction remembers, catalogs, the identity of this process). Properties are tried with the
// same random values in each run, so that a run judges the change and not luck; FAST_CHECK_SEED gives other values, as the
// weekly run of .github/workflows/ci.yml does.

import fc from 'fast-check';
import { vi } from 'vitest';

vi.resetModules();
fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 1) });
