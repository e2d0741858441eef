/** What a person reads of a request that would be refused, or that would come to a gateway. */
import t from 'tap';
import { explainReply, type ExplainView } from '../../src/agent/admin/explain-view.ts';
import { describeExplanation } from '../../src/cli/explain.ts';
import type { ExplainedRequest, ExplainQuestion, Explanation } from '../../src/l7/explain/explanation.ts';
import { compileText } from '../agent/model/compile/world.ts';

const ANSWER: ExplainedRequest = {
  ...{
    verdict: 'no-route',
    version: 0,
    protocol: 'http',
    grpc: false,
    host: null,
    routes: [],
    matched: -1,
    preflight: false,
    timeoutMs: 0,
  },
  ...{ destinations: [], mirrors: [] },
};

async function explained(query: Readonly<Record<string, string>>, answer: Partial<ExplainedRequest>) {
  const { snapshot } = compileText('');
  const questions: ExplainQuestion[] = [];
  const explain = async (question: ExplainQuestion): Promise<Explanation> => {
    questions.push(question);
    return { ...ANSWER, ...answer, version: snapshot.version };
  };
  const request = { method: 'GET', path: '/explain', headers: {}, body: '', gone: new AbortController().signal };
  const reply = await explainReply(
    { snapshot: () => snapshot, explain, clusterDomain: 'cluster.local' },
    { ...request, query: new URLSearchParams({ method: 'GET', ...query }) },
  );
  return { questions, text: describeExplanation(JSON.parse(reply.body as string) as ExplainView) };
}

t.test('a gateway is asked by its port, whatever the name', async (t) => {
  const { questions, text } = await explained({ pod: 'gateway', url: 'http://shop.example:8080/a' }, { verdict: 'no-host' });
  t.match(questions, [{ pod: 'gateway', port: 8080, head: /^GET \/a HTTP\/1.1\r\nHost: shop.example:8080\r\n/ }]);
  t.match(text, /^gateway GET shop\.example:8080\/a$/m);
  t.match(text, /to +port 8080 of this node's Gateways, whose port is http/);
  t.match(text, /verdict +no-host: no Gateway has the name at this port with a VirtualService for it: 404/);
});

t.test('refusals of calls of gRPC have a status of gRPC', async (t) => {
  const query = { pod: 'a/b', url: 'http://reviews/' };
  const broken = [
    { cluster: 'x', share: 0.5, missing: true, by: 'balancer', endpoints: [] },
    { cluster: 'y', share: 0.5, missing: false, by: 'balancer', endpoints: [] },
  ] as const;
  for (const [verdict, status, grpcStatus] of [
    ['no-route', '404', 'grpc-status 12 (UNIMPLEMENTED)'],
    ['blocked', '502', 'grpc-status 14 (UNAVAILABLE)'],
  ] as const) {
    t.match((await explained(query, { verdict })).text, `: ${status}\n`);
    const { text } = await explained(query, { verdict, grpc: true, destinations: broken });
    t.match(text, `: ${grpcStatus}\n`);
    t.match(text, 'there is no such cluster: grpc-status 14 (UNAVAILABLE) (NC)');
    t.match(text, 'it has no endpoints: grpc-status 14 (UNAVAILABLE) (UH)');
  }
  t.match((await explained(query, { destinations: broken })).text, 'it has no endpoints: 503 (UH)');
});
