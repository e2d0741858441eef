/** Texts of addresses and ports, which lines name again and again: made once for those that are in use, and not for each line. */
import { socketText } from '../../base/socket-address.ts';

const PLACES = 256;

export class SocketTexts {
  readonly #ips: string[] = Array.from<string>({ length: PLACES }).fill('');
  readonly #ports = new Int32Array(PLACES);
  readonly #texts: string[] = Array.from<string>({ length: PLACES }).fill('');
  readonly #clusterPorts = new Int32Array(PLACES).fill(-1);
  readonly #clusters: string[] = Array.from<string>({ length: PLACES }).fill('');

  /** As socketText. */
  text(ip: string, port: number): string {
    const { length } = ip;
    // Pods of a node differ in the end of their addresses, and many listen at the same port.
    const last = length < 2 ? 0 : ip.charCodeAt(length - 1) + 11 * ip.charCodeAt(length - 2) + 3 * length;
    const place = (port + last) & (PLACES - 1);
    if (this.#ports[place] === port && this.#ips[place] === ip) return this.#texts[place] as string;
    this.#ips[place] = ip;
    this.#ports[place] = port;
    return (this.#texts[place] = socketText(ip, port));
  }

  /** Envoy's name of the cluster of a port of a pod's own. */
  inboundCluster(port: number): string {
    const place = port & (PLACES - 1);
    if (this.#clusterPorts[place] === port) return this.#clusters[place] as string;
    this.#clusterPorts[place] = port;
    return (this.#clusters[place] = `inbound|${port}||`);
  }
}
