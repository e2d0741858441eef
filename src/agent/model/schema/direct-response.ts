/** networking.istio.io HTTPDirectResponse. */
import { z } from 'zod';
import { type Fault, judged, present, text } from './fields.ts';

const KIB = 1024;
const LARGEST = 1024 * KIB;
const LARGE = 100 * KIB;
/** RFC 4648, both alphabets, as protobuf's JSON reads bytes. */
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Both forms become bytes, as characters below 256. */
const body = z
  .object({
    string: present(text.transform((value) => Buffer.from(value, 'utf8').toString('latin1'))).optional(),
    bytes: present(
      z
        .string()
        .regex(BASE64, { error: 'is not base64', abort: true })
        .transform((value) => Buffer.from(value, 'base64').toString('latin1')),
    ).optional(),
  })
  .superRefine((value, context) => {
    const complain = (message: string): void => context.addIssue({ code: 'custom', message });
    if (value.string !== undefined && value.bytes !== undefined) complain('string and bytes exclude each other');
    if (sizeOf(value) > LARGEST) complain('the body has more than 1 MiB');
  });

const sizeOf = ({ string, bytes }: { readonly string?: string | undefined; readonly bytes?: string | undefined }): number =>
  (string ?? bytes ?? '').length;

const block = z.object({ status: z.number().int().min(200).max(600), body: body.optional() });
type Block = z.output<typeof block>;

function faults({ status, body: content = {} }: Block): Fault[] {
  const found: Fault[] = [];
  // Istio accepts it; its proxies refuse the whole configuration for it.
  if (status === 600) found.push({ path: ['status'], reason: 'no response has this status; the rule is left out' });
  if (sizeOf(content) > LARGE) {
    found.push({ path: ['body'], reason: 'bodies of more than 100 KiB make the configuration large', severity: 'warning' });
  }
  return found;
}

export const directResponse = judged(block, faults).transform(({ status, body: content = {} }) => ({
  status,
  body: content.string ?? content.bytes ?? '',
}));
