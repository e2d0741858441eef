/** What a worker says of a request, with the words of the configuration that it serves. Plain data. */
import type { RouteConfig, VirtualHostConfig } from '../../l7/config/route.ts';
import type { ExplainedDestination, ExplainedRequest, Explanation, ExplainQuestion } from '../../l7/explain/explanation.ts';
import type { Snapshot } from '../../l7/snapshot.ts';
import { type AskedRequest, askedRequest } from './explain-request.ts';
import { type AdminRequest, json, plain, type Reply } from './http-server.ts';
import { refusalText } from './refusal-text.ts';
import { describeAction, conditionTexts, policyTexts } from './route-text.ts';

export interface ExplainView {
  readonly request: AskedRequest;
  readonly verdict: ExplainedRequest['verdict'];
  /** In words. */
  readonly why: string;
  readonly version: number;
  readonly protocol: string;
  /** It is a call of gRPC. */
  readonly grpc: boolean;
  readonly host: { readonly name: string; readonly domains: readonly string[] } | null;
  readonly routes: readonly RouteView[];
  /** Index of the route that applies; −1: none. */
  readonly matched: number;
  /** A browser's preflight, which the CORS policy of the rule answers: nothing is forwarded. */
  readonly preflight: boolean;
  /** Of the whole request in milliseconds; 0: none. */
  readonly timeoutMs: number;
  /** Timeouts, retries, faults, rewrites, copies, in words. */
  readonly policies: readonly string[];
  readonly destinations: readonly ExplainedDestination[];
  readonly mirrors: readonly ExplainedDestination[];
  /** The route that applies, as it is configured. */
  readonly route: RouteConfig | null;
}

export interface RouteView {
  readonly name: string;
  readonly outcome: 'applies' | 'does not match' | 'comes later';
  readonly conditions: readonly { readonly text: string; readonly holds: boolean }[];
  /** What it does. */
  readonly action: string;
}

export interface ExplainSources {
  readonly snapshot: () => Snapshot | null;
  readonly explain: (question: ExplainQuestion) => Promise<Explanation | null>;
  readonly clusterDomain: string;
}

/** A change may take effect between the question and the answer. */
const TRIES = 3;

/** `?pod=NAMESPACE/NAME&method=GET&url=http://…&header=Name: value&address=IP`. */
export async function explainReply({ snapshot, explain, clusterDomain }: ExplainSources, { query }: AdminRequest): Promise<Reply> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const now = snapshot();
    if (now === null) return plain('there is no configuration yet', 503);
    const request = askedRequest(query, now, clusterDomain);
    if (typeof request === 'string') return plain(request, 400);
    const version = now.version;
    const answer = await explain(request.question);
    if (answer === null) return plain('no worker answers', 503);
    if ('why' in answer) return plain(answer.why, answer.verdict === 'bad-request' ? 400 : 404);
    if (answer.version === version && now.version === version) return json(explainView(request.asked, answer, now));
  }
  return plain('the configuration keeps changing; ask again', 503);
}

function explainView(request: AskedRequest, answer: ExplainedRequest, { records }: Snapshot): ExplainView {
  const host = answer.host === null ? null : (records.virtualHosts.get(answer.host) ?? null);
  const route = host?.routes[answer.matched] ?? null;
  const { verdict, version, protocol, grpc, matched, preflight, timeoutMs, destinations, mirrors } = answer;
  return {
    ...{ request, verdict, why: whyOf(verdict, grpc), version, protocol, grpc },
    host: host === null ? null : { name: host.name, domains: host.domains },
    routes: host === null ? [] : routeViews(answer, host),
    ...{ matched, preflight, timeoutMs, policies: route === null ? [] : policyTexts(route, grpc), destinations, mirrors, route },
  };
}

function routeViews({ routes, matched }: ExplainedRequest, host: VirtualHostConfig): RouteView[] {
  return routes.map(({ name, conditions }, index) => {
    const config = host.routes[index] as RouteConfig;
    const texts = conditionTexts(config.match);
    return {
      name,
      outcome: index === matched ? 'applies' : conditions.every(Boolean) ? 'comes later' : 'does not match',
      conditions: conditions.map((holds, at) => ({ text: texts[at] ?? '', holds })),
      action: describeAction(config),
    };
  });
}

function whyOf(verdict: ExplainedRequest['verdict'], grpc: boolean): string {
  const { text, status } = WHY[verdict];
  return status === undefined ? text : `${text}: ${refusalText(status, grpc)}`;
}

const WHY: Readonly<Record<ExplainedRequest['verdict'], { readonly text: string; readonly status?: number }>> = {
  route: { text: 'a rule matches' },
  'no-route': { text: 'its host has no rule that matches', status: 404 },
  'no-host': { text: 'no Gateway has the name at this port with a VirtualService for it', status: 404 },
  'pass-through': { text: 'no virtual host has the name, and unknown ones are passed through to the original destination' },
  blocked: { text: 'no virtual host has the name, and unknown ones are refused (REGISTRY_ONLY)', status: 502 },
  opaque: { text: 'the connection is passed on as bytes: its port is not HTTP, or nothing is known of its address' },
};
