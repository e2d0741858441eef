/** The names that a packed host begins with, against those that its routes intern. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Epoch } from '../../../src/base/epoch.ts';
import type { HeaderLine, HeaderOperations, ValueSegment } from '../../../src/l7/config/header-operations.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { headerNamesOf } from '../../../src/l7/packed/header-names.ts';
import { lightVirtualHost } from '../../../src/l7/packed/light.ts';
import { Route } from '../../../src/l7/routing/route.ts';
import { compileAction } from '../../../src/l7/runtime/actions.ts';
import { Lease, type SlotRegistry } from '../../../src/l7/runtime/lease.ts';
import { ClusterSlot } from '../../../src/l7/upstream/cluster.ts';
import { host, line } from '../runtime/snapshots.ts';

const name = fc.constantFrom('x-a', 'X-B', 'x-c', 'x-d', 'cookie', ':path');
const field = name.filter((text) => !text.startsWith(':'));
const segment: fc.Arbitrary<ValueSegment> = fc.oneof(
  fc.constant(line('x', 'text')[1] as ValueSegment),
  fc.record({
    of: fc.constantFrom('request-header' as const, 'response-header' as const),
    names: fc.array(name.map((text) => text.toLowerCase())),
  }),
  fc.record({ of: fc.constant('query' as const), name: fc.constant('q') }),
  fc.constant({ of: 'path' } as const),
);
const value = fc.oneof(fc.constant('1'), fc.array(segment, { minLength: 1, maxLength: 2 }));
const headerLine: fc.Arbitrary<HeaderLine> = fc.tuple(field, value).map(([header, given]) => {
  return typeof given === 'string' ? line(header, given) : [line(header, '')[0], given];
});
const operations: fc.Arbitrary<HeaderOperations> = fc.record(
  {
    set: fc.array(headerLine, { maxLength: 2 }),
    add: fc.array(headerLine, { maxLength: 2 }),
    remove: fc.array(field.map((text) => text.toLowerCase()), { maxLength: 2 }),
  },
  { requiredKeys: [] },
); // prettier-ignore
const match = fc.record(
  { headers: fc.array(fc.record({ name, match: fc.constant({ kind: 'exact', value: '1' } as const), invert: fc.boolean() }), { maxLength: 2 }) },
  { requiredKeys: [] },
); // prettier-ignore
const levels = { requestHeaders: operations, responseHeaders: operations };
const destination = fc.record({ cluster: fc.constant('c'), weight: fc.constant(1), ...levels }, { requiredKeys: ['cluster', 'weight'] });
const forward = fc.array(destination, { minLength: 1, maxLength: 2 }).map((destinations) => {
  return { kind: 'route', destinations, mirrors: [], timeoutMs: 0, retry: null } as const;
});
const action = fc.oneof(
  forward,
  fc.constant({ kind: 'redirect', code: 301 } as const),
  fc.constant({ kind: 'direct', status: 200, body: '' } as const),
);
const routes = fc.record({ name: fc.constant('r'), match, action, ...levels }, { requiredKeys: ['name', 'match', 'action'] });

class Recording extends HeaderNames {
  readonly seen = new Set<string>();

  override intern(header: string): number {
    // The names that every table begins with are interned while it is made.
    this.seen?.add(header);
    return super.intern(header);
  }
}

const registry: SlotRegistry = { acquire: (id) => new ClusterSlot(id, new Epoch()), release: () => {} };

t.test('a packed host begins with every name that its routes intern', async () => {
  fc.assert(
    fc.property(fc.array(routes, { maxLength: 3 }), (list) => {
      const config = host(['v'], list);
      if (!lightVirtualHost('v', config)) throw new Error('not light');
      const names = new Recording();
      names.seen.clear();
      const lease = new Lease(names, registry);
      for (const one of config.routes) new Route(one, lease, compileAction(one, lease));
      const missing = [...names.seen].filter((header) => !(headerNamesOf(config) ?? []).includes(header));
      if (missing.length > 0) throw new Error(`${missing.join(', ')} of ${JSON.stringify(config.routes)}`);
    }),
    { numRuns: 1000 },
  );
});
