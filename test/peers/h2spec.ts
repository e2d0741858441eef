/** h2spec against a gateway: every case passes but those listed, and those do not. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { run, startGateway, stopAll } from './processes.ts';

/** Cases that fail, each with its reason. */
const KNOWN: Readonly<Record<string, string>> = {
  'Sends invalid connection preface': 'a port for HTTP takes HTTP/1 too: what is no preface is a malformed request, answered 400',
  'Sends HEADERS frame that depend on itself': 'RFC 9113 §5.3.1 has withdrawn the priorities of RFC 7540',
  'Sends PRIORITY frame that depend on itself': 'likewise',
};
const PORT = 28_090;

const upstream = createServer((request, response) => {
  request.resume();
  request.on('end', () => response.end('fine'));
}).listen(0, '127.0.0.1');
await once(upstream, 'listening');
try {
  await startGateway(PORT, (upstream.address() as AddressInfo).port, 'http1');
  const { output } = await run(join(process.env['PEER_PROGRAMS'] ?? '', 'h2spec'), ['-h', '127.0.0.1', '-p', String(PORT), '-o', '2']);
  const failed = new Set([...output.matchAll(/× \d+: (.+?)\s*$/gm)].map(([, title = '']) => title));
  const summary = /\d+ tests, \d+ passed.*/.exec(output)?.[0] ?? 'h2spec did not end';
  const unexpected = [...failed].filter((title) => !(title in KNOWN));
  const mended = Object.keys(KNOWN).filter((title) => !failed.has(title));
  for (const title of unexpected) console.log(`fails: ${title}`);
  for (const title of mended) console.log(`does not fail any more: ${title}`);
  console.log(summary);
  process.exitCode = unexpected.length + mended.length === 0 && summary.includes('passed') ? 0 : 1;
} finally {
  stopAll();
  upstream.close();
}
