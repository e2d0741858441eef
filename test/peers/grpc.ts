/** The interoperability cases of gRPC, with its own client and server: through a gateway, and from pod to pod. Those of long duration too. */
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
const SERVER = 28_091;
const GATEWAY = 28_092;

const programs = process.env['PEER_PROGRAMS'] ?? '';
const server: Server = { command: join(programs, 'server'), words: ['--port', String(SERVER)], port: SERVER, wire: 'http2' };
let passed = 0;
let failed = 0;

async function runCases({ name: place, host, port, client, close }: Place): Promise<void> {
  try {
    for (const name of CASES) {
      const soak = name.endsWith('_soak') ? SOAK : [];
      const words = ['--server_host', host, '--server_port', String(port), '--test_case', name, ...soak];
      const { code, stdout, stderr } = await client(join(programs, 'client'), words);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${place}: ${name}`);
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

try {
  await runCases(await atGateway(server, GATEWAY));
  if (canMakePods()) await runCases(await betweenPods('grpc', server));
} finally {
  stopAll();
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
