/** Peers on real sockets of this machine, through node:net. */
import { createServer, connect } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
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

/** A listener in a thread that sleeps, so that its queue fills and further SYNs are dropped. */
const SLEEPING_LISTENER = `
const { parentPort } = require('node:worker_threads');
const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 20);
});`;

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
    const { address } = await this.serve();
    const server = this.#servers.pop()!;
    server.close();
    await once(server, 'close');
    return address;
  }

  async silent(): Promise<Address> {
    const worker = new Worker(SLEEPING_LISTENER, { eval: true });
    this.#workers.push(worker);
    const [port] = (await once(worker, 'message')) as [number];
    await new Promise((resolve) => setTimeout(resolve, 60));
    let established = 0;
    for (let i = 0; i < 4; i++) {
      const socket = connect(port, '127.0.0.1', () => established++);
      socket.on('error', () => undefined);
      this.#sockets.push(socket);
    }
    await until(() => established >= 2, 'the listener that sleeps has a full queue');
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { ip: '127.0.0.1', port };
  }

  async dispose(): Promise<void> {
    this.transport.dispose();
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
