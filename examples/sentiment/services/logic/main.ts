/**
 * LOGIC_VERSION=v2 is the faulty release; SEED makes its draws repeatable, SLEEP_SECONDS (30) says how long its slow third takes.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { run } from '../service.ts';
import { drawSequence } from './draws.ts';
import { type Faults, logic } from './logic.ts';

const { LOGIC_VERSION = 'v1', SEED, SLEEP_SECONDS = '30', POD_NAME = hostname() } = process.env;

const faults: Faults | null =
  LOGIC_VERSION === 'v2' ? { draw: drawSequence(SEED ?? randomUUID(), POD_NAME), sleepMs: Number(SLEEP_SECONDS) * 1000 } : null;

await run({ name: `sa-logic ${LOGIC_VERSION}`, defaultPort: 5000, handle: logic(faults) });
