/**
 * What the compiler costs: `node --expose-gc bench/compiler.ts [SERVICES]`. So many Services, each with a VirtualService and an
 * EndpointSlice of two endpoints, clients in 20 namespaces; then 200 changes of each kind. The first compilation's
 * time is CPU time of the thread.
 */
import { cpuMs, heapMegabytes, measureChanges, newCompiler, World } from './compiled-world.ts';

const CHANGES = 200;
const services = Number(process.argv[2] ?? 20_000);
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

measureChanges(compiler, 'VirtualService', CHANGES, (nth) => world.rule((nth * 7) % services, '6s'));
measureChanges(compiler, 'EndpointSlice', CHANGES, (nth) => world.slice((nth * 7) % services, 3));
measureChanges(compiler, 'Service', CHANGES, (nth) => world.service(services + ((nth * 7) % services)));
measureChanges(compiler, 'DestinationRule', CHANGES, (nth) => world.destinationRule((nth * 7) % services));
