import t from 'tap';
import { HELP } from '../../../src/agent/telemetry/exposition.ts';
import { OUTCOME } from '../../../src/l7/message/outcome.ts';
import { ExchangeRecord } from '../../../src/l7/record/exchange-record.ts';
import { Recorder } from '../../../src/l7/record/recorder.ts';
import { Stats } from '../../../src/l7/record/stats.ts';

t.test('every metric of the engine has a help line, and every help line a metric', async (t) => {
  const names = new Set<string>();
  const recorder = new Recorder(new Stats({ added: ({ name }) => names.add(name), ended: () => {} }));
  const record = new ExchangeRecord();
  recorder.exchange(record);
  record.grpcStatus = 0;
  record.requestMessages = record.responseMessages = 1;
  recorder.exchange(record);
  const connections = recorder.connections(record);
  connections.tcp('opened_total', OUTCOME.completed.flags);
  connections.tcp('closed_total', OUTCOME.completed.flags);
  connections.tcpBytes(1, 1, OUTCOME.completed.flags);
  for (const what of ['consecutive-5xx', 'ended', 'refused']) recorder.ejection('outbound|80||a', what);
  t.same([...names].toSorted(), Object.keys(HELP).toSorted());
});
