/** Metrics of the process, under the names that Prometheus' own client libraries use. */
import { readdirSync } from 'node:fs';

export interface ProcessMetric {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly value: () => number;
}

export function processMetrics(startedAtSeconds: number): readonly ProcessMetric[] {
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  return [
    { kind: 'counter', name: 'process_cpu_seconds_total', help: 'User and system CPU time, all threads.', value: cpu },
    { kind: 'gauge', name: 'process_start_time_seconds', help: 'When the process started.', value: () => startedAtSeconds },
    { kind: 'gauge', name: 'process_resident_memory_bytes', help: 'Resident memory, all threads.', value: () => process.memoryUsage.rss() },
    { kind: 'gauge', name: 'process_open_fds', help: 'Open file descriptors.', value: openDescriptors },
    { kind: 'gauge', name: 'nodejs_heap_size_used_bytes', help: "The control thread's heap.", value: () => process.memoryUsage().heapUsed },
  ];
}

function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length - 1; // reading the directory takes one
  } catch {
    return NaN; // not Linux
  }
}
