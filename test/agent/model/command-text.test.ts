/** The form of Envoy's commands, as its proxies of Istio took and refused them. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { type Command, parseCommandText } from '../../../src/agent/model/command-text.ts';

const command = (name: string, given: string | null = null, length: number | null = null): Command => ({ name, given, length });

t.test('text and commands', async (t) => {
  for (const [text, parts] of [
    ['', []],
    ['plain', ['plain']],
    ['100%% of %%X%%', ['100% of %X%']],
    ['%A%%B_2%', [command('A'), command('B_2')]],
    ['a%A()%b%%', ['a', command('A', ''), 'b%']],
    ['%A(x):10%', [command('A', 'x', 10)]],
    ['%A:10%', [command('A', null, 10)]],
    ['%A(x)y)%', [command('A', 'x)y')]],
    ['%A(%d.%m)% %B(2)%', [command('A', '%d.%m'), ' ', command('B', '2')]],
  ] as const) {
    t.strictSame(parseCommandText(text), { ok: true, parts }, text);
  }
});

t.test('a percent sign that begins no command', async (t) => {
  for (const text of ['%', '50% of', '%a%', '%A', '%A(x', '%A(x) %', '%A(x):%', '%A:b%', '%A(x\ny)%', '%%%']) {
    t.match(parseCommandText(text), { ok: false, fault: /has a % that begins no command, at "%/ }, JSON.stringify(text));
  }
});

t.test('what is written comes back', (t) => {
  const literal = fc.stringMatching(/^[^%]{1,9}$/);
  const name = fc.stringMatching(/^[A-Z0-9_]{1,9}$/);
  const given = fc.option(fc.stringMatching(/^[a-z:?]{0,9}$/));
  const length = fc.option(fc.nat(99_999));
  const made = fc.tuple(name, given, length).map((all) => command(...all));
  const written = (part: string | Command): string =>
    typeof part === 'string'
      ? part
      : `%${part.name}${part.given === null ? '' : `(${part.given})`}${part.length === null ? '' : `:${part.length}`}%`;
  fc.assert(
    fc.property(fc.array(fc.tuple(literal, made)), (pairs) => {
      const parts = pairs.flat();
      t.strictSame(parseCommandText(parts.map(written).join('')), { ok: true, parts });
    }),
  );
  t.end();
});
