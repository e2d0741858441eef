/** POST /sentiment: what the page calls. Asks the logic service, and turns every failure of it into a 500 of its own. */
import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http';
import { type Answer, json, jsonObject, type Received, SERVED_BY } from '../service.ts';

/** What a traced application has to carry from a request to the requests that it makes for it (B3, W3C and Istio's own). */
const PROPAGATED = [
  'x-request-id',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'b3',
  'x-ot-span-context',
  'traceparent',
  'tracestate',
] as const;

export function webApp(logicUrl: string): (request: Received) => Promise<Answer> {
  return async (request) => {
    if (request.path !== '/sentiment') return problem(404, request.path);
    if (request.method === 'OPTIONS') return preflight(request.headers);
    const cors = corsHeaders(request.headers);
    if (request.method !== 'POST') return problem(405, request.path, `${request.method} is not supported`, { allow: 'POST', ...cors });
    const sentence = jsonObject(request.body)?.['sentence'];
    if (typeof sentence !== 'string') return problem(400, request.path, 'expected {"sentence": "…"}', cors);
    return analyse(logicUrl, sentence, request, cors);
  };
}

async function analyse(logicUrl: string, sentence: string, request: Received, cors: Readonly<Record<string, string>>): Promise<Answer> {
  const { path, headers, gone } = request;
  const outcome = await ask(logicUrl, sentence, propagated(headers), gone);
  if (typeof outcome === 'string') return problem(500, path, outcome, cors);
  return json(200, { sentence: outcome.sentence, polarity: outcome.polarity }, { ...cors, 'x-analysed-by': outcome.pod });
}

interface Analysis {
  readonly sentence: string;
  readonly polarity: number;
  readonly pod: string;
}

/** The analysis, or why there is none. It waits as long as the logic service takes: patience is the mesh's to configure. */
async function ask(logicUrl: string, sentence: string, headers: Record<string, string>, gone: AbortSignal): Promise<Analysis | string> {
  try {
    const response = await fetch(`${logicUrl}/analyse/sentiment`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ sentence }),
      signal: gone,
    });
    const text = await response.text();
    if (!response.ok) return `the logic service answered ${response.status}`;
    const result = jsonObject(text);
    if (typeof result?.['polarity'] !== 'number') return 'the logic service gave no polarity';
    return { sentence: String(result['sentence']), polarity: result['polarity'], pod: response.headers.get(SERVED_BY) ?? '' };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return `the logic service cannot be reached: ${String(cause)}`;
  }
}

function propagated(headers: IncomingHttpHeaders): Record<string, string> {
  const kept = PROPAGATED.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, String(value)]];
  });
  return Object.fromEntries(kept) as Record<string, string>;
}

function problem(status: number, path: string, message = '', headers: Readonly<Record<string, string>> = {}): Answer {
  const body = { timestamp: new Date().toISOString(), status, error: STATUS_CODES[status], message, path };
  return { ...json(status, body, headers), reason: message };
}

function corsHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return headers.origin === undefined ? {} : { 'access-control-allow-origin': '*' };
}

function preflight(headers: IncomingHttpHeaders): Answer {
  const wanted = headers['access-control-request-headers'];
  return {
    status: 200,
    headers: {
      allow: 'POST, OPTIONS',
      ...corsHeaders(headers),
      'access-control-allow-methods': 'POST',
      ...(wanted === undefined ? {} : { 'access-control-allow-headers': wanted }),
      'access-control-max-age': '1800',
    },
  };
}
