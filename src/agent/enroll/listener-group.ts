/** One address with a listening socket for each worker (SO_REUSEPORT): made, handed to the workers and closed as one. */
import type { ListenerConfig } from '../../l7/engine-port.ts';
import { BACKLOG, type ListenerHost, type NodeSockets } from './node-ports.ts';

/** Ids of listeners, unique for the life of the agent. */
export class ListenerIds {
  #last = 0;
  next(): number {
    return ++this.#last;
  }
}

export interface GroupPlace {
  readonly netns: number;
  readonly address: string;
  readonly port: number;
  readonly mark: number;
}

export class ListenerGroup {
  readonly id: number;
  readonly descriptors: readonly number[];
  readonly #sockets: NodeSockets;
  readonly #workers: ListenerHost;

  private constructor(id: number, descriptors: readonly number[], sockets: NodeSockets, workers: ListenerHost) {
    this.id = id;
    this.descriptors = descriptors;
    this.#sockets = sockets;
    this.#workers = workers;
  }

  /** All workers' sockets or none. @throws what the socket calls throw. */
  static open(place: GroupPlace, ids: ListenerIds, sockets: NodeSockets, workers: ListenerHost): ListenerGroup {
    const descriptors: number[] = [];
    try {
      for (let i = 0; i < workers.size; i++) descriptors.push(sockets.listenIn({ ...place, backlog: BACKLOG }));
    } catch (error) {
      for (const fd of descriptors) sockets.closeFd(fd);
      throw error;
    }
    return new ListenerGroup(ids.next(), descriptors, sockets, workers);
  }

  /** Any one of the group stands for all of it in the kernel. */
  get representative(): number {
    return this.descriptors[0] as number;
  }

  get ready(): boolean {
    return this.#workers.listening(this.id);
  }

  /** Hands one descriptor to each worker. */
  serve(config: (id: number, fd: number) => ListenerConfig): void {
    const configs = this.descriptors.map((fd) => config(this.id, fd));
    this.#workers.listen(this.id, configs);
  }

  /** Closes once no worker uses it. Connections that were accepted go on. */
  async close(): Promise<void> {
    await this.#workers.unlisten(this.id);
    for (const fd of this.descriptors) this.#sockets.closeFd(fd);
  }
}
