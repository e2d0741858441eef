/**
 * What Sidecars that import a part of the mesh cost the compiler: `node --expose-gc bench/sidecars.ts [SERVICES] [NAMESPACES] [IMPORTED]`.
 * So many Services with a VirtualService and a slice each, a client and a Sidecar in each of so many namespaces, of which each Sidecar
 * imports so many; then 9 changes of each kind. The first compilation's time is CPU time of the thread, those of changes are medians by the
 * clock.
 */
import type { ObjectChange } from '../src/agent/model/store.ts';
import { change, cpuMs, heapMegabytes, measureChanges, newCompiler, World } from './compiled-world.ts';

const [services = 20_000, namespaces = 100, imported = 10] = process.argv.slice(2).map(Number);
const CHANGES = 9;
const world = new World(namespaces);

function sidecar(index: number, count: number): ObjectChange {
  const hosts = Array.from({ length: count }, (_, position) => `${world.namespaceOf(index + position)}/*`);
  const metadata = { name: 'default', namespace: world.namespaceOf(index) };
  return change('networking.istio.io/v1', 'Sidecar', metadata, { spec: { egress: [{ hosts }] } });
}

const everything = [
  ...Array.from({ length: services }, (_, index) => [world.service(index), world.rule(index, '5s'), world.slice(index, 2)]).flat(),
  ...Array.from({ length: namespaces }, (_, index) => [world.client(index), ...(imported > 0 ? [sidecar(index, imported)] : [])]).flat(),
];
const compiler = newCompiler();
const heap = heapMegabytes();
const cpu = cpuMs();
compiler.apply(everything);
console.log(
  `${services} services, ${namespaces} namespaces, ${imported} imported: ${Math.round(cpuMs() - cpu)} ms, ${compiler.progress.done} cells`,
);
console.log(`${Math.round(heapMegabytes() - heap)} MB, ${compiler.snapshot.records.virtualHosts.size} virtual hosts`);

measureChanges(compiler, 'VirtualService', CHANGES, (nth) => world.rule(nth * 7, '6s'));
measureChanges(compiler, 'EndpointSlice', CHANGES, (nth) => world.slice(nth * 7, 3));
measureChanges(compiler, 'Service', CHANGES, (nth) => world.service(services + nth * 7));
if (imported > 0) measureChanges(compiler, 'Sidecar', CHANGES, (nth) => sidecar((nth * 7) % namespaces, imported + 1));
