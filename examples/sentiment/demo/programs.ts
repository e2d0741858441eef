/** Which program stands for a container, on a machine without a container runtime. */
import { fileURLToPath } from 'node:url';
import type { Container, PodSpec } from './manifests.ts';

export interface Program {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface PodIdentity {
  readonly name: string;
  readonly address: string;
  /** Where persistent volumes are kept. */
  readonly volumes: string;
}

const EXAMPLE = fileURLToPath(new URL('../', import.meta.url));

/** For manifests that were made for other images of this application: what their names say. The first that fits. */
const BY_IMAGE: readonly (readonly [RegExp, string, Readonly<Record<string, string>>])[] = [
  [/frontend.*green/, 'frontend', { BUILD: 'green' }],
  [/frontend/, 'frontend', { BUILD: 'white' }],
  [/web-?app/, 'web-app', {}],
  [/logic.*(buggy|v2)/, 'logic', { LOGIC_VERSION: 'v2' }],
  [/logic/, 'logic', { LOGIC_VERSION: 'v1' }],
  [/feedback/, 'feedback', {}],
];

export function programOf(spec: PodSpec, pod: PodIdentity): Program {
  const [container] = spec.containers;
  if (container === undefined) throw new Error(`pod ${pod.name} has no container`);
  const { service, env } = byCommand(container) ?? byImage(container);
  return {
    args: ['--disable-warning=ExperimentalWarning', `${EXAMPLE}services/${service}/main.ts`],
    env: { POD_NAME: pod.name, PORT: String(container.ports?.[0]?.containerPort ?? 80), ...env, ...environment(spec, container, pod) },
  };
}

function byCommand({ command }: Container): { service: string; env: Readonly<Record<string, string>> } | null {
  const service = /^services\/([\w-]+)\/main\.ts$/.exec(command?.[1] ?? '')?.[1];
  return service === undefined ? null : { service, env: {} };
}

function byImage({ name, image }: Container): { service: string; env: Readonly<Record<string, string>> } {
  const found = BY_IMAGE.find(([pattern]) => pattern.test(image));
  if (found === undefined) throw new Error(`container ${name}: nothing here stands for the image ${image}`);
  return { service: found[1], env: found[2] };
}

function environment(spec: PodSpec, container: Container, pod: PodIdentity): Record<string, string> {
  const fields: Readonly<Record<string, string>> = { 'metadata.name': pod.name, 'status.podIP': pod.address };
  const entries = (container.env ?? []).map(({ name, value, valueFrom }) => {
    const given = value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ''] ?? '';
    return [name, onVolume(given, spec, container, pod)] as const;
  });
  return Object.fromEntries(entries);
}

/** A directory that a volume is mounted at is, without mounts, the volume itself. */
function onVolume(value: string, spec: PodSpec, container: Container, pod: PodIdentity): string {
  const mount = container.volumeMounts?.find(({ mountPath }) => value === mountPath);
  const claim = spec.volumes?.find(({ name }) => name === mount?.name)?.persistentVolumeClaim?.claimName;
  return claim === undefined ? value : `${pod.volumes}/${claim}`;
}
