// A server of many kinds in a pod: HTTP at 8080, gRPC's health service at 9001, TCP echo at 9000. It stops as well-behaved servers do: on
// SIGTERM it answers what it has begun, and tells its clients to leave.
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import { hostname } from 'node:os';

const pod = hostname();
let stopping = false;
/** What the latest probe looked like from here. */
let probe = null;

const http = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    if (stopping) response.setHeader('connection', 'close');
    response.setHeader('content-type', 'application/json');
    const { remoteAddress: from } = request.socket;
    const { url: path, headers } = request;
    if (path === '/ready') probe = { from, headers };
    response.end(JSON.stringify({ pod, version: process.env.VERSION ?? '', from, path, stopping, headers, probe }));
  });
});
http.keepAliveTimeout = 60_000;
http.listen(8080);

// grpc.health.v1.HealthCheckResponse with status SERVING (1): one field, a varint.
const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
createHttp2Server()
  .on('stream', (stream) => {
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.end(SERVING);
  })
  .listen(9001);

createTcpServer((socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
}).listen(9000);

process.on('SIGTERM', () => {
  stopping = true;
  http.close(() => process.exit(0));
  http.closeIdleConnections();
  setTimeout(() => process.exit(0), 10_000);
});
