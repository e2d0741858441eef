// Connects as soon as it runs, again and again until its connection went through the mesh, and tells at 7000 when that was: milliseconds
// since the epoch of the start of the process and of the first request, how many requests went straight, and when the first one did not.
import { createServer, get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

const { TARGET } = process.env;
const told = { startedAt: performance.timeOrigin, firstAt: Date.now(), straight: 0, errors: 0, meshedAt: null };

/** Whether a request on a connection of its own went through the mesh, which gives it an identifier. Null: no answer. */
function isMeshed() {
  return new Promise((resolve) => {
    const request = get(TARGET, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(response.statusCode === 200 ? JSON.parse(text).headers['x-request-id'] !== undefined : null));
      response.on('error', () => resolve(null));
    });
    request.on('error', () => resolve(null));
  });
}

createServer((_, response) => {
  response.setHeader('connection', 'close');
  response.end(JSON.stringify(told));
}).listen(7000);
process.on('SIGTERM', () => process.exit(0));

while (told.meshedAt === null) {
  const sentAt = Date.now();
  const meshed = await isMeshed();
  if (meshed) told.meshedAt = sentAt;
  else if (meshed === null) told.errors++;
  else told.straight++;
  if (!meshed) await delay(2);
}
