/** Wrong arguments of the datapath addon are a TypeError that names function and argument; the kernel is not asked. */
import t from 'tap';
import { datapathAddon } from '../../src/datapath/addon.ts';

type Loose = (...values: unknown[]) => unknown;

t.test('functions', async (test) => {
  const addon = datapathAddon() as unknown as Record<string, Loose>;
  const bytes = new Uint8Array(4);
  const wrong: [string, unknown[], string][] = [
    ['openNamespace', [], 'openNamespace: path must be given'],
    ['namespaceCookie', ['0'], 'namespaceCookie: netns must be a number'],
    ['listenIn', [-1, 7, 80, 0, 1], 'listenIn: address must be a string'],
    ['listenIn', [-1, '127.0.0.1', 70_000, 0, 1], 'listenIn: port must be a port'],
    ['listenIn', [-1, '127.0.0.1', 0, 0], 'listenIn: backlog must be given'],
    ['closeFd', [null], 'closeFd: fd must be a number'],
    ['cgroupId', [1], 'cgroupId: path must be a string'],
    ['lock', [undefined], 'lock: path must be a string'],
    ['mapUpdate', [-1, bytes], 'mapUpdate: value must be given'],
    ['mapUpdate', ['x', bytes, bytes], 'mapUpdate: map must be a number'],
    ['mapDelete', [-1, new Int32Array(1)], 'mapDelete: key must be a Uint8Array'],
    ['mapLookup', [-1, bytes, new Uint8Array(0)], 'mapLookup: value must be longer'],
    ['mapNextKey', [-1, undefined, bytes], 'mapNextKey: after must be a Uint8Array'],
    ['mapNextKey', [-1, null], 'mapNextKey: next must be given'],
    ['loadOutbound', ['/nowhere'], 'loadOutbound: cgroup must be given'],
    ['loadInbound', ['/nowhere', -1, 'x1'], 'loadInbound: cookie must be a decimal number'],
    ['queryHooks', [1], 'queryHooks: cgroup must be a string'],
    ['pinnedProgram', [], 'pinnedProgram: pin must be given'],
  ];
  for (const [name, values, message] of wrong) test.throws(() => addon[name]!(...values), { name: 'TypeError', message }, message);
});
