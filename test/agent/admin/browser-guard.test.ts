/** Whatever a browser is made to send, no page of others gets an answer. */
import { isIP } from 'node:net';
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { refuseForeignPages } from '../../../src/agent/admin/browser-guard.ts';

const isRefused = (headers: Readonly<Record<string, string>>, method = 'GET', url = '/status'): boolean =>
  refuseForeignPages({ headers, method, url })?.status === 403;

const piece = fc.oneof(
  fc.constantFrom(
    'localhost',
    '127.0.0.1',
    '[::1]',
    ':15000',
    ':',
    '.',
    '@',
    '#',
    '/',
    '[',
    ']',
    '%',
    ' ',
    'evil.example',
    '0x7f.1',
    'LOCALHOST',
  ),
  fc.string({ maxLength: 4 }),
);
const host = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));

t.test('only an address or localhost is a name to ask by, with a port or without', async () => {
  fc.assert(
    fc.property(host, (name) => {
      const [, plain = ''] = /^(?:\[(.*)\]|[^:]*)(?::\d+)?$/.exec(name) ?? [];
      const bare = plain === '' ? name.replace(/:\d+$/, '') : plain;
      return bare === 'localhost' || isIP(bare) !== 0 || isRefused({ host: name });
    }),
    { numRuns: 3000 },
  );
});

t.test('no other origin is answered, and no page of another site but by a link to the console', async () => {
  const origin = fc.oneof(
    host,
    host.map((name) => `http://${name}`),
    host.map((name) => `https://${name}`),
    fc.constant('null'),
  );
  fc.assert(
    fc.property(origin, fc.constantFrom('GET', 'POST', 'PUT'), (from, method) => {
      return from === 'http://localhost:15000' || isRefused({ host: 'localhost:15000', origin: from }, method, '/quit');
    }),
    { numRuns: 3000 },
  );
  const fetchHeaders = fc.record({
    'sec-fetch-site': fc.constantFrom('cross-site', 'same-site', 'Same-Origin', '', 'none ', 'x'),
    'sec-fetch-mode': fc.constantFrom('navigate', 'cors', 'no-cors', ''),
    'sec-fetch-dest': fc.constantFrom('document', 'iframe', 'script', 'image', ''),
  });
  fc.assert(
    fc.property(
      fetchHeaders,
      fc.constantFrom('GET', 'POST', 'HEAD'),
      fc.constantFrom('/', '/quit', '/status', '/?x'),
      (headers, method, url) => {
        const isLink =
          method === 'GET' && url === '/' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
        return isRefused({ host: '127.0.0.1:15000', ...headers }, method, url) !== isLink;
      },
    ),
    { numRuns: 1000 },
  );
});
