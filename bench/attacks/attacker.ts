/** `attacker.ts INDEX PORT SECONDS`: one attack of all, again and again; prints how many connections were given up. */
import { CLIENT_ATTACKS } from '../../test/l7/http2/client-attacks.ts';
import { carryOut, dialSocket, settle } from '../../test/l7/http2/socket-peer.ts';
import { SLOW_ATTACKS, standStill } from './slow.ts';

/** Connections at a time. */
const ATTACKERS = 4;
const [index = 0, port = 0, seconds = 0] = process.argv.slice(2).map(Number);
const end = performance.now() + seconds * 1000;
const slow = SLOW_ATTACKS[index - CLIENT_ATTACKS.length];
let over = 0;

async function attack(): Promise<void> {
  const attack = CLIENT_ATTACKS[index]!;
  while (performance.now() < end) {
    const peer = await dialSocket('127.0.0.1', port, attack.settings);
    await carryOut(peer, attack, () => settle(peer));
    if (peer.peer.over) over++;
    peer.peer.socket.destroy();
  }
}

/** An agent that does not answer must not keep us. */
setTimeout(finish, 2000 * seconds).unref();

function finish(): void {
  process.stdout.write(`${over}\n`, () => process.exit(0));
}

if (slow !== undefined) await standStill(slow, port, seconds);
else await Promise.all(Array.from({ length: ATTACKERS }, attack));
finish();
