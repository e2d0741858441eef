/**
 * What the compiler costs: `node --expose-gc bench/compiler.ts [SERVICES]`. So many Services, each with a VirtualService and an
 * EndpointSlice of two endpoints, clients in 20 namespaces; then 200 changes of each kind. The first compilation's
 * time is CPU time of the thread.
 */
import type { ObjectChange } from '../src/agent/model/store.ts';
import { systemClock } from '../src/base/clock.ts';
import { cpuMs, heapMegabytes, measureChanges, newCompiler, World } from './compiled-world.ts';

const CHANGES = 200;
const services = Number(process.argv[2] ?? 20_000);
const clock = systemClock();
const world = new World(20);

const objects = Array.from({ length: services }, (_, index) => [
  world.service(index),
  world.rule(index, '5s'),
  world.slice(index, 2),
]).flat();
objects.push(...Array.from({ length: world.namespaces }, (_, index) => world.client(index)));
const compiler = newCompiler();
const heap = heapMegabytes();
const cpu = cpuMs();
compiler.apply(objects);
console.log(`${services} services: ${Math.round(cpuMs() - cpu)} ms, ${compiler.progress.done} cells`);
console.log(`${(((heapMegabytes() - heap) * 1000) / services).toFixed(1)} KB of heap a service, besides the objects`);

/** The median does not see what else the machine did. */
const measure = (what: string, make: (index: number) => ObjectChange): void =>
  measureChanges(
    compiler,
    what,
    CHANGES,
    () => clock.monotonic(),
    (nth) => make((nth * 7) % services),
  );
measure('VirtualService', (index) => world.rule(index, '6s'));
measure('EndpointSlice', (index) => world.slice(index, 3));
measure('Service', (index) => world.service(services + index));
measure('DestinationRule', (index) => world.destinationRule(index));
