/** h2spec at a gateway, and from pod to pod: every case passes but those listed, and those do not. */
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atGateway, betweenPods, canMakePods, type Place, type Server } from './places.ts';
import { stopAll } from './processes.ts';

/** Cases that fail, each with its reason. */
const KNOWN: Readonly<Record<string, string>> = {
  'Sends invalid connection preface': 'a port for HTTP takes HTTP/1 too: what is no preface is a malformed request, answered 400',
  'Sends HEADERS frame that depend on itself': 'RFC 9113 §5.3.1 has withdrawn the priorities of RFC 7540',
  'Sends PRIORITY frame that depend on itself': 'likewise',
};
const GATEWAY = 28_090;
const SERVER = 28_089;
const UPSTREAM = `
const { createServer } = require('node:http');
createServer((request, response) => request.resume().on('end', () => response.end('fine'))).listen(${SERVER});`;

async function judge({ name, host, port, client, close }: Place): Promise<void> {
  try {
    const { stdout, stderr } = await client(join(process.env['PEER_PROGRAMS'] ?? '', 'h2spec'), [
      '-h',
      host,
      '-p',
      String(port),
      '-o',
      '2',
    ]);
    const failed = new Set([...stdout.matchAll(/× \d+: (.+?)\s*$/gm)].map(([, title = '']) => title));
    const summary = /\d+ tests, \d+ passed.*/.exec(stdout)?.[0] ?? `h2spec did not end: ${stderr}`;
    const unexpected = [...failed].filter((title) => !(title in KNOWN));
    const mended = Object.keys(KNOWN).filter((title) => !failed.has(title));
    for (const title of unexpected) console.log(`${name}: fails: ${title}`);
    for (const title of mended) console.log(`${name}: does not fail any more: ${title}`);
    console.log(`${name}: ${summary}`);
    if (unexpected.length + mended.length > 0 || !summary.includes('passed')) process.exitCode = 1;
  } finally {
    await close();
  }
}

const directory = mkdtempSync(join(tmpdir(), 'nwt-h2spec-'));
const script = join(directory, 'upstream.cjs');
writeFileSync(script, UPSTREAM);
const server: Server = { command: process.execPath, words: [script], port: SERVER, wire: 'http1' };
try {
  await judge(await atGateway(server, GATEWAY));
  if (canMakePods()) await judge(await betweenPods('h2spec', server));
} finally {
  stopAll();
  rmSync(directory, { recursive: true });
}
