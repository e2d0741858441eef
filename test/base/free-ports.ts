/** Ports for programs that have to be told theirs, as an agent's endpoints and Gateways. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

const LOWEST = 10_000;

/**
 * Different ports of 127.0.0.1 at which nobody listens, below those that the kernel gives to connections: of these another test's connection
 * may take one between its choice and its use, and a client that asks whether somebody listens there may be connected to itself.
 */
export async function freePorts(count: number): Promise<number[]> {
  const [connections = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number);
  const end = connections > LOWEST ? connections : 65_536;
  const servers: Server[] = [];
  while (servers.length < count) {
    const server = await listening(LOWEST + Math.floor(Math.random() * (end - LOWEST)));
    if (server !== null) servers.push(server);
  }
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}

/** Null: the port is taken. */
async function listening(port: number): Promise<Server | null> {
  const server = createServer().listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => null,
  );
}
