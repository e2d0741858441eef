/** `exportTo`: for which namespaces an object is there, with Istio's rules (validateExportTo). */
import { z } from 'zod';
import { dnsLabel } from './names.ts';

interface Exported {
  readonly metadata: { readonly namespace?: string | undefined };
  readonly spec: { readonly exportTo?: readonly string[] | undefined };
}

/** What depends on the object's own namespace, whose name says the same as `.`. */
export function checkExports({ metadata, spec }: Exported, context: z.RefinementCtx): void {
  const { namespace = 'default' } = metadata;
  const { exportTo = [] } = spec;
  const own = exportTo.indexOf(namespace);
  if (own < 0 || !exportTo.includes('.')) return;
  context.addIssue({ code: 'custom', path: ['spec', 'exportTo', own], message: `“.” is ${namespace}, too` });
}

/** @param nobody whether `~` is allowed. */
export function visibility({ nobody }: { readonly nobody: boolean }) {
  return z.array(z.string()).superRefine((entries, context) => {
    const complain = (index: number, message: string): void => context.addIssue({ code: 'custom', path: [index], message });
    entries.forEach((entry, index) => {
      if (entries.indexOf(entry) !== index) complain(index, `“${entry}” is already given`);
      if (entry === '~' && !nobody) complain(index, 'must be . or * or a namespace');
      if (entry === '~' && nobody && entries.length > 1) complain(index, '~ stands alone');
      if (entry === '*' && entries.length > 1) complain(index, '* stands alone');
      if (!['*', '.', '~'].includes(entry) && !dnsLabel.safeParse(entry).success) complain(index, 'must be . or * or a namespace');
    });
  });
}
