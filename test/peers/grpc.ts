/** The interoperability cases of gRPC, with its own clients and servers of Go and of Java: through a gateway, and Go's from pod to pod too. */
import { join } from 'node:path';
import { atGateway, betweenPods, canMakePods, type Place, type Server } from './places.ts';
import { stopAll } from './processes.ts';

const CASES = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'rpc_soak',
  'channel_soak',
];
const SOAK = ['--soak_iterations', '300', '--soak_max_failures', '0', '--soak_overall_timeout_seconds', '100'];
const FIRST_PORT = 28_091;

const programs = process.env['PEER_PROGRAMS'] ?? '';
const java = (name: string): [string, ...string[]] => [
  'java',
  '-cp',
  join(programs, 'grpc-java', '*'),
  `io.grpc.testing.integration.${name}`,
];

type Client = (host: string, port: number, name: string) => readonly [string, ...string[]];

const CLIENTS = {
  Go: (host, port, name) => {
    const words = ['--server_host', host, '--server_port', String(port), '--test_case', name];
    return [join(programs, 'client'), ...words, ...(name.endsWith('_soak') ? SOAK : [])];
  },
  Java: (host, port, name) => [
    ...java('TestServiceClient'),
    ...['--use_tls=false', `--server_host=${host}`, `--server_port=${port}`, `--test_case=${name}`],
  ],
} satisfies Record<string, Client>;
const SERVERS = {
  Go: (port: number): readonly [string, ...string[]] => [join(programs, 'server'), '--port', String(port)],
  Java: (port: number): readonly [string, ...string[]] => [...java('TestServiceServer'), '--use_tls=false', `--port=${port}`],
};
type Language = keyof typeof CLIENTS;

let passed = 0;
let failed = 0;

async function runCases({ name: place, host, port, client, close }: Place, from: Language, to: Language): Promise<void> {
  // A virtual machine for each case takes its time: those that last are Go's.
  const cases = from === 'Go' && to === 'Go' ? CASES : CASES.filter((name) => !name.endsWith('_soak'));
  try {
    for (const name of cases) {
      const [command, ...words] = CLIENTS[from](host, port, name);
      const { code, stdout, stderr } = await client(command, words);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${place}: ${from} asks ${to}: ${name}`);
      if (code === 0) passed++;
      else {
        failed++;
        console.log(stdout + stderr);
      }
    }
  } finally {
    await close();
  }
}

function serverOf(language: Language, port: number): Server {
  const [command, ...words] = SERVERS[language](port);
  return { command, words, port, wire: 'http2' };
}

try {
  await runCases(await atGateway(serverOf('Go', FIRST_PORT), FIRST_PORT + 1), 'Go', 'Go');
  await runCases(await atGateway(serverOf('Go', FIRST_PORT + 2), FIRST_PORT + 3), 'Java', 'Go');
  await runCases(await atGateway(serverOf('Java', FIRST_PORT + 4), FIRST_PORT + 5), 'Go', 'Java');
  if (canMakePods()) await runCases(await betweenPods('grpc', serverOf('Go', FIRST_PORT)), 'Go', 'Go');
} finally {
  stopAll();
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
