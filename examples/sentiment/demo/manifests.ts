/** Kubernetes objects as the demonstration reads them: from files, with what it needs to understand of them. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type Document, isCollection, parseAllDocuments, parseDocument, visit } from 'yaml';

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // The rest is read where it is understood; what the demonstration does not understand it hands on as it is.
  readonly [field: string]: unknown;
}

export interface Manifest {
  readonly object: KubeObject;
  /** The file it came from, as a person would name it. */
  readonly file: string;
}

export interface Deployment extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly template: { readonly metadata: { readonly labels: Readonly<Record<string, string>> }; readonly spec: PodSpec };
  };
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly persistentVolumeClaim?: { readonly claimName: string } }[];
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef?: { fieldPath: string } };
  }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface Service extends KubeObject {
  readonly spec: {
    readonly clusterIP?: string;
    readonly selector: Readonly<Record<string, string>>;
    readonly ports: readonly { readonly name?: string; readonly port: number; readonly targetPort?: number | string }[];
  };
}

export function isDeployment(object: KubeObject): object is Deployment {
  return object.kind === 'Deployment';
}

export function isService(object: KubeObject): object is Service {
  return object.kind === 'Service';
}

export function namespaceOf(object: KubeObject): string {
  return object.metadata.namespace ?? 'default';
}

/** Every object in the YAML files below a directory. */
export async function readManifests(directory: string): Promise<Manifest[]> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => /\.ya?ml$/.test(name)).sort();
  const lists = await Promise.all(names.map((name) => readManifestFile(join(directory, name), directory)));
  return lists.flat();
}

async function readManifestFile(path: string, directory: string): Promise<Manifest[]> {
  const file = relative(directory, path);
  const documents = parseAllDocuments(await readFile(path, 'utf8')) as Document[];
  return documents.flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${path}: ${error.message}`);
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [{ object, file }];
  });
}

/** The YAML of an object's rules as a person would jot them down: what fits on a line stands on one. */
export function shorthand(object: KubeObject, width: number): string {
  const { labels, annotations } = object.metadata;
  const document = parseDocument(JSON.stringify(object['spec'] ?? object['data'] ?? { labels, annotations }));
  visit(document, {
    Collection: (_key, node, path) => {
      const top = path.length <= 1;
      node.flow = !top && JSON.stringify(node).length + path.length * 2 <= width;
      return undefined;
    },
    Scalar: (_key, node) => {
      delete node.type; // as plain as it can be, instead of JSON's quotes
    },
  });
  if (isCollection(document.contents)) document.contents.flow = false;
  return document.toString({ lineWidth: 0, flowCollectionPadding: true }).trimEnd();
}
