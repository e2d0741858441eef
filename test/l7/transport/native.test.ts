import { NativeTransport } from '../../../src/l7/transport/native.ts';
import { brokenCases } from './broken-contract.ts';
import { transportContract } from './contract.ts';
import { faultCases } from './fault-contract.ts';
import { relayCases } from './relay-contract.ts';
import { SocketLab } from './socket-lab.ts';

transportContract('native', async () => new SocketLab(NativeTransport.create()), { ...relayCases, ...brokenCases, ...faultCases });
