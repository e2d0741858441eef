import t from 'tap';
import { proxyHeader } from '../../../src/l7/tcp/proxy-protocol.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const FROM = { ip: '192.0.2.7', port: 41_000 };
const TO = { ip: '10.0.0.1', port: 443 };

t.test('version 1', async (t) => {
  const text = (...of: Parameters<typeof proxyHeader>): string => Buffer.from(proxyHeader(...of)).toString('latin1');
  t.equal(text(1, FROM, TO), 'PROXY TCP4 192.0.2.7 10.0.0.1 41000 443\r\n');
  t.equal(text(1, { ip: '2001:db8::7', port: 1 }, { ip: '2001:db8::1', port: 2 }), 'PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n');
  t.equal(text(1, FROM, { ip: '2001:db8::1', port: 2 }), 'PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 41000 2\r\n');
});

t.test('version 2', async (t) => {
  const signature = '0d0a0d0a000d0a515549540a21';
  t.equal(hex(proxyHeader(2, FROM, TO)), `${signature}11000cc00002070a000001a02801bb`);
  const six = proxyHeader(2, { ip: '2001:db8::7', port: 1 }, { ip: '::1', port: 2 });
  t.equal(hex(six), `${signature}21002420010db80000000000000000000000070000000000000000000000000000000100010002`);
  t.equal(hex(proxyHeader(2, FROM, { ip: '::', port: 2 })).slice(32, 64), '00000000000000000000ffffc0000207');
});
