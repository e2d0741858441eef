import { NodeTransport } from '../../../src/l7/transport/node.ts';
import { transportContract } from './contract.ts';
import { faultCases } from './fault-contract.ts';
import { relayCases } from './relay-contract.ts';
import { SocketLab } from './socket-lab.ts';

transportContract('node', async () => new SocketLab(NodeTransport.create()), { ...relayCases, ...faultCases });
