/** How the console's files are served: from a directory that somebody else fills. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { refuseForeignPages } from '../../../src/agent/admin/browser-guard.ts';
import { consolePages } from '../../../src/agent/admin/console-pages.ts';
import { HttpServer } from '../../../src/agent/admin/http-server.ts';

t.test('the pages of the console', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nwt-console-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const pages = consolePages(directory);
  const server = new HttpServer({ 'GET /': pages['index.html'], 'GET /console.js': pages['console.js'] }, refuseForeignPages);
  const { port } = await server.listen({ ip: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const get = (path: string, headers: Record<string, string> = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers });

  await t.test('that was not built says what to do', async (t) => {
    const response = await get('/');
    t.equal(response.status, 503);
    t.equal(await response.text(), 'the console is not built; run scripts/build\n');
  });

  writeFileSync(join(directory, 'index.html'), '<!doctype html><p>ö');
  writeFileSync(join(directory, 'console.js'), 'one()');

  await t.test('let nothing run but their own script and style, and nobody frame them', async (t) => {
    const response = await get('/');
    t.equal(await response.text(), '<!doctype html><p>ö');
    t.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
    t.equal(response.headers.get('vary'), 'accept');
    const policy = (response.headers.get('content-security-policy') ?? '').split('; ');
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
      t.ok(policy.includes(rule), rule);
    }
    t.notMatch(policy.join(), /unsafe|http:|https:|\*/u);
    t.equal(response.headers.get('x-content-type-options'), 'nosniff');
    t.equal(response.headers.get('referrer-policy'), 'no-referrer');
  });

  await t.test('are asked for again and not sent again while they are the same', async (t) => {
    const first = await get('/console.js');
    const etag = first.headers.get('etag') ?? '';
    t.match(etag, /^"[\w-]{43}"$/u);
    t.equal(first.headers.get('cache-control'), 'no-cache');
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await get('/console.js', { 'if-none-match': known });
      t.strictSame([again.status, await again.text(), again.headers.get('etag')], [304, '', etag], known);
      t.ok(again.headers.has('content-security-policy'));
    }
    writeFileSync(join(directory, 'console.js'), 'two()');
    const changed = await get('/console.js', { 'if-none-match': etag });
    t.strictSame([changed.status, await changed.text()], [200, 'two()']);
    t.not(changed.headers.get('etag'), etag);
  });
});
