/** The interoperability cases of gRPC, with its own client and server and a gateway between them; those of long duration too. */
import { join } from 'node:path';
import { listening, run, start, startGateway, stopAll } from './processes.ts';

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
let failed = 0;
try {
  start(join(programs, 'server'), ['--port', String(SERVER)]);
  await listening(SERVER);
  await startGateway(GATEWAY, SERVER, 'http2');
  for (const name of CASES) {
    const soak = name.endsWith('_soak') ? SOAK : [];
    const { code, output } = await run(join(programs, 'client'), [
      ...['--server_host', '127.0.0.1', '--server_port', String(GATEWAY), '--test_case', name],
      ...soak,
    ]);
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name}`);
    if (code === 0) continue;
    failed++;
    console.log(output);
  }
} finally {
  stopAll();
}
console.log(`${CASES.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
