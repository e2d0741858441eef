import t from 'tap';
import { RetryClass } from '../../../src/l7/message/outcome.ts';
import { RetryPolicy } from '../../../src/l7/runtime/retry-policy.ts';
import type { RetryCondition } from '../../../src/l7/config/retry.ts';
import { seededRandom } from '../upstream/seeded-random.ts';

function policy(on: RetryCondition[], statusCodes: number[] = [], backoffMs = 25): RetryPolicy {
  return new RetryPolicy({ attempts: 2, perTryTimeoutMs: 0, on, statusCodes, backoffMs, avoidPreviousHosts: true });
}

/** Which failures and statuses each condition covers: the whole table of Envoy's retry_state_impl.cc as far as Istio names it. */
const TABLE: readonly {
  on: RetryCondition;
  connect: boolean;
  unsent: boolean;
  reset: boolean;
  perTry: boolean;
  statuses: number[];
  grpc: number[];
}[] = [
  { on: '5xx', connect: true, unsent: true, reset: true, perTry: true, statuses: [500, 501, 502, 503, 504, 599], grpc: [] },
  { on: 'gateway-error', connect: true, unsent: true, reset: true, perTry: true, statuses: [502, 503, 504], grpc: [] },
  { on: 'reset', connect: true, unsent: true, reset: true, perTry: true, statuses: [], grpc: [] },
  { on: 'reset-before-request', connect: true, unsent: true, reset: false, perTry: false, statuses: [], grpc: [] },
  { on: 'connect-failure', connect: true, unsent: false, reset: false, perTry: false, statuses: [], grpc: [] },
  { on: 'refused-stream', connect: false, unsent: false, reset: false, perTry: false, statuses: [], grpc: [] },
  { on: 'retriable-4xx', connect: false, unsent: false, reset: false, perTry: false, statuses: [409], grpc: [] },
  { on: 'cancelled', connect: false, unsent: false, reset: false, perTry: false, statuses: [], grpc: [1] },
  { on: 'deadline-exceeded', connect: false, unsent: false, reset: false, perTry: false, statuses: [], grpc: [4] },
  { on: 'resource-exhausted', connect: false, unsent: false, reset: false, perTry: false, statuses: [], grpc: [8] },
  { on: 'internal', connect: false, unsent: false, reset: false, perTry: false, statuses: [], grpc: [13] },
  { on: 'unavailable', connect: false, unsent: false, reset: false, perTry: false, statuses: [], grpc: [14] },
];

for (const row of TABLE) {
  t.test(`retryOn ${row.on}`, async (t) => {
    const it = policy([row.on]);
    t.equal(it.retriesFailure(RetryClass.Connect), row.connect, 'connection failure');
    t.equal(it.retriesFailure(RetryClass.Unsent), row.unsent, 'reset before a byte was sent');
    t.equal(it.retriesFailure(RetryClass.Reset), row.reset, 'reset after the request was sent');
    t.equal(it.retriesFailure(RetryClass.PerTryTimeout), row.perTry, 'per-try timeout');
    for (const status of [200, 404, 409, 429, 500, 501, 502, 503, 504, 599]) {
      t.equal(it.retriesResponse(status, -1, false), row.statuses.includes(status), `status ${status}`);
    }
    for (let code = 0; code <= 16; code++) t.equal(it.retriesResponse(200, code, false), row.grpc.includes(code), `grpc-status ${code}`);
  });
}

t.test('retriable-status-codes retries exactly the listed codes', async (t) => {
  const it = policy(['retriable-status-codes'], [418, 503]);
  t.ok(it.retriesResponse(418, -1, false));
  t.ok(it.retriesResponse(503, -1, false));
  t.notOk(it.retriesResponse(500, -1, false));
  t.notOk(policy(['retriable-status-codes']).looksAtResponses, 'without codes no response is looked at');
});

t.test('a rate-limited response is retried only by envoy-ratelimited', async (t) => {
  t.notOk(policy(['5xx']).retriesResponse(503, -1, true));
  t.ok(policy(['envoy-ratelimited']).retriesResponse(429, -1, true));
});

t.test('back-off is jittered over [0, base × (2^n − 1)] and capped at ten times the base', async (t) => {
  const random = seededRandom(11);
  const it = policy(['5xx'], [], 100);
  for (const [retry, ceiling] of [
    [1, 100],
    [2, 300],
    [3, 700],
    [4, 1000],
    [60, 1000],
  ] as const) {
    const waits = Array.from({ length: 500 }, () => it.backoff(retry, random()));
    t.ok(Math.min(...waits) >= 0 && Math.max(...waits) <= ceiling, `retry ${retry} within ${ceiling} ms`);
    t.ok(Math.max(...waits) > ceiling * 0.9, `retry ${retry} uses the whole range`);
  }
});
