/**
 * The process of the stand-in: what an agent needs of the datapath, and nothing of an engine. It accepts in pods, asks where the connection
 * was going, and relays it there; at the addresses of RFC 2544 and RFC 3849 nobody is, so it answers itself with the address.
 */
import { INBOUND_PORT, OUTBOUND_PORT } from '../../../src/datapath/abi.ts';
import { Datapath } from '../../../src/datapath/datapath.ts';
import { cgroupId, listenIn, namespaceCookie, openNamespace, closeFd } from '../../../src/datapath/namespaces.ts';
import { OriginalDestinationMap } from '../../../src/datapath/original-destinations.ts';
import type { Address, CloseReason, ConnectionHandler, ConnectionId, ListenerId } from '../../../src/l7/transport.ts';
import { NativeTransport } from '../../../src/l7/transport/native.ts';
import type { Accepted, Command, OpenOptions, PodToEnroll, Reply } from './stand-in.ts';

const BEATS_PER_TIMEOUT = 5;
const ARRIVAL_MS = 100;

const transport = NativeTransport.create();

/** One end of a relayed connection, which writes to the other; an answered one is its own other end. */
class Side implements ConnectionHandler {
  other: Side = this;
  id: ConnectionId = -1;
  #ended = false;

  onConnect(): void {}
  onData(start: number, end: number): void {
    transport.write(this.other.id, start, end);
  }
  onEnd(): void {
    this.#ended = true;
    if (!this.other.#ended) return transport.shutdown(this.other.id);
    transport.close(this.id);
    if (this.other !== this) transport.close(this.other.id);
  }
  onClose(_reason: CloseReason): void {
    if (this.other !== this) transport.reset(this.other.id);
  }
  onBlocked(): void {
    transport.pause(this.other.id);
  }
  onDrained(): void {
    transport.resume(this.other.id);
  }
  onRelayed(): void {}
}

function relay(client: ConnectionId, to: Address, netns: number, mark: number): Side {
  const near = new Side();
  const far = new Side();
  near.other = far;
  far.other = near;
  near.id = client;
  far.id = transport.connect({ address: to.ip, port: to.port, netns, mark, timeoutMs: 60_000 }, far);
  return near;
}

/** Tells the address, sends back what comes, and ends when the client does. */
function answer(client: ConnectionId, text: string): Side {
  const side = new Side();
  side.id = client;
  // Nothing can be written before the transport knows who handles the connection.
  transport.defer(() => {
    const at = transport.reserve(text.length);
    transport.arena.set(Buffer.from(text), at);
    transport.write(client, at, at + text.length);
  });
  return side;
}

interface Pod {
  readonly netns: number;
  readonly cookie: string;
  readonly listeners: readonly ListenerId[];
  readonly descriptors: readonly number[];
}

class StandInAgent {
  readonly #datapath: Datapath;
  readonly #origins: OriginalDestinationMap;
  readonly #pods = new Map<string, Pod>();
  readonly #routes: Readonly<Record<string, string>>;
  readonly #sockets: number;
  #accepted: Accepted[] = [];

