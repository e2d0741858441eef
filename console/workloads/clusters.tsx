/** The clusters that a pod can reach, with each endpoint: whether it is used now, and until when it is not. */
import type { JSX } from 'preact';
import { type ClustersView, useClusters } from '../feed/answers.ts';
import { Awaited } from '../parts/awaited.tsx';
import { integer, plural, timeOfDay } from '../parts/format.ts';
import { fits } from '../parts/search-field.tsx';
import { StateTag } from '../parts/state-tag.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { hashOf } from '../shell/location.ts';

type Cluster = ClustersView['clusters'][number];
type Endpoint = Cluster['endpoints'][number];

interface EndpointRow {
  readonly key: string;
  readonly cluster: Cluster;
  /** Null: the cluster has none. */
  readonly endpoint: Endpoint | null;
}

const COLUMNS: readonly Column<EndpointRow>[] = [
  { key: 'cluster', title: 'Cluster', order: ({ key }) => key, cell: ({ cluster }) => <ClusterName cluster={cluster} /> },
  { key: 'balancer', title: 'Balancing', order: ({ cluster }) => cluster.balancer.kind, cell: ({ cluster }) => cluster.balancer.kind },
  { key: 'endpoint', title: 'Endpoint', cell: ({ endpoint }) => endpoint !== null && <EndpointName endpoint={endpoint} /> },
  { key: 'health', title: 'Health', order: healthRank, cell: (row) => <Health row={row} /> },
  {
    key: 'weight',
    title: 'Weight',
    isNumeric: true,
    order: ({ endpoint }) => endpoint?.weight ?? 0,
    cell: ({ endpoint }) => endpoint !== null && integer(endpoint.weight),
  },
  {
    key: 'active',
    title: 'Under way',
    isNumeric: true,
    order: ({ endpoint }) => endpoint?.active ?? 0,
    cell: ({ endpoint }) => endpoint !== null && integer(endpoint.active),
  },
  {
    key: 'connections',
    title: 'Connections',
    isNumeric: true,
    order: ({ endpoint }) => endpoint?.connections ?? 0,
    cell: ({ endpoint }) => endpoint !== null && integer(endpoint.connections),
  },
];

export function Clusters({ pod, search }: { readonly pod: string; readonly search: string }): JSX.Element {
  return (
    <Awaited reading={useClusters(pod)}>
      {({ clusters, truncated }) => {
        const all = clusters.flatMap(rowsOf);
        const rows = all.filter(({ cluster, endpoint }) =>
          fits(search, `${cluster.name} ${endpoint?.address ?? ''} ${endpoint?.identity.pod ?? ''}`),
        );
        const caption = `${plural(rows.length, 'endpoint')} of ${plural(clusters.length, 'cluster')}${truncated ? ', of more' : ''}`;
        return (
          <Table
            caption={caption}
            columns={COLUMNS}
            rows={rows}
            keyOf={({ key }) => key}
            initial={{ column: 'health', descending: false }}
            empty={all.length === 0 ? 'No route or address that it sees leads anywhere.' : 'No endpoint fits what is searched for.'}
          />
        );
      }}
    </Awaited>
  );
}

function rowsOf(cluster: Cluster): EndpointRow[] {
  const { name, endpoints } = cluster;
  if (endpoints.length === 0) return [{ key: name, cluster, endpoint: null }];
  return endpoints.map((endpoint) => ({ key: `${name} ${endpoint.address} ${endpoint.port}`, cluster, endpoint }));
}

/** What needs somebody comes first. */
function healthRank({ cluster, endpoint }: EndpointRow): number {
  if (endpoint === null) return cluster.original === undefined ? 0 : 3;
  return endpoint.ejected.length > 0 ? 1 : 2;
}

function Health({ row: { cluster, endpoint } }: { readonly row: EndpointRow }): JSX.Element {
  if (endpoint === null) {
    if (cluster.original !== undefined) return <StateTag tone="quiet" text="goes where it was going" />;
    return <StateTag tone="bad" text="no endpoint" />;
  }
  const [first] = endpoint.ejected;
  if (first === undefined) return <StateTag tone="good" text="in use" />;
  return <StateTag tone="warn" text={`ejected until ${timeOfDay(first.until)}`} />;
}

/** `outbound|80|v1|reviews.default.svc.cluster.local` as people say it, and as Istio does. */
function ClusterName({ cluster: { name, service } }: { readonly cluster: Cluster }): JSX.Element {
  const subset = name.split('|')[2] ?? '';
  return (
    <span title={name}>
      {service.host}
      <span class="quiet">{`:${service.port}`}</span>
      {subset !== '' && <span class="subset">{` ${subset}`}</span>}
    </span>
  );
}

function EndpointName({ endpoint: { address, port, identity, local } }: { readonly endpoint: Endpoint }): JSX.Element {
  const place = <code>{address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`}</code>;
  if (identity.pod === 'unknown') return place;
  return (
    <>
      {local === null ? identity.pod : <a href={hashOf('workloads', local)}>{identity.pod}</a>} <span class="quiet">{place}</span>
    </>
  );
}
