/** What of a node an agent could change, as lists to compare. Needs bpftool. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pinRoot } from '../../../src/datapath/pins.ts';
import { ip, listNamespaces, type Pod } from '../pod-network.ts';

const BPFFS = '/sys/fs/bpf';

/** Names of our programs and maps, of which the kernel keeps 15 characters: no other program of the machine has such. */
const OURS = /^nw_|^(inbound_|outbound)\./;

interface BpfObject {
  readonly id: number;
  readonly name?: string;
  readonly prog_id?: number;
  readonly map_ids?: readonly number[];
  readonly pinned?: readonly string[];
}

export interface NodeState {
  readonly bpf: readonly string[];
  readonly pins: readonly string[];
  readonly namespaces: readonly string[];
  /** Links, rules, routes and listening sockets of the pods. */
  readonly pods: readonly string[];
}

/**
 * Only what can be this agent's, as others come and go on the machine meanwhile: BPF objects and pins that belong to another agent are left
 * out, those that nobody holds are not. An agent that may change the node's network runs in a pod of its own, which stands for the node.
 */
export function nodeState(instance: string, pods: readonly Pod[]): NodeState {
  return {
    bpf: bpfObjects(instance),
    pins: existsSync(BPFFS) ? walk(BPFFS).filter((path) => !path.startsWith(`${BPFFS}/nodeway`) || path.startsWith(pinRoot(instance))) : [],
    namespaces: listNamespaces().filter((name) => name.startsWith(`${instance}-`)),
    pods: pods.map((pod) => insideOf(pod)),
  };
}

function insideOf(pod: Pod): string {
  const commands = ['-br link', 'rule', '-6 rule', 'route show table all', '-6 route show table all'];
  const routing = commands.map((words) => ip('-n', pod.namespace, ...words.split(' ')));
  return routing.join('') + execFileSync('nsenter', [`--net=${pod.path}`, 'ss', '-Htln'], { encoding: 'utf8' });
}

function bpfObjects(instance: string): string[] {
  const [allLinks, programs, maps] = ['link', 'prog', 'map'].map(list) as [BpfObject[], BpfObject[], BpfObject[]];
  const ids = new Set(programs.map(({ id }) => id));
  const links = allLinks.filter((link) => ids.has(link.prog_id ?? -1));
  const foreign = ({ pinned }: BpfObject): boolean => (pinned ?? []).some((path) => !path.startsWith(`${pinRoot(instance)}/`));
  const foreignPrograms = new Set(links.filter(foreign).map((link) => link.prog_id));
  const others = programs.filter((program) => foreignPrograms.has(program.id));
  const foreignMaps = new Set(others.flatMap((program) => program.map_ids ?? []));
  return [
    ...links.filter((link) => !foreign(link)).map(({ id }) => `link ${id}`),
    ...programs.filter(({ id }) => !foreignPrograms.has(id)).map(({ id }) => `program ${id}`),
    ...maps.filter((map) => !foreign(map) && !foreignMaps.has(map.id)).map(({ id }) => `map ${id}`),
  ];
}

function list(what: string): BpfObject[] {
  // bpftool fails when an object goes while it lists them.
  for (let attempt = 0; ; attempt++) {
    try {
      const text = execFileSync('/usr/sbin/bpftool', ['-j', '-f', what, 'show'], { encoding: 'utf8', stdio: 'pipe' });
      return (JSON.parse(text) as BpfObject[]).filter(({ name }) => what === 'link' || OURS.test(name ?? ''));
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

function walk(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? [path, ...walk(path)] : [path];
  });
}
