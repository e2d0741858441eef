/** POST /analyse/sentiment: the polarity of a sentence. Version 2 is the release that should not have been made. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, json, jsonObject, type Received } from '../service.ts';
import { outcomeOf } from './draws.ts';
import { polarity } from './polarity.ts';

export interface Faults {
  readonly draw: () => number;
  readonly sleepMs: number;
}

const BROKEN: Answer = { status: 500, headers: { 'content-type': 'text/plain' }, body: 'something that never happens has happened\n' };

export function logic(faults: Faults | null): (request: Received) => Promise<Answer> {
  return async (request) => {
    if (request.path !== '/analyse/sentiment') return { status: 404 };
    if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST' } };
    const failure = faults === null ? null : await failed(faults, request.gone);
    if (failure !== null) return failure;
    const sentence = jsonObject(request.body)?.['sentence'];
    if (typeof sentence !== 'string') return json(400, { error: 'expected {"sentence": "…"}' });
    return json(200, { sentence, polarity: polarity(sentence) });
  };
}

async function failed(faults: Faults, gone: AbortSignal): Promise<Answer | null> {
  const outcome = outcomeOf(faults.draw());
  if (outcome === 'success') return null;
  // Who went away no longer waits: the timer is dropped, so that thousands of abandoned requests cost nothing.
  if (outcome === 'slow error') await delay(faults.sleepMs, undefined, { signal: gone });
  return BROKEN;
}
