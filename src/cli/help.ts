/** Help as manual pages have it. */
import { describeFlags } from '../agent/flags.ts';
import { COMMANDS } from './commands.ts';

const WIDTH = 100;
const INDENT = '    ';

export function overview(): string {
  const usages = Object.values(COMMANDS).map(({ usage, summary }) => `  nodeway ${usage}\n      ${summary}`);
  return [
    'Nodeway: a service mesh agent per Kubernetes node.',
    '',
    ...usages,
    '  nodeway help [COMMAND]',
    '  nodeway version',
    '',
    'nodeway help COMMAND has the flags of a command, and examples.',
    'Exit codes: 0 asked to stop or done, 1 a fault, 2 wrong usage or configuration, 3 the node lacks something.',
    '',
  ].join('\n');
}

/** Null: no such command. */
export function helpOn(name: string): string | null {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return null;
  const { usage, summary, details, examples, flags } = command;
  const hasFlags = Object.keys(flags).length > 0;
  const sections: (readonly [string, string])[] = [
    ['NAME', `nodeway ${name}: ${summary}`],
    ['SYNOPSIS', `nodeway ${usage}${hasFlags ? ' [FLAGS]' : ''}`],
    ...(details.length === 0 ? [] : [['DESCRIPTION', details.map(wrapped).join('\n\n')] as const]),
    ...(hasFlags ? [['FLAGS', describeFlags(flags).replace(/^ {2}/gm, '')] as const] : []),
    ['EXAMPLES', examples.join('\n')],
  ];
  return sections.map(([title, text]) => `${title}\n${indented(text)}\n`).join('\n');
}

const indented = (text: string): string => text.replace(/^(?=.)/gm, INDENT);

function wrapped(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length + 1 > WIDTH - INDENT.length) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}
