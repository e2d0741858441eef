/** grpc-js and grpcio as clients and as servers, each with each: at a gateway, and from pod to pod. */
import { fileURLToPath } from 'node:url';
import { atGateway, betweenPods, canMakePods, type Place, type Server } from './places.ts';
import { stopAll } from './processes.ts';

const CASES = 10;
const FIRST_PORT = 28_120;

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** Starts with its packages on the path, also in a pod. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  'grpc-js': [process.execPath, '--disable-warning=ExperimentalWarning', script('echo-grpc-js.ts')],
  grpcio: ['env', `PYTHONPATH=${process.env['OTLP_PACKAGES'] ?? ''}`, 'python3', script('echo_grpcio.py')],
};

let passed = 0;
let failed = 0;

async function runClients(place: Place, server: string): Promise<void> {
  try {
    for (const [name, [command = '', ...words]] of Object.entries(LIBRARIES)) {
      const { code, stdout, stderr } = await place.client('timeout', ['60', command, ...words, 'client', place.host, String(place.port)]);
      const done = stdout.split('\n').filter((line) => line !== '');
      const isGood = code === 0 && done.length === CASES;
      console.log(`${isGood ? 'ok    ' : 'FAILED'} ${place.name}: ${name} asks ${server}, ${done.length} of ${CASES} cases`);
      passed += done.length;
      failed += CASES - done.length;
      if (!isGood) console.log(`after: ${done.at(-1) ?? 'nothing'}\n${stderr}`);
    }
  } finally {
    await place.close();
  }
}

try {
  let port = FIRST_PORT;
  for (const [name, [command = '', ...words]] of Object.entries(LIBRARIES)) {
    const server = (): Server => ({ command, words: [...words, 'server', String(port)], port, wire: 'http2' });
    await runClients(await atGateway(server(), port + 1), name);
    port += 2;
    if (canMakePods()) await runClients(await betweenPods('lang', server()), name);
    port += 2;
  }
} finally {
  stopAll();
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
