/** Debian's Prometheus, which scrapes one agent each second. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../node/pod-network.ts';
import { start } from './processes.ts';

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

/** @throws when Prometheus does not take the expression. */
export type Query = (expression: string) => Promise<Sample[]>;

/** @param directory of its own: for its configuration and data. @param metrics port of the agent. */
export async function startPrometheus(directory: string, port: number, metrics: number): Promise<Query> {
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'prometheus.yml');
  const scrape = { job_name: 'nodeway', scrape_interval: '1s', static_configs: [{ targets: [`127.0.0.1:${metrics}`] }] };
  writeFileSync(config, JSON.stringify({ scrape_configs: [scrape] }));
  const storage = `--storage.tsdb.path=${join(directory, 'data')}`;
  start('prometheus', [`--config.file=${config}`, storage, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error']);
  const ask = async (path: string): Promise<Response | null> => fetch(`http://127.0.0.1:${port}${path}`).catch(() => null);
  await until(async () => (await ask('/-/ready'))?.ok === true, 'Prometheus is ready');
  return async (expression) => {
    const answer = await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`);
    if (answer?.ok !== true) throw new Error(`Prometheus refuses ${expression}: ${await answer?.text()}`);
    return ((await answer.json()) as { readonly data: { readonly result: Sample[] } }).data.result;
  };
}
