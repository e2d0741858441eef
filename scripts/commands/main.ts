/** Prints docs/reference/commands.md: what `nodeway help` says of each command. */
import { COMMANDS } from '../../src/cli/commands.ts';
import { helpOn } from '../../src/cli/help.ts';

const pages = Object.keys(COMMANDS).map((name) => `## ${name}\n\n\`\`\`text\n${(helpOn(name) ?? '').trimEnd()}\n\`\`\`\n`);

process.stdout.write(`# Help of the commands

\`nodeway help COMMAND\` prints this; \`scripts/generate-commands\` writes this page. [Commands and flags](flags.md) is the
short form. \`nodeway completion bash\` (or zsh, fish) prints what makes a shell complete all of it.

${pages.join('\n')}`);
