/** A way to the API server that a test can cut, at any byte, and freeze. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Relay {
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  /** Bytes to the client until it is cut. */
  #left = Infinity;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  static async open(server: string): Promise<Relay> {
    const relay = new Relay(new URL(server));
    await once(relay.#server.listen(0, '127.0.0.1'), 'listening');
    return relay;
  }

  /** What to connect to instead. */
  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as { readonly port: number }).port}`;
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** Resets what is open, and everything that comes. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Cuts when the server has sent so many bytes more. */
  cutAfter(bytes: number): void {
    this.#left = bytes;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  restore(): void {
    this.#isCut = false;
    this.#left = Infinity;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Passes nothing on, and resets nothing. */
  freeze(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#isCut) return void client.resetAndDestroy();
    const upstream = connect({ host: this.#target.hostname, port: Number(this.#target.port), allowHalfOpen: true });
    this.#pass(client, upstream, () => {});
    this.#pass(upstream, client, (length) => {
      this.#left -= length;
      if (this.#left <= 0) this.cut();
    });
  }

  #pass(from: Socket, to: Socket, onBytes: (length: number) => void): void {
    this.#sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      if (!to.write(chunk)) from.pause();
      onBytes(chunk.length);
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
