/** What the exporters of OpenTelemetry's SDK have in common, whatever they send. */
import { type SocketAddress, socketText } from '../../../base/socket-address.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';

/** Of @opentelemetry/core's ExportResultCode. */
const SUCCESS = 0;
/** One object for all: they are grouped by it. */
export const SCOPE = { name: 'nodeway' } as const;

export interface SdkExporter<R> {
  export(items: R[], done: (result: { readonly code: number; readonly error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

export class OtlpSender<T, R> {
  readonly #exporter: SdkExporter<R>;
  readonly #readable: (item: T) => R;

  /** @param readable as the SDK has it. */
  constructor(exporter: SdkExporter<R>, readable: (item: T) => R) {
    this.#exporter = exporter;
    this.#readable = readable;
  }

  send(items: readonly T[]): Promise<void> {
    return new Promise((done, failed) => {
      this.#exporter.export(
        items.map((item) => this.#readable(item)),
        ({ code, error }) => {
          if (code === SUCCESS) done();
          else failed(error ?? new Error('the exporter says no reason'));
        },
      );
    });
  }

  close(): void {
    void this.#exporter.shutdown();
  }
}

/** The settings of an exporter by gRPC. */
export async function grpcSettings({ headers, timeoutMs }: ExporterConfig, address: SocketAddress) {
  const { Metadata } = await import('@grpc/grpc-js');
  const metadata = new Metadata();
  for (const [name, value] of headers) metadata.add(name, value);
  return { url: urlOf(address), timeoutMillis: timeoutMs, metadata };
}

export function urlOf({ ip, port }: SocketAddress): string {
  return `http://${socketText(ip, port)}`;
}

/** Seconds and nanoseconds. */
export function hrTime(milliseconds: number): [number, number] {
  const seconds = Math.trunc(milliseconds / 1000);
  return [seconds, Math.round((milliseconds - seconds * 1000) * 1e6)];
}
