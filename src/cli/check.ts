/** `nodeway check`: one line for each thing that the agent needs of the node, and what to do if it is missing. */
import { kubeletCgroup } from '../agent/enroll/kubelet.ts';
import { ExitCode, messageOf } from '../base/errors.ts';
import { AddonMissing } from '../base/native-addon.ts';
import type { Run } from './command.ts';
import { nodeOptions } from './node-flags.ts';

interface Line {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do; empty: nothing. */
  readonly advice: string;
}

export const check: Run = async (invocation) => {
  const options = nodeOptions(invocation);
  const lines = [transportLine(await probeTransport()), ...(await nodeLines(options)), kubeletLine(options.kubeletCgroup)];
  const missing = lines.filter((line) => !line.ok);
  invocation.terminal.stdout.write(describeCheck(options.brief ? missing : lines));
  return missing.length === 0 ? ExitCode.Ok : ExitCode.NodeLacks;
};

export function describeCheck(lines: readonly Line[]): string {
  const width = Math.max(...lines.map((line) => line.name.length));
  return lines
    .map((line) => {
      const advice = line.advice === '' ? '' : `\n${' '.repeat(width + 10)}${line.ok ? 'note' : 'do'}: ${line.advice}`;
      return `${line.ok ? 'ok     ' : 'missing'}  ${line.name.padEnd(width)} ${line.detail}${advice}\n`;
    })
    .join('');
}

async function nodeLines(options: ReturnType<typeof nodeOptions>): Promise<readonly Line[]> {
  try {
    const { checkNode } = await import('../datapath/datapath.ts');
    return checkNode(options);
  } catch (error) {
    if (!(error instanceof AddonMissing)) throw error;
    return [
      {
        name: 'datapath addon',
        ok: false,
        detail: messageOf(error),
        advice: 'install clang, bpftool and libbpf-dev, then run scripts/build',
      },
    ];
  }
}

/** Not needed: without it, probes go through the rules of the pod as any other request. */
function kubeletLine(given: string): Line {
  const found = given || kubeletCgroup();
  const advice = 'health probes would go through the agent; in a pod: hostPID: true. Elsewhere: --kubelet-cgroup';
  return { name: 'kubelet', ok: true, detail: found ?? 'not found', advice: found === null ? advice : '' };
}

async function probeTransport(): Promise<string> {
  try {
    const { loadAddon } = await import('../base/native-addon.ts');
    loadAddon('transport');
    return '';
  } catch (error) {
    return messageOf(error);
  }
}

function transportLine(error: string): Line {
  const ok = error === '';
  return {
    name: 'transport addon',
    ok,
    detail: ok ? 'loads' : error,
    advice: ok ? '' : 'run scripts/build',
  };
}