  constructor(options: OpenOptions) {
    this.#datapath = Datapath.open(options);
    this.#origins = new OriginalDestinationMap(this.#datapath.originalDestinationsFd);
    this.#routes = options.routes;
    this.#sockets = options.sockets;
    setInterval(() => this.#datapath.beat(), options.heartbeatMs / BEATS_PER_TIMEOUT);
  }

  enroll(pod: PodToEnroll): void {
    const netns = openNamespace(pod.path);
    const cookie = namespaceCookie(netns);
    const descriptors: number[] = [];
    const listeners: ListenerId[] = [];
    const listen = (address: string, port: number, accept: (id: ConnectionId, socket: number) => ConnectionHandler | null): number => {
      const group = Array.from({ length: this.#sockets }, () =>
        listenIn({ netns, address, port, mark: this.#datapath.mark, backlog: 4096 }),
      );
      descriptors.push(...group);
      listeners.push(...group.map((fd, socket) => transport.listen({ fd }, { onAccept: (id) => accept(id, socket) })));
      return group[0] as number;
    };
    const outbound = (id: ConnectionId, socket: number) => this.#outbound(pod.name, cookie, netns, id, socket);
    const inbound = (id: ConnectionId, socket: number): ConnectionHandler => this.#inbound(pod.name, netns, id, socket);
    listen('127.0.0.1', OUTBOUND_PORT, outbound);
    listen('::1', OUTBOUND_PORT, outbound);
    const inbound4 = listen('0.0.0.0', INBOUND_PORT, inbound);
    const inbound6 = listen('::', INBOUND_PORT, inbound);
    this.#datapath.enroll({ netns, cookie, owner: '', addresses: pod.addresses, failClosed: pod.failClosed, inbound4, inbound6 });
    this.#pods.set(pod.name, { netns, cookie, listeners, descriptors });
  }

  /** First the kernel lets go, then the listeners close: what was captured in between still finds them. */
  withdraw(name: string): void {
    const pod = this.#pods.get(name);
    if (pod === undefined) return;
    this.#datapath.withdraw(pod.cookie);
    this.#pods.delete(name);
    const close = (): void => {
      for (const listener of pod.listeners) transport.unlisten(listener);
      for (const fd of pod.descriptors) closeFd(fd);
    };
    // Twice: a process that did not run meanwhile finds its timer due before it has accepted, and accepts before it comes to the next.
    setTimeout(() => setTimeout(close, ARRIVAL_MS), ARRIVAL_MS);
  }

  obey(command: Command): unknown {
    switch (command.type) {
      case 'enroll':
        return this.enroll(command.pod);
      case 'withdraw':
        return this.withdraw(command.name);
      case 'forget':
        return this.#datapath.withdraw(command.cookie);
      case 'probers':
        return this.#datapath.setProbers(command.cgroups.map(cgroupId));
      case 'counters':
        return this.#datapath.counters();
      case 'enrolled':
        return this.#datapath.enrolled().map(({ cookie }) => cookie);
      case 'accepted':
        return this.#takeAccepted();
      default:
        throw new Error(`no such command: ${command.type}`);
    }
  }

  #takeAccepted(): Accepted[] {
    const accepted = this.#accepted;
    this.#accepted = [];
    return accepted;
  }

  #outbound(pod: string, cookie: string, netns: number, id: ConnectionId, socket: number): ConnectionHandler | null {
    const peer = transport.peerAddress(id);
    const origin = this.#origins.take(cookie, peer);
    this.#accepted.push({ pod, kind: 'outbound', socket, peer, origin });
    if (origin === null) return null;
    if (/^(198\.18\.|2001:db8:)/.test(origin.ip)) return answer(id, `${origin.ip} ${origin.port}\n`);
    return relay(id, { ip: this.#routes[origin.ip] ?? origin.ip, port: origin.port }, netns, this.#datapath.mark);
  }

  #inbound(pod: string, netns: number, id: ConnectionId, socket: number): ConnectionHandler {
    const origin = transport.localAddress(id);
    this.#accepted.push({ pod, kind: 'inbound', socket, peer: transport.peerAddress(id), origin });
    return relay(id, origin, netns, this.#datapath.mark);
  }
}

let agent: StandInAgent | null = null;

function obey(command: Command): unknown {
  if (command.type !== 'open') return agent?.obey(command);
  agent = new StandInAgent(command.options);
}

process.on('message', ({ id, command }: { id: number; command: Command }) => {
  const reply = (result: Partial<Reply>): unknown => process.send?.({ id, ...result });
  try {
    reply({ value: obey(command) });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    reply({ error: { code: code ?? '', message } });
  }
});
process.on('disconnect', () => process.exit());
