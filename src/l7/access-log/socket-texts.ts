/** Texts of addresses and ports, which lines name again and again: made once for those that are in use, and not for each line. */
import { socketText } from '../../base/socket-address.ts';

const PLACES = 256;

/** ASCII that lines repeat, and its bytes. */
export class OwnText {
  readonly text: string;
  readonly bytes: Uint8Array;

  constructor(text: string) {
    this.text = text;
    this.bytes = new Uint8Array(Buffer.from(text, 'latin1'));
  }
}

/** There is none. */
export const NO_TEXT = new OwnText('');

export class SocketTexts {
  readonly #ips: string[] = Array.from<string>({ length: PLACES }).fill('');
  readonly #ports = new Int32Array(PLACES);
  readonly #texts: OwnText[] = Array.from<OwnText>({ length: PLACES }).fill(NO_TEXT);
  readonly #clusterPorts = new Int32Array(PLACES).fill(-1);
  readonly #clusters: string[] = Array.from<string>({ length: PLACES }).fill('');

  /** As socketText. */
  text(ip: string, port: number): string {
    return this.own(ip, port).text;
  }

  own(ip: string, port: number): OwnText {
    const place = (port + ip.length) & (PLACES - 1);
    if (this.#ports[place] === port && this.#ips[place] === ip) return this.#texts[place] as OwnText;
    this.#ips[place] = ip;
    this.#ports[place] = port;
    return (this.#texts[place] = new OwnText(socketText(ip, port)));
  }

  /** Envoy's name of the cluster of a port of a pod's own. */
  inboundCluster(port: number): string {
    const place = port & (PLACES - 1);
    if (this.#clusterPorts[place] === port) return this.#clusters[place] as string;
    this.#clusterPorts[place] = port;
    return (this.#clusters[place] = `inbound|${port}||`);
  }
}
