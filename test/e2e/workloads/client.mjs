// Requests without an end, from a pod: CONNECTIONS connections with one request after the other at each, and a new one after REQUESTS of
// them. What comes of it is counted, and told at 7000: GET / the counts, POST / the counts, which begin anew.
import { Agent, createServer, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const { TARGET = 'http://server/', CONNECTIONS = '4', REQUESTS = '100', PAUSE_MS = '5' } = process.env;
let counts = fresh();

function fresh() {
  return { sent: 0, ok: 0, late: 0, failures: {}, examples: [], pods: {}, versions: {} };
}

function once(agent) {
  return new Promise((resolve) => {
    const sent = request(TARGET, { agent, timeout: 15_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, text, flags: response.headers['x-envoy-response-flags'] }));
      response.on('error', (error) => resolve({ error: `body: ${error.code ?? error.message}` }));
    });
    sent.on('timeout', () => sent.destroy(new Error('timeout')));
    sent.on('error', (error) => resolve({ error: `${sent.reusedSocket ? 'kept' : 'new'} connection: ${error.code ?? error.message}` }));
    sent.end();
  });
}

async function run() {
  for (;;) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let request = 0; request < Number(REQUESTS); request++) {
      counts.sent++;
      count(await once(agent));
      await delay(Number(PAUSE_MS));
    }
    agent.destroy();
  }
}

function count({ status, text, error }) {
  if (status === 200) {
    counts.ok++;
    const { pod, version, stopping } = JSON.parse(text);
    if (stopping) counts.late++;
    counts.pods[pod] = (counts.pods[pod] ?? 0) + 1;
    counts.versions[version] = (counts.versions[version] ?? 0) + 1;
    return;
  }
  const kind = error ?? `${status}`;
  counts.failures[kind] = (counts.failures[kind] ?? 0) + 1;
  if (counts.examples.length < 5) counts.examples.push(`${new Date().toISOString()} ${kind} ${text ?? ''}`);
}

for (let i = 0; i < Number(CONNECTIONS); i++) void run();
createServer((asked, response) => {
  response.setHeader('connection', 'close');
  response.end(JSON.stringify(counts));
  if (asked.method === 'POST') counts = fresh();
}).listen(7000);
process.on('SIGTERM', () => process.exit(0));
