// The presets with the real programs: what each URI stands for, run against a store of its own.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sinkSchema } from '../../src/config/sink-spec.ts';
import { Secret } from '../../src/secret/secret.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import type { Replaced, Sink } from '../../src/sinks/sink.ts';
import { realTest } from './real-programs.ts';
import { environmentOf } from './script-folder.ts';
