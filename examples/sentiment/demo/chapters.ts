/**
 * Sorts the objects of a directory into the chapters of the walk by what they say, not by the names of their files; so the same walk can be
 * taken with manifests that somebody else wrote for this application.
 */
import { fileURLToPath } from 'node:url';
import { isDeployment, isService, type KubeObject, type Manifest, readManifests } from './manifests.ts';
import { programOf } from './programs.ts';

export const CHAPTERS = [
  'application',
  'enrolment',
  'gateway',
  'routes',
  'green release',
  'stable by header',
  'stable by cookie',
  'subsets',
  'shadowing',
  'faulty release',
  'canary',
  'timeouts and retries',
  'retry policy',
  'all releases',
  'circuit breaker',
  'slow logic',
  'bulkhead',
  'telemetry',
] as const;

export type ChapterName = (typeof CHAPTERS)[number];
export type Chapters = Readonly<Record<ChapterName, readonly Manifest[]>>;

/** A part of an object that may be there or not, of any shape: manifests are somebody else's. */
type Part = { readonly [field: string]: Part | undefined } & { readonly some?: never };

const OWN = fileURLToPath(new URL('../', import.meta.url));

/** The chapters from `directory`; what it has nothing for comes from the example's own manifests. */
export async function readChapters(directory: string | null): Promise<Chapters> {
  const own = sort((await Promise.all(['kube', 'istio'].map((part) => readOwn(part)))).flat());
  if (directory === null) return own;
  const given = sort(await readManifests(directory));
  return Object.fromEntries(CHAPTERS.map((name) => [name, given[name].length > 0 ? given[name] : own[name]])) as unknown as Chapters;
}

async function readOwn(part: string): Promise<Manifest[]> {
  const manifests = await readManifests(`${OWN}${part}`);
  return manifests.map((manifest) => ({ ...manifest, file: `${part}/${manifest.file}` }));
}

function sort(manifests: readonly Manifest[]): Chapters {
  const chapters = Object.fromEntries(CHAPTERS.map((name) => [name, [] as Manifest[]])) as Record<ChapterName, Manifest[]>;
  for (const manifest of manifests) {
    const chapter = chapterOf(manifest.object);
    if (chapter !== null) chapters[chapter].push(manifest);
  }
  return chapters;
}

/** Null for what has no place in the walk. */
function chapterOf(object: KubeObject): ChapterName | null {
  if (isDeployment(object)) return releaseOf(programOf(object.spec.template.spec, { name: '', address: '', volumes: '' }).env);
  if (isService(object) || object.kind === 'PersistentVolumeClaim') return 'application';
  if (object.kind === 'Namespace') return 'enrolment';
  if (object.kind === 'ConfigMap') return meshChapter((object['data'] as Part)['mesh'] as unknown as string);
  if (object.kind === 'Telemetry') return 'telemetry';
  if (object.kind === 'Gateway') return 'gateway';
  if (object.kind === 'DestinationRule') return destinationChapter(object['spec'] as Part);
  if (object.kind === 'VirtualService') return routeChapter(object['spec'] as Part);
  return null;
}

function meshChapter(mesh: string): ChapterName {
  return mesh.includes('defaultHttpRetryPolicy') ? 'retry policy' : 'telemetry';
}

function releaseOf(env: Readonly<Record<string, string>>): ChapterName {
  if (env['BUILD'] === 'green') return 'green release';
  return env['LOGIC_VERSION'] === 'v2' ? 'faulty release' : 'application';
}

function destinationChapter(spec: Part): ChapterName | null {
  const hash = spec['trafficPolicy']?.['loadBalancer']?.['consistentHash'];
  if (hash?.['httpCookie'] !== undefined) return 'stable by cookie';
  if (hash?.['httpHeaderName'] !== undefined) return 'stable by header';
  if (spec['trafficPolicy']?.['outlierDetection'] !== undefined) return 'circuit breaker';
  if (spec['trafficPolicy']?.['connectionPool'] !== undefined) return 'bulkhead';
  return spec['subsets'] === undefined ? null : 'subsets';
}

function routeChapter(spec: Part): ChapterName | null {
  if (spec['gateways'] !== undefined) return 'routes';
  const [route] = (spec['http'] ?? []) as unknown as readonly Part[];
  if (route?.['mirror'] !== undefined) return 'shadowing';
  if (route?.['fault'] !== undefined) return 'slow logic';
  const [first] = (route?.['route'] ?? []) as unknown as readonly Part[];
  if (first !== undefined && first['destination']?.['subset'] === undefined) return 'all releases';
  if (route?.['retries'] !== undefined) return 'timeouts and retries';
  return first === undefined ? null : 'canary';
}
