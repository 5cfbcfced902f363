// Runs before each test file: the modules of src/ and test/ are loaded anew for it, so that no file meets what another one
// left in them (secrets that redaction remembers, catalogs, the identity of this process).

import { vi } from 'vitest';

vi.resetModules();
