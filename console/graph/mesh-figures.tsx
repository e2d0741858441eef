/** The mesh at this node in a few numbers. */
import type { JSX } from 'preact';
import type { AgentStatus, Mesh } from '../feed/answers.ts';
import { type Figure, Figures } from '../parts/figures.tsx';
import { integer, percent, rate } from '../parts/format.ts';
import type { Tone } from '../parts/state-tag.tsx';
import { toneOf } from './model.ts';

interface MeshFiguresProps {
  readonly mesh: Mesh | null;
  readonly status: AgentStatus | null;
}

export function MeshFigures({ mesh, status }: MeshFiguresProps): JSX.Element {
  return <Figures figures={[...traffic(mesh), ...state(status)]} />;
}

function traffic(mesh: Mesh | null): Figure[] {
  if (mesh === null) return [figure('Requests', '–'), figure('Errors', '–'), figure('Services', '–')];
  const requests = mesh.calls.filter(({ p50 }) => p50 !== null);
  const perSecond = requests.reduce((sum, call) => sum + call.perSecond, 0);
  const errors = requests.reduce((sum, call) => sum + call.perSecond * call.errorShare, 0);
  const share = perSecond > 0 ? errors / perSecond : 0;
  const tone = toneOf(share);
  return [
    { title: 'Requests', value: rate(perSecond), of: '/s' },
    { title: 'Errors', value: perSecond > 0 ? percent(share) : '–', tone: tone === 'good' ? 'quiet' : tone },
    { title: 'Services', value: integer(mesh.services.size) },
  ];
}

function state(status: AgentStatus | null): Figure[] {
  if (status === null) return [figure('Pods captured', '–'), figure('Configuration problems', '–'), figure('Agent', '–')];
  const enrolled = status.pods.filter((pod) => pod.enrolled);
  const captured = enrolled.filter(({ phase }) => phase === 'captured').length;
  const serious = status.problems.filter(({ severity }) => severity !== 'warning').length;
  return [
    figure('Pods captured', integer(captured), captured < enrolled.length ? 'warn' : 'quiet', `of ${enrolled.length} enrolled`),
    figure('Configuration problems', integer(serious), serious > 0 ? 'bad' : 'quiet'),
    figure(
      'Agent',
      status.draining ? 'stopping' : status.ready ? 'ready' : 'not ready',
      status.ready && !status.draining ? 'quiet' : 'bad',
    ),
  ];
}

const figure = (title: string, value: string, tone: Tone = 'quiet', of = ''): Figure => ({ title, value, tone, of });
