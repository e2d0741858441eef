import t from 'tap';
import { describeAction, policyTexts } from '../../../src/agent/admin/route-text.ts';
import type { FaultConfig, RouteConfig } from '../../../src/l7/config/route.ts';
import { route } from '../../l7/engine/rig.ts';

const HALF = 500_000;
const aborting = (abort: FaultConfig['abort']): RouteConfig => route('/', 'web', { fault: { ...(abort && { abort }) } });

t.test('an abort is told as the client of the request sees it', async (t) => {
  const http = aborting({ share: HALF, status: 503 });
  t.same(policyTexts(http, false), ['abort 50% with 503']);
  t.same(policyTexts(http, true), ['abort 50% with grpc-status 14 (UNAVAILABLE)']);
  const grpc = aborting({ share: HALF, grpcStatus: 8 });
  t.same(policyTexts(grpc, true), ['abort 50% with grpc-status 8 (RESOURCE_EXHAUSTED)']);
  t.same(policyTexts(grpc, false), ['abort 50% with 200: the rule says grpc-status 8 (RESOURCE_EXHAUSTED), and this is no call of gRPC']);
  t.equal(describeAction(grpc), 'abort 50% with grpc-status 8 (RESOURCE_EXHAUSTED); web', 'in a list of rules as it is configured');
});
