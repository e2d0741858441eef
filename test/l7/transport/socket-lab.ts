/** Peers on real sockets of this machine, through node:net. */
import { createServer, connect } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { freePorts } from '../../base/free-ports.ts';
import type { Address, Transport } from '../../../src/l7/transport.ts';
import type { Lab, Peer, PeerServer } from './lab.ts';
import { until } from './lab.ts';

export class SocketPeer implements Peer {
  readonly socket: Socket;
  #chunks: Buffer[] = [];
  receivedBytes = 0;
  ended = false;
  wasReset = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.receivedBytes += chunk.length;
    });
    socket.on('end', () => (this.ended = true));
    socket.on('error', () => (this.wasReset = true));
  }
  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }
  end(): void {
    this.socket.end();
  }
  reset(): void {
    // Not while a FIN is on its way: libuv refuses that, and the process would never end.
    if (this.socket.writableEnded && !this.socket.writableFinished) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }
  pause(): void {
    this.socket.pause();
  }
  resume(): void {
    this.socket.resume();
  }
  received(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

const BACKLOG = 1;
/** A listener in a thread that sleeps from then on, so that its queue fills and further SYNs are dropped. */
const SLEEPING_LISTENER = `
const { parentPort } = require('node:worker_threads');
const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: ${BACKLOG} }, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});`;

/** How many connections wait to be accepted at a listening port (the queue of a socket in the state 0A, LISTEN). */
function queued(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const fields = sockets.map((line) => line.trim().split(/\s+/)).find(([, address, , state]) => address === local && state === '0A');
  return Number.parseInt(fields?.[4]?.split(':')[1] ?? '0', 16);
}

export class SocketLab implements Lab {
  readonly transport: Transport;
  readonly #sockets: Socket[] = [];
  readonly #servers: Server[] = [];
  readonly #workers: Worker[] = [];

  constructor(transport: Transport) {
    this.transport = transport;
  }

  async dial(address: Address): Promise<SocketPeer> {
    const socket = connect({ host: address.ip, port: address.port, allowHalfOpen: true, noDelay: true });
    this.#sockets.push(socket);
    const peer = new SocketPeer(socket);
    await once(socket, 'connect');
    return peer;
  }

  async serve(): Promise<PeerServer> {
    const peers: Peer[] = [];
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.push(socket);
      peers.push(new SocketPeer(socket));
    });
    this.#servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { address: { ip: '127.0.0.1', port: (server.address() as AddressInfo).port }, peers };
  }

  async refusing(): Promise<Address> {
    const [port = 0] = await freePorts(1);
    return { ip: '127.0.0.1', port };
  }

  async silent(): Promise<Address> {
    const worker = new Worker(SLEEPING_LISTENER, { eval: true });
    this.#workers.push(worker);
    const [port] = (await once(worker, 'message')) as [number];
    for (let i = 0; i < 4; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      this.#sockets.push(socket);
    }
    await until(() => queued(port) > BACKLOG, 'the listener that sleeps has a full queue');
    return { ip: '127.0.0.1', port };
  }

  async dispose(): Promise<void> {
    this.transport.dispose();
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
