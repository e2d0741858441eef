/** HTTPFaultInjection and HTTPDirectResponse: which field is complained of, where and how gravely. */
import t from 'tap';
import { type Case, head, problemsOf, specInForce } from './problems-of.ts';

const GOOD = `${head('VirtualService')}  hosts: [b]\n  http:\n  - route:\n    - destination: {host: b}\n`;
const fault = (text: string): string => `${GOOD}    fault: {${text}}\n`;
const direct = (text: string): string => `${head('VirtualService')}  hosts: [b]\n  http:\n  - directResponse: {${text}}\n`;
const R = 'spec.http[0]';
const F = `${R}.fault`;
const D = `${R}.directResponse`;

const FAULTS: readonly Case[] = [
  ['delay and abort', fault('delay: {fixedDelay: 1s, percentage: {value: 0.1}}, abort: {httpStatus: 503, percentage: {value: 100}}'), []],
  ['neither', fault(''), [`9 error ${F}`]],
  ['delay.fixedDelay too short', fault('delay: {fixedDelay: 1us}'), [`9 error ${F}.delay.fixedDelay`]],
  ['delay.fixedDelay finer than milliseconds', fault('delay: {fixedDelay: 1.5ms}'), [`9 error ${F}.delay.fixedDelay`]],
  ['delay.exponentialDelay', fault('delay: {exponentialDelay: 1s}'), [`9 error ${F}.delay.exponentialDelay`]],
  ['delay of nothing', fault('delay: {percentage: {value: 1}}'), [`9 warning ${F}.delay`]],
  ['delay.percent', fault('delay: {fixedDelay: 1s, percent: 5}'), []],
  ['percentage above 100', fault('delay: {fixedDelay: 1s, percentage: {value: 101}}'), [`9 error ${F}.delay.percentage.value`]],
  ['percentage too fine', fault('abort: {httpStatus: 500, percentage: {value: 0.00001}}'), [`9 error ${F}.abort.percentage.value`]],
  ['abort.httpStatus too low', fault('abort: {httpStatus: 199}'), [`9 error ${F}.abort.httpStatus`]],
  ['abort.httpStatus 0', fault('abort: {httpStatus: 0}'), [`9 error ${F}.abort.httpStatus`]],
  ['abort.httpStatus 600, which no proxy takes', fault('abort: {httpStatus: 600}'), [`9 unsupported ${F}.abort.httpStatus`]],
  ['abort.httpStatus 601', fault('abort: {httpStatus: 601}'), [`9 error ${F}.abort.httpStatus`]],
  ['abort.grpcStatus', fault('abort: {grpcStatus: UNAVAILABLE}'), []],
  ['abort.grpcStatus as a number', fault('abort: {grpcStatus: "14"}'), [`9 error ${F}.abort.grpcStatus`]],
  ['abort.grpcStatus of no name', fault('abort: {grpcStatus: Unavailable}'), [`9 error ${F}.abort.grpcStatus`]],
  ['abort.http2Error', fault('abort: {http2Error: REFUSED_STREAM}'), [`9 error ${F}.abort.http2Error`]],
  ['both statuses', fault('abort: {httpStatus: 500, grpcStatus: UNKNOWN}'), [`9 error ${F}.abort.grpcStatus`]],
  ['abort of nothing', fault('abort: {percentage: {value: 1}}'), [`9 warning ${F}.abort`]],
];

const DIRECT: readonly Case[] = [
  ['a status', direct('status: 200'), []],
  ['no status', direct('body: {string: a}'), [`7 error ${D}.status`]],
  ['a low status', direct('status: 199'), [`7 error ${D}.status`]],
  ['status 600, which no proxy takes', direct('status: 600'), [`7 unsupported ${D}.status`]],
  ['body.string and body.bytes', direct('status: 200, body: {string: a, bytes: YQ==}'), [`7 error ${D}.body`]],
  ['body.bytes that are not base64', direct('status: 200, body: {bytes: "a b"}'), [`7 error ${D}.body.bytes`]],
  ['a large body', direct(`status: 200, body: {string: ${'a'.repeat(102_401)}}`), [`7 warning ${D}.body`]],
  ['a body that is too large', direct(`status: 200, body: {string: ${'a'.repeat(1_048_577)}}`), [`7 error ${D}.body`]],
  ['beside a route', `${GOOD}    directResponse: {status: 200}\n`, [`9 error ${D}`]],
  ['beside a rewrite', `${direct('status: 200')}    rewrite: {uri: /}\n`, [`8 error ${R}.rewrite`]],
  ['beside a fault', `${direct('status: 200')}    fault: {abort: {httpStatus: 500}}\n`, [`8 error ${R}.fault`]],
  ['beside a redirect', `${direct('status: 200')}    redirect: {uri: /}\n`, [`7 error ${D}`]],
  ['mirrorPercent', `${GOOD}    mirror: {host: b}\n    mirrorPercent: 5\n`, [`10 warning ${R}.mirrorPercent`]],
  ['mirror_percent', `${GOOD}    mirror: {host: b}\n    mirror_percent: 5\n`, [`10 warning ${R}.mirror_percent`]],
];

for (const [name, cases] of Object.entries({ FAULTS, DIRECT })) {
  t.test(name, async (t) => {
    for (const [what, text, expected] of cases) t.strictSame(problemsOf(text), expected, what);
  });
}

t.test('what is in force: bytes as characters, numbers of gRPC statuses, one name of a field', async (t) => {
  t.match(specInForce(direct('status: 201, body: {string: "é"}')), { http: [{ directResponse: { status: 201, body: 'Ã©' } }] });
  t.match(specInForce(direct('status: 201, body: {bytes: AP8=}')), { http: [{ directResponse: { body: '\0ÿ' } }] });
  t.match(specInForce(fault('abort: {grpcStatus: RESOURCE_EXHAUSTED}')), { http: [{ fault: { abort: { grpcStatus: 8 } } }] });
  t.match(specInForce(`${GOOD}    mirror: {host: b}\n    mirror_percent: 5\n`), { http: [{ mirrorPercent: 5 }] });
});
