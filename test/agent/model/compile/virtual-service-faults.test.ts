/** HTTPFaultInjection and HTTPDirectResponse as the engine gets them; each case names the field that it proves. */
import t from 'tap';
import { client, compileText, onlyRoute, routesOf, service, virtualService } from './world.ts';

const toA = 'route: [{ destination: { host: a } }]';

t.test('fault', async (t) => {
  const faultOf = (fault: string): unknown => {
    const { action } = onlyRoute(`[{ fault: ${fault}, ${toA} }]`);
    return action.kind === 'route' ? action.fault : null;
  };
  for (const [fault, expected] of [
    ['{ delay: { fixedDelay: 1.5s, percentage: { value: 10 } } }', { delay: { share: 100_000, ms: 1500 } }],
    ['{ delay: { fixedDelay: 1s, percent: 7 } }', { delay: { share: 70_000, ms: 1000 } }],
    ['{ delay: { fixedDelay: 1s, percent: 7, percentage: {} } }', undefined],
    ['{ delay: { fixedDelay: 1s } }', undefined],
    ['{ delay: { percentage: { value: 10 } } }', undefined],
    ['{ abort: { httpStatus: 503, percentage: { value: 100 } } }', { abort: { share: 1_000_000, status: 503 } }],
    ['{ abort: { httpStatus: 503, percentage: { value: 0.00019 } } }', { abort: { share: 1, status: 503 } }],
    ['{ abort: { httpStatus: 503 } }', undefined],
    ['{ abort: { httpStatus: 600, percentage: { value: 100 } } }', undefined],
    ['{ abort: { grpcStatus: NOT_FOUND, percentage: { value: 1 } } }', { abort: { share: 10_000, grpcStatus: 5 } }],
    ['{ abort: { percentage: { value: 1 } } }', undefined],
  ] as const) {
    t.strictSame(faultOf(fault), expected, fault);
  }
});

t.test('directResponse, with the response headers of its rule', async (t) => {
  const route = onlyRoute('[{ directResponse: { status: 418, body: { string: tea } }, headers: { response: { remove: [X-A] } } }]');
  t.strictSame(route.action, { kind: 'direct', status: 418, body: 'tea' });
  t.strictSame(route.responseHeaders, { remove: ['x-a'] });
  t.strictSame(onlyRoute('[{ directResponse: { status: 204 } }]').action, { kind: 'direct', status: 204, body: '' });
});

t.test('a status that no proxy takes loses its rule, not the others', async (t) => {
  const rules = `[{ name: odd, directResponse: { status: 600 }, match: [{ uri: { exact: /a } }] }, { name: other, ${toA} }]`;
  const routes = routesOf(compileText([client(), service('a'), virtualService(rules)]));
  t.strictSame(
    routes.map(({ name }) => name),
    ['other'],
  );
});
