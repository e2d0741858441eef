/** At which ports of the node a Gateway's server is: its number is a port of the Service in front, which says where that leads. */
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import type { Service } from '../objects.ts';
import { type Aged, ageOf, byAge } from './age.ts';
import type { CompileOptions } from './options.ts';
import { selects } from './selectors.ts';

/** A port of a Service that selects gateways of this node. */
interface Translation {
  readonly service: Aged;
  readonly target: number;
}

/** With it, a Service does not move the ports of Gateways (Istio's DisableGatewayPortTranslationLabel). */
const UNMOVED = 'experimental.istio.io/disable-gateway-port-translation';

export class GatewayPorts {
  readonly #options: CompileOptions;
  readonly #byNumber: Index<Translation>;
  /** Ports to which another one leads. */
  readonly #targets: Index<true>;

  constructor(graph: Graph, options: CompileOptions) {
    this.#options = options;
    this.#byNumber = new Index<Translation>(graph, (a, b) => byAge(a.service, b.service));
    this.#targets = new Index<true>(graph);
  }

  /** From the cell of the Service. A target that is given by name leads nowhere: which container has it, no pod says. */
  emit(object: Service): void {
    const { selector = {}, ports = [] } = object.spec ?? {};
    if (Object.keys(selector).length === 0 || Object.hasOwn(object.metadata.labels ?? {}, UNMOVED)) return;
    if (!this.#options.gatewayLabels.some((labels) => selects(selector, labels))) return;
    for (const { port, targetPort: target } of ports) {
      if (typeof target !== 'number' || target === 0) continue;
      this.#byNumber.emit(String(port), { service: ageOf(object), target });
      if (target !== port) this.#targets.emit(String(target), true);
    }
  }

  /** Of several Services the oldest counts. The number itself stays in use, for clients of the nodes, unless a Service has it for another. */
  of(number: number): readonly number[] {
    const [first] = this.#byNumber.get(String(number));
    if (first === undefined || first.target === number) return [number];
    return this.#targets.has(String(number)) ? [first.target] : [first.target, number];
  }
}
