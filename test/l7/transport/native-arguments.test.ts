/** Wrong arguments of the transport addon are a TypeError that names function and argument; nothing is read that was not given. */
import t from 'tap';
import { CELLS, CLOCKS } from '../../../src/l7/transport-numbers.ts';
import { loadTransportAddon } from '../../../src/l7/transport/native-binding.ts';

type Loose = (...values: unknown[]) => unknown;

const addon = loadTransportAddon() as unknown as { create: Loose };
const arena = new Uint8Array(4096);
const right = [
  arena,
  2048,
  new Int32Array(64),
  new Int32Array(64),
  new Int32Array(CELLS),
  new Float64Array(CLOCKS),
  (): void => undefined,
  1,
] as const;

t.test('create', async (test) => {
  const names = ['arena', 'readBytes', 'commands', 'events', 'cells', 'clock', 'turn', 'sharers'];
  names.forEach((name, at) => {
    test.throws(() => addon.create(...right.slice(0, at)), { name: 'TypeError', message: `create: ${name} must be given` });
    test.throws(() => addon.create(...right.slice(0, at), {}, ...right.slice(at + 1)), {
      name: 'TypeError',
      message: `create: ${name} must be`,
    });
  });
  test.throws(() => addon.create(arena, 8192, ...right.slice(2)), { message: 'create: readBytes must be within the arena' });
  test.throws(() => addon.create(...right.slice(0, 4), new Int32Array(1), ...right.slice(5)), { message: 'create: cells must be longer' });
});

t.test('methods', async (test) => {
  const binding = addon.create(...right) as Record<string, Loose> & { dispose: () => void };
  test.teardown(() => binding.dispose());
  const wrong: [string, unknown[], string][] = [
    ['connect', [], 'connect: address must be given'],
    ['connect', [1, 80, -1, 0], 'connect: address must be a string'],
    ['connect', ['127.0.0.1', '80', -1, 0], 'connect: port must be a number'],
    ['connect', ['127.0.0.1', 65_536, -1, 0], 'connect: port must be a port'],
    ['connect', ['127.0.0.1', 80, null, 0], 'connect: netns must be a number'],
    ['connect', ['127.0.0.1', 80, -1], 'connect: mark must be given'],
    ['listenAt', [null, 80], 'listenAt: address must be a string'],
    ['listenAt', ['127.0.0.1', -1], 'listenAt: port must be a port'],
    ['listenOn', ['3'], 'listenOn: fd must be a number'],
    ['unlisten', [], 'unlisten: listener must be given'],
    ['listenerAddress', [{}], 'listenerAddress: listener must be a number'],
    ['peerAddress', [undefined], 'peerAddress: id must be a number'],
    ['localAddress', [], 'localAddress: id must be given'],
    ['relayed', ['x'], 'relayed: from must be a number'],
  ];
  for (const [name, values, message] of wrong) test.throws(() => binding[name]!(...values), { name: 'TypeError', message }, message);
  test.equal(binding['connect']!('no address', 80, -1, 0), -22, 'EINVAL is a return value');
});
