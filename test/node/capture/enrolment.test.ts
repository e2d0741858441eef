/** Enrolling and un-enrolling pods while they talk: no connection notices. Needs root. */
import { once } from 'node:events';
import t from 'tap';
import { needsRoot, type Pod, PodNetwork, PYTHON, until } from '../pod-network.ts';
import { call, Knocker, monotonicNow, startGreeter } from './programs.ts';
import { removePrograms, StandIn } from './stand-in.ts';

/** Keeps connections open and says something on each, until its input ends; then tells how often it was answered. */
const TALKER = `
import select, socket, sys
addresses, rounds = sys.argv[1:], 0
clients = []
def connect():
    for address in addresses:
        client = socket.create_connection((address, 9000), 60)
        clients.append((client, client.makefile('rw')))
        clients[-1][1].readline()
while True:
    ready = select.select([sys.stdin], [], [], 0.01)[0]
    if ready:
        if not sys.stdin.readline(): break
        connect()
        print('more', flush=True)
    for number, (client, file) in enumerate(clients):
        file.write(f'{number} {rounds}\\n'); file.flush()
        assert file.readline() == f'{number} {rounds}\\n'
    rounds += 1
print(len(clients), rounds > 10)
`;

const ROUNDS = 4;

t.test('enrolled and un-enrolled under load', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('enrol');
  removePrograms(network);
  t.teardown(async () => {
    await network.close();
    removePrograms(network);
  });
  const [client, server, stranger] = ['client', 'server', 'stranger'].map((name) => network.addPod(name)) as [Pod, Pod, Pod];
  await startGreeter(server, 9000);
  const agent = await StandIn.start(network);
  const load = [
    new Knocker(client, server.ipv4, 9000),
    new Knocker(client, server.ipv6, 9000),
    new Knocker(stranger, server.ipv4, 9000),
    new Knocker(stranger, server.ipv6, 9000),
  ];
  const talkers = [client, stranger].map((pod) =>
    pod.start([PYTHON, '-c', TALKER, server.ipv4, server.ipv6], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  /** Connections from this stage are kept into all that follow. */
  const connectMore = async (): Promise<void> => {
    const more = talkers.map((talker) => once(talker.stdout!, 'data'));
    for (const talker of talkers) talker.stdin?.write('more\n');
    await Promise.all(more);
  };
  const some = async (): Promise<void> => {
    const since = monotonicNow();
    await until(() => load.every((knocker) => knocker.since(since).length >= 15), 'some connections of each client');
    await connectMore();
  };

  await some();
  t.same(await agent.accepted(), [], 'nothing is captured before');
  for (let round = 0; round < ROUNDS; round++) {
    for (const pod of [client, server]) await agent.enroll(pod);
    await some();
    const captured = await agent.accepted();
    for (const kind of ['outbound', 'inbound']) t.ok(captured.filter((one) => one.kind === kind).length > 10, `${kind} while enrolled`);
    for (const pod of [client, server]) await agent.withdraw(pod);
    // What was on its way when the pods were withdrawn has arrived once each client, which opens one after the other, goes on.
    const withdrawn = monotonicNow();
    await until(() => load.every((knocker) => knocker.since(withdrawn).length > 0), 'a connection of each client');
    await agent.accepted();
    await some();
    t.same(await agent.accepted(), [], 'nothing afterwards');
    t.same(await agent.enrolled(), []);
    // The listeners of the withdrawn pod are gone.
    await until(async () => (await call(client, '127.0.0.1', 15001)).error === 'ECONNREFUSED', 'the listeners are closed');
  }
  for (const knocker of load) await knocker.stop();
  const knocks = load.flatMap((knocker) => knocker.knocks);
  t.same(
    knocks.filter((knock) => knock.echo !== 'echo' || knock.retransmits !== 0),
    [],
    `none of ${knocks.length} connections failed`,
  );
  for (const talker of talkers) {
    talker.stdin?.end();
    const [text] = (await once(talker.stdout!, 'data')) as [Buffer];
    t.equal(text.toString(), `${2 * (1 + 2 * ROUNDS)} True\n`, 'no connection that was established was reset');
  }
});

t.test('enrolling again changes what is enrolled, and is no event otherwise', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('enrol-again');
  removePrograms(network);
  t.teardown(async () => {
    await network.close();
    removePrograms(network);
  });
  const [client, server] = ['client', 'server'].map((name) => network.addPod(name)) as [Pod, Pod];
  await startGreeter(server, 9000);
  const agent = await StandIn.start(network);
  await agent.enroll(client);
  await agent.enroll(server);
  const [first] = await agent.enrolled();
  t.equal((await agent.enrolled()).length, 2);
  await agent.withdraw(client);
  await agent.enroll(client, { failClosed: true });
  t.ok((await agent.enrolled()).includes(first as string), 'the same namespace has the same cookie');
  t.match(await call(client, server.ipv4, 9000), { line: `${client.ipv4} ${server.ipv4}` });
  await agent.kill();
  t.equal((await call(client, server.ipv4, 9000)).error, 'EPERM');
});

t.test('a pod that ends while it is enrolled leaves nothing, and its successor can be enrolled', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('ended');
  removePrograms(network);
  t.teardown(async () => {
    await network.close();
    removePrograms(network);
  });
  const [doomed, server] = ['doomed', 'server'].map((name) => network.addPod(name)) as [Pod, Pod];
  await startGreeter(server, 9000);
  const agent = await StandIn.start(network);
  await agent.enroll(doomed);
  await network.removePod(doomed);
  await agent.withdraw(doomed);
  t.same(await agent.enrolled(), []);
  const successor = network.addPod('doomed');
  await agent.enroll(successor);
  t.match(await call(successor, server.ipv4, 9000), { error: undefined });
  t.equal((await agent.accepted()).length, 1);
});
