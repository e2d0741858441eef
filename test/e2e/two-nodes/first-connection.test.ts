/** How long a new pod runs before it is captured: what its application opens in that time goes straight. */
import t from 'tap';
import { AGENT_NAMESPACE } from '../agent-rights.ts';
import { Mesh, type PodObject } from './mesh.ts';
import { firstObject, namespaceObject, serverObject, serviceObject } from './objects.ts';

const NAMESPACE = 'first';
const OUTSIDE = 'outside';
/** Of one kind: pods that start one after the other, and as many that start at once. */
const PODS = 6;

const mesh = await Mesh.start();
t.teardown(() => mesh.close());
const { kube } = mesh;

interface Told {
  readonly startedAt: number;
  readonly firstAt: number;
  readonly straight: number;
  readonly errors: number;
  readonly meshedAt: number | null;
}

// Not in the mesh, whose own side of it would mark what comes straight too.
await mesh.place(namespaceObject(OUTSIDE), serverObject({ namespace: OUTSIDE, name: 'server' }), serviceObject(OUTSIDE, 'server'));
await mesh.place(namespaceObject(NAMESPACE, { 'nodeway.io/enroll': 'true' }));
const { spec } = (await kube.get(`/api/v1/namespaces/${OUTSIDE}/services/server`)) as { readonly spec: { readonly clusterIP: string } };
/** By address, since the wait for a name would hide what is measured. */
const env = { TARGET: `http://${spec.clusterIP}/` };

/** When the agents captured pods, in milliseconds since the epoch, as they have logged it. */
async function capturedAt(): Promise<Map<string, number>> {
  const logs = await Promise.all(
    (await mesh.agentPods()).map(({ metadata }) => kube.kubectl('logs', `--namespace=${AGENT_NAMESPACE}`, metadata.name)),
  );
  const lines = logs.flatMap((text) => text.split('\n').filter((line) => line.includes('"pod is captured"')));
  return new Map(lines.map((line) => JSON.parse(line) as { pod: string; time: string }).map(({ pod, time }) => [pod, Date.parse(time)]));
}

async function told(pod: PodObject): Promise<Told> {
  const ask = async (): Promise<Told> => (await (await fetch(`http://${pod.status.podIP}:7000/`)).json()) as Told;
  await mesh.until(`a connection of ${pod.metadata.name} went through the mesh`, async () => (await ask()).meshedAt !== null);
  return ask();
}

t.test('a pod that connects as soon as it runs', async (t) => {
  for (let index = 0; index < PODS; index++) {
    await kube.apply(firstObject({ namespace: NAMESPACE, name: `single-${index}`, node: `node${1 + (index % 2)}`, env }));
    await mesh.settled(NAMESPACE);
  }
  await kube.apply(firstObject({ namespace: NAMESPACE, name: 'many', replicas: PODS, env }));
  await mesh.settled(NAMESPACE);
  const captured = await capturedAt();
  for (const pod of await mesh.pods(NAMESPACE, '')) {
    const { startedAt, firstAt, straight, errors, meshedAt } = await told(pod);
    const at = captured.get(`${NAMESPACE}/${pod.metadata.name}`);
    t.ok(at !== undefined, `${pod.metadata.name} is captured`);
    t.equal(errors, 0, 'and no connection of it failed');
    t.comment(
      `${pod.metadata.name}: process began ${Math.round(startedAt - (at ?? NaN))} ms after it was captured, ` +
        `and connected ${Math.round(firstAt - startedAt)} ms later; ${straight} requests went straight, ` +
        `the first in the mesh ${Math.round((meshedAt ?? NaN) - firstAt)} ms after the first of all`,
    );
  }
});
