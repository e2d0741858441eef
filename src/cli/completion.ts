/** `nodeway completion SHELL`: made from the table of commands. */
import type { FlagTable } from '../agent/flags.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import type { Command, Run } from './command.ts';
import { SHELLS } from './flag-tables.ts';

type Commands = Readonly<Record<string, Command>>;

export const completionOf =
  (commands: Commands): Run =>
  async ({ args, terminal }) => {
    const shell = SHELLS.find((known) => known === args[0]);
    if (shell === undefined || args.length > 1) throw new CommandError(ExitCode.Usage, `needs one of ${SHELLS.join(', ')}`);
    terminal.stdout.write({ bash, zsh, fish }[shell](commands));
    return ExitCode.Ok;
  };

const names = (commands: Commands): string[] => [...Object.keys(commands), 'help', 'version'];

function flagWords(flags: FlagTable): string[] {
  return Object.entries(flags).flatMap(([name, { value }]) => (value === undefined ? [`--${name}`, `--no-${name}`] : [`--${name}`]));
}

/** Words for a flag's value, where it has only a few. */
function valueWords(flags: FlagTable): [flag: string, words: string[]][] {
  return Object.entries(flags).flatMap(([name, { value = '' }]) => (/^[a-z]+(\|[a-z]+)+$/.test(value) ? [[name, value.split('|')]] : []));
}

function firstWords(commands: Commands, name: string): readonly string[] {
  if (name === 'help') return Object.keys(commands);
  const completes = commands[name]?.completes ?? [];
  return completes === 'files' ? [] : completes;
}

function bash(all: Commands): string {
  const commands = Object.entries(all).map(([name, { flags, completes }]) => {
    const words = [...firstWords(all, name), ...flagWords(flags)].join(' ');
    const files = completes === 'files' ? ' -f' : '';
    return `    ${name}) COMPREPLY=($(compgen${files} -W "${words}" -- "$word")) ;;`;
  });
  return `# bash completion of nodeway
_nodeway() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${names(all).join(' ')}" -- "$word"))
    return
  fi
  case $before in
${allValueWords(all)
  .map(([flag, words]) => `    --${flag}) COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$word")); return ;;`)
  .join('\n')}
    -o) COMPREPLY=($(compgen -W "text json" -- "$word")); return ;;
  esac
  case \${COMP_WORDS[1]} in
${commands.join('\n')}
    help) COMPREPLY=($(compgen -W "${firstWords(all, 'help').join(' ')}" -- "$word")) ;;
  esac
}
complete -F _nodeway nodeway
`;
}

/** A flag has the same values wherever it is. */
function allValueWords(all: Commands): [flag: string, words: string[]][] {
  return [...new Map(Object.values(all).flatMap(({ flags }) => valueWords(flags)))];
}

function zsh(all: Commands): string {
  const commands = Object.entries(all).map(([name, { flags, completes }]) => {
    const options = Object.entries(flags).flatMap(([flag, { value, help }]) => zshFlag(flag, value, help));
    const first =
      completes === 'files' ? ["'*:file:_files'"] : firstWords(all, name).length > 0 ? [`'1: :(${firstWords(all, name).join(' ')})'`] : [];
    return `    ${name}) _arguments ${[...options, ...first].join(' ')} ;;`;
  });
  const described = Object.entries(all).map(([name, { summary }]) => `    '${name}:${quoted(summary)}'`);
  return `#compdef nodeway
_nodeway() {
  local -a commands=(
${described.join('\n')}
    'help:Help on a command.'
    'version:The version.'
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${commands.join('\n')}
    help) _describe command commands ;;
  esac
}
compdef _nodeway nodeway
`;
}

function zshFlag(flag: string, value: string | undefined, help: string): string[] {
  const said = quoted(help).replace(/[[\]:]/g, '\\$&');
  if (value === undefined) return [`'--${flag}[${said}]'`, `'--no-${flag}[${said}]'`];
  const words = /^[a-z]+(\|[a-z]+)+$/.test(value) ? `(${value.replaceAll('|', ' ')})` : '';
  return [`'--${flag}=[${said}]:${quoted(value).replace(/[:[\]]/g, '\\$&')}:${words}'`];
}

const quoted = (text: string): string => text.replaceAll("'", "'\\''");

function fish(all: Commands): string {
  const lines = Object.entries(all).flatMap(([name, { summary, flags, completes }]) => {
    const inCommand = `complete -c nodeway -n '__fish_seen_subcommand_from ${name}'`;
    const own = Object.entries(flags).flatMap(([flag, { value, help }]) => fishFlag(inCommand, flag, value, help));
    const words = firstWords(all, name);
    return [
      `complete -c nodeway -f -n __fish_use_subcommand -a ${name} -d '${fishQuoted(summary)}'`,
      ...own,
      ...(completes === 'files' ? [`${inCommand} -F`] : words.length > 0 ? [`${inCommand} -f -a '${words.join(' ')}'`] : []),
    ];
  });
  return `# fish completion of nodeway
${lines.join('\n')}
complete -c nodeway -f -n __fish_use_subcommand -a 'help version'
complete -c nodeway -f -n '__fish_seen_subcommand_from help' -a '${firstWords(all, 'help').join(' ')}'
`;
}

function fishFlag(inCommand: string, flag: string, value: string | undefined, help: string): string[] {
  const said = `-d '${fishQuoted(help)}'`;
  if (value === undefined) return [`${inCommand} -l ${flag} ${said}`, `${inCommand} -l no-${flag} ${said}`];
  const words = /^[a-z]+(\|[a-z]+)+$/.test(value) ? ` -a '${value.replaceAll('|', ' ')}'` : '';
  return [`${inCommand} -l ${flag} -x${words} ${said}`];
}

const fishQuoted = (text: string): string => text.replace(/[\\']/g, '\\$&');
