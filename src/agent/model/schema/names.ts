/** Names as Istio's validation accepts them. */
import { isIP } from 'node:net';
import { z } from 'zod';

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/i;
/** A first label may be `*`, or have a `*` or `*-` in front. */
const FIRST_LABEL = /^(\*|(\*|\*-)?[a-z0-9]([-a-z0-9]*[a-z0-9])?)$/i;
const MAX_LABEL = 63;
const MAX_DOMAIN = 255;
/** A Kubernetes label: an optional DNS prefix, then at most 63 characters. */
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?([a-z0-9]([-\w.]{0,61}[a-z0-9])?)$/i;
const LABEL_VALUE = /^([a-z0-9]([-\w.]{0,61}[a-z0-9])?)?$/i;

export const isDnsLabel = (name: string): boolean => LABEL.test(name);

/** What is wrong with a host that may begin with a wildcard, or null. */
export function domainFault(domain: string): string | null {
  if (domain === '') return 'the name is empty';
  if (domain.length > MAX_DOMAIN) return `the name has more than ${MAX_DOMAIN} characters`;
  const [first = '', ...others] = domain.split('.');
  if (first.length > MAX_LABEL || !FIRST_LABEL.test(first)) return `“${first}” is not a DNS label`;
  if (/^[0-9]+$/.test(others.at(-1) ?? '')) return 'the last label may not be all digits';
  // A dot at the end is that of a fully qualified name.
  if (others.at(-1) === '') others.pop();
  const bad = others.find((label) => !LABEL.test(label));
  return bad === undefined ? null : `“${bad}” is not a DNS label`;
}

/** Of a host without a wildcard. */
export const fullNameFault = (name: string): string | null => (name.startsWith('*') ? 'a wildcard is no host' : domainFault(name));

/** Of an IP address or a range. */
export function subnetFault(address: string): string | null {
  const [ip = '', bits, ...rest] = address.split('/');
  const family = isIP(ip);
  if (family === 0 || rest.length > 0) return 'must be an IP address or a range such as 10.0.0.0/8';
  if (bits === undefined) return null;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32) ? null : `“${bits}” is no length of a prefix`;
}

export function gatewayHostFault(host: string): string | null {
  const slash = host.indexOf('/');
  const namespace = slash < 0 ? '*' : host.slice(0, slash);
  const domain = host.slice(slash + 1);
  if (namespace !== '*' && namespace !== '.' && !isDnsLabel(namespace)) return `“${namespace}” is not a namespace, * or .`;
  if (isIP(domain) !== 0) return null;
  if (domain !== '*' && !domain.includes('.')) return 'short names are not allowed';
  if (/^\*./.test(domain) && !domain.startsWith('*.')) return 'a wildcard stands for whole labels only';
  return domainFault(domain);
}

/** `gateway`, `namespace/gateway`, or the old `gateway.namespace.svc.cluster.local`. */
export function gatewayNameFault(name: string): string | null {
  const parts = name.split('/');
  if (parts.length === 1) return name.startsWith('*') ? 'a gateway has no wildcard' : domainFault(name);
  return parts.length === 2 && parts.every(isDnsLabel) ? null : 'must be NAMESPACE/NAME';
}

/** Whether all that `host` names is named by `pattern` too. */
export function isWithin(host: string, pattern: string): boolean {
  return pattern.startsWith('*') ? host.endsWith(pattern.slice(1)) : host === pattern;
}

/** Whether a host can be named by both; either may begin with a wildcard. */
export function overlap(a: string, b: string): boolean {
  if (a.startsWith('*') && b.startsWith('*')) return a.slice(1).endsWith(b.slice(1)) || b.slice(1).endsWith(a.slice(1));
  if (a.startsWith('*')) return b.endsWith(a.slice(1));
  return b.startsWith('*') ? a.endsWith(b.slice(1)) : a === b;
}

/** A string for which a function knows what is wrong. */
export const checkedText = (fault: (value: string) => string | null): z.ZodString =>
  z.string().superRefine((value, context) => {
    const message = fault(value);
    if (message !== null) context.addIssue({ code: 'custom', message });
  });

export const dnsLabel = z.string().regex(LABEL, 'must be a DNS label: letters, digits and dashes, at most 63');
export const labelSelector = z.record(z.string(), z.string()).superRefine((labels, context) => {
  for (const [key, value] of Object.entries(labels)) {
    const message = !LABEL_KEY.test(key) ? 'not the key of a label' : !LABEL_VALUE.test(value) ? 'not the value of a label' : null;
    if (message !== null) context.addIssue({ code: 'custom', path: [key], message });
  }
});
