#!/usr/bin/env node
/** The command line: `nodeway COMMAND …`. */
import { processEnvironment } from './agent/config.ts';
import { ownVersion } from './agent/version.ts';
import { CommandError, ExitCode, codeOf } from './base/errors.ts';
import { COMMANDS } from './cli/commands.ts';
import { helpOn, overview } from './cli/help.ts';

// Who reads may leave, as head does.
process.stdout.on('error', (error) => process.exit(codeOf(error) === 'EPIPE' ? ExitCode.Ok : ExitCode.Fault));
process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const [name = 'help', ...args] = words;
  if (name === 'help' || name === '--help' || name === '-h') return help(args[0]);
  if (name === 'version' || name === '--version' || name === '-v') return say(`nodeway ${ownVersion()} (Node.js ${process.version})\n`);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return misused(`there is no command "${name}"`);
  if (args.includes('--help') || args.includes('-h')) return help(name);
  try {
    const run = await command.load();
    return await run({ args, environment: processEnvironment(), terminal: process });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`nodeway ${name}: ${error.message}\n`);
    return error.exitCode;
  }
}

function help(name: string | undefined): number {
  const text = name === undefined ? overview() : helpOn(name);
  return text === null ? misused(`there is no command "${name}"`) : say(text);
}

function say(text: string): number {
  process.stdout.write(text);
  return ExitCode.Ok;
}

function misused(what: string): number {
  process.stderr.write(`nodeway: ${what}; commands: ${[...Object.keys(COMMANDS), 'help', 'version'].join(', ')}\n`);
  return ExitCode.Usage;
}
