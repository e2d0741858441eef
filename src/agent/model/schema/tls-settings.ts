/** ServerTLSSettings and ClientTLSSettings, with the rules of Istio's own validation (validateTLSOptions, ValidateTLS). */
import { z } from 'zod';
import { present, text } from './fields.ts';

const VERSIONS = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'] as const;

const certificate = { serverCertificate: text.optional(), privateKey: text.optional(), caCertificates: text.optional() };
const fields = z.object({
  ...certificate,
  httpsRedirect: z.boolean().optional(),
  mode: z.enum(['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL']).optional(),
  caCrl: text.optional(),
  credentialName: text.optional(),
  credentialNames: z.array(text).optional(),
  caCertCredentialName: text.optional(),
  tlsCertificates: z.array(z.object(certificate)).optional(),
  subjectAltNames: z.array(text).optional(),
  verifyCertificateSpki: z.array(text).optional(),
  verifyCertificateHash: z.array(text).optional(),
  minProtocolVersion: z.enum(VERSIONS).optional(),
  maxProtocolVersion: z.enum(VERSIONS).optional(),
  cipherSuites: z.array(text).optional(),
  insecureSkipVerify: present(z.boolean()).optional(),
});
export type ServerTls = z.output<typeof fields>;
type Complain = (path: string[], message: string) => void;

/** Of mode ISTIO_MUTUAL, whose certificates are the mesh's own. */
const OWN = ['serverCertificate', 'privateKey', 'caCertificates', 'tlsCertificates', 'credentialName', 'credentialNames'] as const;

function complainOfSources(given: ServerTls, complain: Complain): void {
  const { serverCertificate, privateKey, credentialName, credentialNames, tlsCertificates } = given;
  const files = serverCertificate !== undefined && privateKey !== undefined;
  const sources = [files, credentialName !== undefined, credentialNames !== undefined, tlsCertificates !== undefined];
  if (sources.filter(Boolean).length > 1)
    complain([], 'only one of credentialName, credentialNames, tlsCertificates, and serverCertificate with privateKey may be given');
}

function complainOfCertificates(given: ServerTls, complain: Complain): void {
  const { mode = 'PASSTHROUGH', caCertificates, tlsCertificates } = given;
  if (mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') return;
  if (mode !== 'SIMPLE' && caCertificates === undefined)
    complain(['caCertificates'], `${mode} needs the certificates of the clients' authorities`);
  (tlsCertificates ?? [given]).forEach((one, index) => {
    const at = tlsCertificates === undefined ? [] : ['tlsCertificates', String(index)];
    if (one.serverCertificate === undefined) complain([...at, 'serverCertificate'], `${mode} needs a certificate`);
    if (one.privateKey === undefined) complain([...at, 'privateKey'], `${mode} needs a private key`);
  });
}

function complainOfServer(given: ServerTls, complain: Complain): void {
  const { mode, caCrl, credentialName, credentialNames } = given;
  if (mode === 'ISTIO_MUTUAL') {
    for (const field of OWN) if (given[field] !== undefined) complain([field], 'ISTIO_MUTUAL has the certificates of the mesh');
    return;
  }
  complainOfSources(given, complain);
  const terminates = mode !== undefined && mode !== 'PASSTHROUGH' && mode !== 'AUTO_PASSTHROUGH';
  if (terminates && (credentialName !== undefined || credentialNames !== undefined)) return;
  complainOfCertificates(given, complain);
  if (caCrl === undefined) return;
  if (credentialName !== undefined) complain(['caCrl'], 'the revocation list belongs into the credential');
  if (mode === 'SIMPLE') complain(['caCrl'], 'SIMPLE has no clients whose certificates could be revoked');
}

export const serverTls = fields.superRefine((given, context) => {
  complainOfServer(given, (path, message) => context.addIssue({ code: 'custom', path, message }));
});

const CONFIG_MAP = /^configmap:\/\/[^/]+\/[^/]+$/;

const clientFields = z.object({
  mode: z.enum(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']).optional(),
  clientCertificate: text.optional(),
  privateKey: text.optional(),
  caCertificates: text.optional(),
  caCrl: text.optional(),
  credentialName: text
    // Of which namespace it must be, the schema does not know.
    .refine((name) => !name.startsWith('configmap://') || CONFIG_MAP.test(name), 'must be configmap://NAMESPACE/NAME')
    .optional(),
  subjectAltNames: z.array(text).optional(),
  sni: text.optional(),
  insecureSkipVerify: present(z.boolean()).optional(),
});
type ClientTls = z.output<typeof clientFields>;

function complainOfUnverified({ mode, caCertificates, credentialName, subjectAltNames }: ClientTls, complain: Complain): void {
  const message = 'insecureSkipVerify verifies nothing';
  if (mode !== 'SIMPLE' && mode !== 'MUTUAL') return;
  if (caCertificates !== undefined) complain(['caCertificates'], message);
  if (subjectAltNames !== undefined) complain(['subjectAltNames'], message);
  if (mode === 'SIMPLE' && credentialName !== undefined) complain(['credentialName'], message);
}

function complainOfClient(given: ClientTls, complain: Complain): void {
  const { mode, credentialName } = given;
  if (given.insecureSkipVerify === true) complainOfUnverified(given, complain);
  if ((mode === 'SIMPLE' || mode === 'MUTUAL') && credentialName !== undefined) {
    for (const field of ['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const)
      if (given[field] !== undefined) complain([field], 'credentialName says it');
  } else if (mode === 'MUTUAL') {
    if (given.clientCertificate === undefined) complain(['clientCertificate'], 'MUTUAL needs a certificate');
    if (given.privateKey === undefined) complain(['privateKey'], 'MUTUAL needs a private key');
  }
}

export const clientTls = clientFields.superRefine((given, context) => {
  complainOfClient(given, (path, message) => context.addIssue({ code: 'custom', path, message }));
});
