/** Selectors that select nothing, names of ports that say nothing, and fields that are called otherwise now. */
import type { CompileOptions } from '../compile/index.ts';
import { namesProtocol } from '../compile/protocols.ts';
import { selects } from '../compile/selectors.ts';
import type { Gateway, Pod, Service, Sidecar, StringMap, VirtualService } from '../objects.ts';
import { refOf } from '../problem.ts';
import { CODE } from './codes.ts';
import type { Say } from './finding.ts';

const textOf = (selector: StringMap): string =>
  Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join();

/** Only where pods are among the objects. */
export function idleSidecars(sidecars: readonly Sidecar[], pods: readonly Pod[], say: Say): void {
  if (pods.length === 0) return;
  for (const sidecar of sidecars) {
    const selector = sidecar.spec.workloadSelector?.labels ?? {};
    const own = pods.filter(({ metadata }) => metadata.namespace === sidecar.metadata.namespace);
    if (Object.keys(selector).length === 0 || own.some(({ metadata }) => selects(selector, metadata.labels ?? {}))) continue;
    const message = `no pod of the namespace has the labels ${textOf(selector)}`;
    say({ code: CODE.referenceNotFound, severity: 'warning', object: refOf(sidecar), path: ['spec', 'workloadSelector'], message });
  }
}

/** Gateways that agents with these labels do not serve, nor any pod. */
export function idleGateways(gateways: readonly Gateway[], pods: readonly Pod[], { gatewayLabels }: CompileOptions, say: Say): void {
  for (const gateway of gateways) {
    const { selector = {} } = gateway.spec;
    const served = gatewayLabels.some((labels) => selects(selector, labels));
    if (served || pods.some(({ metadata }) => selects(selector, metadata.labels ?? {}))) continue;
    const message = `neither the agent (--gateway-labels) nor a pod has the labels ${textOf(selector)}`;
    say({ code: CODE.referenceNotFound, severity: 'warning', object: refOf(gateway), path: ['spec', 'selector'], message });
  }
}

/** Ports of which the first bytes of a connection must say what is spoken. */
export function namelessProtocols(services: readonly Service[], say: Say): void {
  for (const service of services) {
    const { type, ports = [] } = service.spec ?? {};
    if (type === 'ExternalName') continue;
    ports.forEach((port, index) => {
      if ((port.protocol ?? 'TCP') !== 'TCP' || namesProtocol(port)) return;
      const message = `neither appProtocol nor the name says what port ${port.port} speaks; the first bytes of a connection decide`;
      say({ code: CODE.portName, severity: 'warning', object: refOf(service), path: ['spec', 'ports', index], message });
    });
  }
}

export function deprecatedFields(rules: readonly VirtualService[], say: Say): void {
  for (const rule of rules) {
    for (const [index, { fault }] of (rule.spec.http ?? []).entries()) {
      if ((fault?.delay?.percent ?? 0) === 0) continue;
      const path = ['spec', 'http', index, 'fault', 'delay', 'percent'];
      say({ code: CODE.deprecated, severity: 'warning', object: refOf(rule), path, message: 'is deprecated; use percentage' });
    }
  }
}
