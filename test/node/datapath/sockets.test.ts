/** Sockets that are used in unusual ways. Root. */
import t from 'tap';
import { removePrograms, StandIn } from '../capture/stand-in.ts';
import { needsRoot, PodNetwork, PYTHON } from '../pod-network.ts';

/** Tells the address at which it was reached. */
const SERVER = `
import socket, sys
server = socket.create_server(('::', int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print('serving', flush=True)
while True:
    client, _ = server.accept()
    client.sendall(client.getsockname()[0].replace('::ffff:', '').encode())
    client.close()
`;

const CLIENT = `
import ctypes, socket, struct, sys
libc = ctypes.CDLL(None)
def tell(client, address, port):
    try:
        client.connect((address, port))
        print(client.recv(99).decode(), client.getpeername()[0], client.getpeername()[1])
    except OSError as error:
        print(type(error).__name__)
def disconnect(client):
    libc.connect(client.fileno(), struct.pack('H', socket.AF_UNSPEC) + bytes(14), 16)
def new(device=''):
    client = socket.socket()
    client.settimeout(60)
    if device: client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    return client
other, own = sys.argv[1:]
`;

t.test('sockets that are used in unusual ways', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('sockets');
  removePrograms(network);
  t.teardown(async () => {
    await network.close();
    removePrograms(network);
  });
  const client = network.addPod('client');
  const server = network.addPod('server');
  await server.serve([PYTHON, '-c', SERVER, '80']);
  await client.serve([PYTHON, '-c', SERVER, '81']);
  const agent = await StandIn.start(network);
  await agent.enroll(client);
  const run = async (program: string): Promise<string[]> => {
    const { stdout, stderr } = await client.python(`${CLIENT}\n${program}`, server.ipv4, client.ipv4);
    t.equal(stderr, '');
    return stdout.trim().split('\n');
  };

  await t.test('connected, disconnected and connected again: nothing of the first time is left', async (t) => {
    const seen = await run(`
client = new()
tell(client, other, 80)
disconnect(client)
tell(client, own, 81)
disconnect(client)
tell(client, other, 80)`);
    const there = `${server.ipv4} ${server.ipv4} 80`;
    t.strictSame(seen, [there, `${client.ipv4} ${client.ipv4} 81`, there]);
    const captured = (await agent.accepted()).map(({ origin }) => origin?.ip);
    t.strictSame(captured, [server.ipv4, server.ipv4], 'the one to the pod itself is none of the agent');
  });

  await t.test('a connection that was refused and then goes elsewhere', async (t) => {
    const seen = await run(`
client = new()
tell(client, own, 15001)
tell(client, other, 80)`);
    t.strictSame(seen, ['PermissionError', `${server.ipv4} ${server.ipv4} 80`]);
    await agent.accepted();
  });

  await t.test('bound to a device: straight, for loopback cannot be reached from there', async (t) => {
    t.strictSame(await run(`tell(new('eth0'), other, 80)`), [`${server.ipv4} ${server.ipv4} 80`]);
    t.strictSame(await agent.accepted(), []);
    t.equal((await agent.counters())['outbound_scoped'], 1);
  });

  await t.test('un-enrolled between two connections of one socket', async (t) => {
    const child = client.start(
      [
        PYTHON,
        '-c',
        `${CLIENT}\nclient = new()\ntell(client, other, 80)\nsys.stdout.flush()\ninput()\ndisconnect(client)\ntell(client, own, 81)`,
        server.ipv4,
        client.ipv4,
      ],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const lines: string[] = [];
    for await (const chunk of child.stdout!) {
      lines.push(...String(chunk).trim().split('\n'));
      if (lines.length > 1) break;
      await agent.withdraw(client);
      child.stdin!.end('\n');
    }
    t.strictSame(lines, [`${server.ipv4} ${server.ipv4} 80`, `${client.ipv4} ${client.ipv4} 81`]);
  });
});
