/** What becomes of the requests that a pod sends. */
import type { JSX } from 'preact';
import { describeAction, describeMatch } from '../../src/agent/admin/route-text.ts';
import { type PodRoutes, useRoutes } from '../feed/answers.ts';
import { Awaited } from '../parts/awaited.tsx';
import { plural } from '../parts/format.ts';
import { fits } from '../parts/search-field.tsx';
import { type Column, Table } from '../parts/table.tsx';

interface RouteRow {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  /** As they are tried. */
  readonly place: string;
  readonly match: string;
  readonly actions: readonly string[];
}

const COLUMNS: readonly Column<RouteRow>[] = [
  { key: 'host', title: 'Host', order: ({ key }) => key, cell: ({ host }) => host },
  { key: 'port', title: 'Port', isNumeric: true, order: ({ port }) => port, cell: ({ port }) => port },
  { key: 'place', title: 'Order', cell: ({ place }) => place },
  { key: 'match', title: 'A request with', cell: ({ match }) => <code>{match}</code> },
  {
    key: 'then',
    title: 'Goes to',
    cell: ({ actions }) => actions.map((part) => <div key={part}>{part}</div>),
  },
];

export function Routes({ pod, search }: { readonly pod: string; readonly search: string }): JSX.Element {
  return (
    <Awaited reading={useRoutes(pod)}>
      {(routes) => {
        const all = rowsOf(routes);
        const rows = all.filter(({ host, match, actions }) => fits(search, `${host} ${match} ${actions.join(' ')}`));
        const others = routes.scope?.outboundTrafficPolicy === 'ALLOW_ANY' ? 'pass through' : 'are refused';
        return (
          <Table
            caption={`${plural(rows.length, 'route')}${rows.length < all.length ? ` of ${all.length}` : ''}; other hosts ${others}`}
            columns={COLUMNS}
            rows={rows}
            keyOf={({ key }) => key}
            initial={{ column: 'host', descending: false }}
            empty={all.length === 0 ? 'It sees no service.' : 'No route fits what is searched for.'}
          />
        );
      }}
    </Awaited>
  );
}

function rowsOf({ virtualHosts }: PodRoutes): RouteRow[] {
  return Object.values(virtualHosts).flatMap((hosts) =>
    hosts.flatMap(({ name, port, routes }) =>
      routes.map((route, index) => ({
        key: `${name} ${port} ${index}`,
        ...{ host: name, port, place: routes.length === 1 ? '' : String(index + 1) },
        ...{ match: describeMatch(route.match), actions: describeAction(route).split('; ') },
      })),
    ),
  );
}
