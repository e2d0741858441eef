/** What the application is told of its own end of a connection, and whether others can use it. Needs root. */
import { execFileSync } from 'node:child_process';
import t, { type Test } from 'tap';
import { needsRoot, type Pod, PodNetwork, PYTHON } from '../pod-network.ts';
import { startGreeter } from './programs.ts';
import { removePrograms, startStandIn } from './stand-in.ts';

const SECOND = '10.78.0.1';

/** `name` tells address and port of its own end; `tell` prints what it is before and after a connect. */
const PRELUDE = `
import ctypes, socket, struct, sys
own4, own6, other4, other6 = sys.argv[1:5]
def name(s): return '%s %d' % s.getsockname()[:2]
def new(family=socket.AF_INET, bind=None):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(60)
    if bind: s.bind(bind)
    return s
def tell(s, address, port=9000):
    before = name(s)
    s.connect((address, port))
    print(before, '->', name(s))
def disconnect(s):
    assert ctypes.CDLL(None).connect(s.fileno(), struct.pack('H', socket.AF_UNSPEC) + bytes(14), 16) == 0
`;

async function setUp(t: Test, name: string) {
  const network = await PodNetwork.create(name);
  removePrograms(network);
  t.teardown(() => network.close());
  const pod = network.addPod('client', [`${SECOND}/16`]);
  const other = network.addPod('other');
  const agent = await startStandIn(t, network);
  await agent.enroll(pod);
  const run = async (program: string, from: Pod = pod): Promise<string[]> => {
    const { stdout, stderr } = await from.python(PRELUDE + program, from.ipv4, from.ipv6, other.ipv4, other.ipv6);
    if (stderr !== '') throw new Error(stderr);
    return stdout.trim().split('\n');
  };
  /** Source ports of the connections that were captured since the last call. */
  const captured = async (): Promise<number[]> => (await agent.accepted()).map(({ peer }) => peer.port);
  return { network, pod, other, agent, run, captured };
}

