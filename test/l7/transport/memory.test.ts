import { CloseReason } from '../../../src/l7/transport.ts';
import type { Address } from '../../../src/l7/transport.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';
import { brokenCases } from './broken-contract.ts';
import { transportContract } from './contract.ts';
import type { Lab, Peer, PeerServer } from './lab.ts';
import { faultCases } from './fault-contract.ts';
import { relayCases } from './relay-contract.ts';

class MemoryLab implements Lab {
  readonly transport = MemoryTransport.create({ clock: 'automatic' });
  #port = 1;

  async dial(address: Address): Promise<Peer> {
    return this.transport.dial(address, { ip: '127.0.0.1', port: 10_000 + this.#port++ });
  }
  async serve(): Promise<PeerServer> {
    const address = { ip: '198.51.100.1', port: this.#port++ };
    const peers: Peer[] = [];
    this.transport.serve(address, (peer) => peers.push(peer));
    return { address, peers };
  }
  async refusing(): Promise<Address> {
    const address = { ip: '198.51.100.2', port: this.#port++ };
    this.transport.fail(address, CloseReason.Refused);
    return address;
  }
  async silent(): Promise<Address> {
    const address = { ip: '198.51.100.3', port: this.#port++ };
    this.transport.fail(address, 'silent');
    return address;
  }
  async dispose(): Promise<void> {
    this.transport.dispose();
  }
}

transportContract('memory', async () => new MemoryLab(), { ...relayCases, ...brokenCases, ...faultCases });
