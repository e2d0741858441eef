/** Addresses as the kernel programs have them. */
import * as fc from '../base/fast-check.ts';
import t from 'tap';
import { addressBytes, addressText, originKey, ownerIn, podAddress, podRecord, slotOf } from '../../src/datapath/records.ts';
import { LAYOUT } from '../../src/datapath/abi.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

t.test('addresses of both families', async (t) => {
  t.equal(hex(addressBytes('10.1.2.255')), '00000000000000000000ffff0a0102ff');
  t.equal(hex(addressBytes('::ffff:10.1.2.255')), '00000000000000000000ffff0a0102ff');
  t.equal(hex(addressBytes('::')), '0'.repeat(32));
  t.equal(hex(addressBytes('::1')), `${'0'.repeat(31)}1`);
  t.equal(hex(addressBytes('2001:DB8::')), `20010db8${'0'.repeat(24)}`);
  t.equal(hex(addressBytes('1:2:3:4:5:6:7:8')), '00010002000300040005000600070008');
  t.equal(addressText(addressBytes('fe80:0:0:0:1:0:0:9')), 'fe80::1:0:0:9');
});

t.test('what is written is read', async () => {
  fc.assert(fc.property(fc.ipV4(), (ip) => addressText(addressBytes(ip)) === ip));
  fc.assert(fc.property(fc.ipV6(), (ip) => hex(addressBytes(addressText(addressBytes(ip)))) === hex(addressBytes(ip))));
  const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(groups, (values) => {
      const full = values.map((value) => value.toString(16)).join(':');
      return hex(addressBytes(new URL(`http://[${full}]/`).hostname.slice(1, -1))) === hex(addressBytes(full));
    }),
  );
});

t.test('a pod is known by the first address of each family, and by its owner', async (t) => {
  const owner = '0123456789abcdef0123456789abcdef';
  const record = podRecord(7, { owner, failClosed: true, addresses: ['fd00::1', '10.0.0.1', '10.0.0.2', 'fd00::2'] });
  t.equal(hex(record), `0700000001000000${hex(addressBytes('10.0.0.1'))}${hex(addressBytes('fd00::1'))}${owner}`);
  t.equal(ownerIn(record), owner);
  t.equal(slotOf(record), 7);
  t.equal(
    hex(podRecord(0x102, { owner, failClosed: false, addresses: ['10.0.0.1'] })).slice(48, 80),
    '0'.repeat(32),
    'none of that family',
  );
  t.equal(podRecord(0, { owner, failClosed: false, addresses: [] }).length, LAYOUT.pod.size);
});

t.test('keys have the sizes of the maps', async (t) => {
  t.equal(podAddress('1', '10.0.0.1').length, LAYOUT.pod_address.size);
  const key = originKey('258', { ip: 'fd00::1', port: 0x1234 });
  t.equal(hex(key), `0201000000000000${'fd00'.padEnd(31, '0')}11234${'0'.repeat(12)}`);
  t.equal(key.length, LAYOUT.origin_key.size);
});