t.test('getsockname', { skip: needsRoot }, async (t) => {
  const { network, pod, other, agent, run, captured } = await setUp(t, 'names');
  await startGreeter(other, 9000);
  await startGreeter(pod, 7000);

  for (const { what, family = '', to, before, after } of [
    { what: 'IPv4', to: 'other4', before: '0.0.0.0 0', after: pod.ipv4 },
    { what: 'IPv6', family: 'socket.AF_INET6', to: 'other6', before: ':: 0', after: pod.ipv6 },
    { what: 'v4-mapped', family: 'socket.AF_INET6', to: "'::ffff:' + other4", before: ':: 0', after: `::ffff:${pod.ipv4}` },
  ]) {
    await t.test(`${what}, not bound: the address of the pod and the port of the connection`, async (t) => {
      const [line = ''] = await run(`tell(new(${family}), ${to})`);
      const [port] = await captured();
      t.equal(line, `${before} -> ${after} ${port}`);
    });
  }

  for (const { what, family = '', bind, to, before, after } of [
    { what: 'an address', bind: `('${SECOND}', 0)`, to: 'other4', before: SECOND, after: SECOND },
    { what: 'an address of IPv6', family: 'socket.AF_INET6', bind: '(own6, 0)', to: 'other6', before: pod.ipv6, after: pod.ipv6 },
    { what: 'a port', bind: "('', 45001)", to: 'other4', before: '0.0.0.0', after: pod.ipv4 },
    { what: 'a port of both families', family: 'socket.AF_INET6', bind: "('::', 45002)", to: 'other6', before: '::', after: pod.ipv6 },
    {
      what: 'a port of both families, to IPv4',
      family: 'socket.AF_INET6',
      bind: "('::', 45003)",
      to: "'::ffff:' + other4",
      before: '::',
      after: `::ffff:${pod.ipv4}`,
    },
    { what: 'both', bind: `('${SECOND}', 45004)`, to: 'other4', before: SECOND, after: SECOND },
    {
      what: 'both, v4-mapped',
      family: 'socket.AF_INET6',
      bind: `('::ffff:${SECOND}', 45005)`,
      to: "'::ffff:' + other4",
      before: `::ffff:${SECOND}`,
      after: `::ffff:${SECOND}`,
    },
    { what: 'a loopback address', bind: "('127.0.0.1', 45006)", to: 'other4', before: '127.0.0.1', after: '127.0.0.1' },
  ]) {
    await t.test(`bound to ${what} before: what was bound stays, the rest is the pod's`, async (t) => {
      const [line = ''] = await run(`tell(new(${family || 'socket.AF_INET'}, ${bind}), ${to})`);
      const [port] = await captured();
      const bound = line.split(' ')[1];
      t.equal(line, `${before} ${bound} -> ${after} ${port}`);
      t.ok(bound === '0' || bound === String(port), 'the port that was bound');
    });
  }

  await t.test('while the connection is being set up', async (t) => {
    const drop = `add table inet slow; add chain inet slow in { type filter hook input priority 0; }; add rule inet slow in tcp dport 15001 drop`;
    execFileSync('nsenter', [`--net=${pod.path}`, 'nft', drop]);
    const lines = await run(`
import select, subprocess
for family, address in (socket.AF_INET, other4), (socket.AF_INET6, other6):
    s = new(family)
    s.setblocking(False)
    s.connect_ex((address, 9000))
    print(name(s).split()[0])
    try: s.getpeername()
    except OSError: print('not connected')
`);
    execFileSync('nsenter', [`--net=${pod.path}`, 'nft', 'delete table inet slow']);
    t.strictSame(lines, [pod.ipv4, 'not connected', pod.ipv6, 'not connected']);
    await captured();
  });

  await t.test('disconnected, connected to itself, and connected to others again', async (t) => {
    const lines = await run(`
s = new()
tell(s, other4)
disconnect(s)
print(name(s).split()[0])
s.connect(('127.0.0.1', 7000))
print(name(s).split()[0])
disconnect(s)
s.connect((own4, 7000))
print(name(s).split()[0])
disconnect(s)
s.connect((other4, 9000))
print(name(s).split()[0])`);
    t.strictSame(lines.slice(1), ['0.0.0.0', '127.0.0.1', pod.ipv4, pod.ipv4]);
    t.equal((await captured()).length, 2);
  });

  await t.test('sockets that are not captured keep what the kernel says', async (t) => {
    const lines = await run(`
for family, address in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET, own4), (socket.AF_INET6, '::1'), (socket.AF_INET6, '::ffff:127.0.0.1'):
    s = new(family)
    s.connect((address, 7000))
    print(name(s).split()[0], *s.getpeername()[:2])
s = socket.create_server(('127.0.0.1', 0))
print(name(s).split()[0])
client = new()
client.connect(s.getsockname())
print(name(s.accept()[0]).split()[0])
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.connect((other4, 9000))
print(name(udp).split()[0])`);
    t.strictSame(lines, [
      '127.0.0.1 127.0.0.1 7000',
      `${pod.ipv4} ${pod.ipv4} 7000`,
      '::1 ::1 7000',
      '::ffff:127.0.0.1 ::ffff:127.0.0.1 7000',
      '127.0.0.1',
      '127.0.0.1',
      pod.ipv4,
    ]);
    t.strictSame(await captured(), []);
    t.match(await run('tell(new(), own4)', other), [new RegExp(`^0.0.0.0 0 -> ${other.ipv4} `)], 'in a pod that is not enrolled');
  });

  await t.test('a pod that is not known to have an address of that family', async (t) => {
    const single = network.addPod('single');
    await agent.enroll(single, { addresses: [single.ipv4] });
    const lines = await run('tell(new(), other4)\ntell(new(socket.AF_INET6), other6)', single);
    t.match(lines, [new RegExp(`-> ${single.ipv4} `), /-> ::1 /], 'nothing is made up');
    await captured();
  });

  await t.test('a pod that is withdrawn: its connections keep the name that they had', async (t) => {
    const client = pod.start(
      [PYTHON, '-c', `${PRELUDE}\ns = new()\ntell(s, other4)\nsys.stdout.flush()\ninput()\nprint(name(s))`, pod.ipv4, '', other.ipv4, ''],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const seen: string[] = [];
    for await (const chunk of client.stdout!) {
      seen.push(String(chunk).trim());
      if (seen.length > 1) break;
      await agent.withdraw(pod);
      client.stdin!.end('\n');
    }
    t.match(seen[0], new RegExp(`-> ${pod.ipv4} `));
    t.equal(seen[1], seen[0]?.split(' -> ')[1]);
  });
});

/** Asks to be called back at the address of its own end, and says whether the call came. */
const CALLED_BACK = `
for family, address in (socket.AF_INET, other4), (socket.AF_INET6, other6), (socket.AF_INET6, '::ffff:' + other4):
    control = new(family)
    control.connect((address, 9100))
    listener = socket.create_server(control.getsockname()[:1] + (0,), family=family, dualstack_ipv6=family == socket.AF_INET6)
    listener.settimeout(60)
    control.sendall(('%s %d\\n' % listener.getsockname()[:2]).encode())
    call, _ = listener.accept()
    print(call.makefile().readline().strip(), call.getsockname()[:2] == listener.getsockname()[:2])
`;

const CALLS_BACK = `
import socket
server = socket.create_server(('::', 9100), family=socket.AF_INET6, dualstack_ipv6=True)
print('serving', flush=True)
while True:
    control, peer = server.accept()
    address, port = control.makefile().readline().split()
    # As FTP servers do: not to others than the one who asks.
    assert address.removeprefix('::ffff:') == peer[0].removeprefix('::ffff:'), (address, peer)
    back = socket.create_connection((address, int(port)), 60)
    back.sendall(b'called back\\n')
    back.close()
    control.close()
`;

/** As much of RFC 959 and RFC 2428 as curl needs to fetch a file in active mode. */
const FTP_SERVER = `
import socket, threading
CONTENT = b'came by a connection of its own\\n'
def serve(control):
    file = control.makefile('rwb')
    def say(line): file.write(line.encode() + b'\\r\\n'); file.flush()
    target = None
    say('220 ready')
    for line in file:
        verb, _, rest = line.decode().strip().partition(' ')
        if verb == 'USER': say('331 password')
        elif verb == 'PASS': say('230 in')
        elif verb == 'PWD': say('257 "/" here')
        elif verb == 'EPRT': target = rest.split('|')[2:4]; say('200 there')
        elif verb == 'PORT': n = rest.split(','); target = ['.'.join(n[:4]), int(n[4]) * 256 + int(n[5])]; say('200 there')
        elif verb == 'RETR':
            # From port 20, as RFC 959 has it.
            data = socket.create_connection((target[0], int(target[1])), 60, source_address=(control.getsockname()[0], 20))
            say('150 coming')
            data.sendall(CONTENT); data.close()
            say('226 done')
        elif verb == 'QUIT': say('221 bye'); break
        else: say('200 fine' if verb == 'TYPE' else '500 what')
    control.close()
server = socket.create_server(('::', 21), family=socket.AF_INET6, dualstack_ipv6=True)
print('serving', flush=True)
while True: threading.Thread(target=serve, args=(server.accept()[0],)).start()
`;

t.test('who names its own address to a peer is called back there', { skip: needsRoot }, async (t) => {
  const { pod, other, agent, run } = await setUp(t, 'call-back');
  await other.serve([PYTHON, '-c', CALLS_BACK]);
  await other.serve([PYTHON, '-c', FTP_SERVER]);
  const kinds = async (): Promise<string[]> => (await agent.accepted()).map(({ kind }) => kind);

  await t.test('by both families', async (t) => {
    t.strictSame(await run(CALLED_BACK), ['called back True', 'called back True', 'called back True']);
    t.strictSame(await kinds(), ['outbound', 'inbound', 'outbound', 'inbound', 'outbound', 'inbound']);
  });

  for (const host of [other.ipv4, `[${other.ipv6}]`]) {
    await t.test(`curl, FTP in active mode to ${host}`, async (t) => {
      const fetched = await pod.run(['curl', '-sgS', '-m', '60', '-P', '-', `ftp://${host}/file`]);
      t.match(fetched, { code: 0, stdout: 'came by a connection of its own\n', stderr: '' });
      t.strictSame(await kinds(), ['outbound', 'inbound']);
    });
  }
});

/** Tells at which address and port it was reached. */
const REACHED = `
import socket
server = socket.create_server(('::', 9000), family=socket.AF_INET6, dualstack_ipv6=True)
print('serving', flush=True)
while True:
    client, _ = server.accept()
    client.sendall(('%s %d\\n' % client.getsockname()[:2]).encode())
    client.close()
`;

t.test('who is called sees the address and port that the caller asked for', { skip: needsRoot }, async (t) => {
  const { pod, other, agent } = await setUp(t, 'called');
  await pod.serve([PYTHON, '-c', REACHED]);
  const ask = async (address: string): Promise<string> => {
    const program = `import socket, sys\nprint(socket.create_connection((sys.argv[1], 9000), 60).makefile().readline().strip())`;
    const { stdout, stderr } = await other.python(program, address);
    t.equal(stderr, '');
    return stdout.trim();
  };
  t.equal(await ask(pod.ipv4), `::ffff:${pod.ipv4} 9000`);
  t.equal(await ask(SECOND), `::ffff:${SECOND} 9000`);
  t.equal(await ask(pod.ipv6), `${pod.ipv6} 9000`);
  t.strictSame(
    (await agent.accepted()).map(({ kind }) => kind),
    ['inbound', 'inbound', 'inbound'],
  );
});
