/**
 * gRPC-Web by Connect: `server http1|http2 PORT`, and `client HOST PORT`, which asks over both. WEB_PACKAGES is where Connect is.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createServer as createHttp1 } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';

const require = createRequire(`${process.env.WEB_PACKAGES}/`);
const { create, toBinary } = require('@bufbuild/protobuf');
const { fileDesc, serviceDesc } = require('@bufbuild/protobuf/codegenv2');
const { FileDescriptorProtoSchema, StringValueSchema, file_google_protobuf_wrappers: wrappers } = require('@bufbuild/protobuf/wkt');
const { Code, ConnectError, createClient } = require('@connectrpc/connect');
const { connectNodeAdapter, createGrpcWebTransport } = require('@connectrpc/connect-node');

const STRING = '.google.protobuf.StringValue';
const file = create(FileDescriptorProtoSchema, {
  name: 'echo.proto',
  package: 'nodeway.peers',
  syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto'],
  service: [
    {
      name: 'Web',
      method: [
        { name: 'Unary', inputType: STRING, outputType: STRING },
        { name: 'Download', inputType: STRING, outputType: STRING, serverStreaming: true },
        { name: 'Fail', inputType: STRING, outputType: STRING },
      ],
    },
  ],
});
const Web = serviceDesc(fileDesc(Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString('base64'), [wrappers]), 0);
const text = (value) => create(StringValueSchema, { value });

const routes = (router) =>
  router.service(Web, {
    unary: (request) => request,
    async *download({ value }) {
      for (let nth = 0; nth < Number(value); nth++) yield text(String(nth));
    },
    fail: () => {
      throw new ConnectError('not now: ü', Code.FailedPrecondition);
    },
  });

async function ask(baseUrl, httpVersion) {
  const client = createClient(Web, createGrpcWebTransport({ baseUrl, httpVersion }));
  for (const size of [0, 1, 1_000_000]) assert.equal((await client.unary(text('x'.repeat(size)))).value.length, size);
  let count = 0;
  for await (const { value } of client.download(text('1000'))) assert.equal(value, String(count++));
  assert.equal(count, 1000);
  await assert.rejects(client.fail(text('')), { code: Code.FailedPrecondition, rawMessage: 'not now: ü' });
}

const [mode, first, second] = process.argv.slice(2);
if (mode === 'server') {
  (first === 'http1' ? createHttp1 : createHttp2)(connectNodeAdapter({ routes })).listen(Number(second));
} else {
  for (const version of ['1.1', '2']) await ask(`http://${first}:${second}`, version);
  console.log('answered over both');
  process.exit(0);
}
