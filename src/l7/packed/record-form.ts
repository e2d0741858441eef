/**
 * Records of the kinds of which there are many, as one string of bytes each. What is light (light.ts) is in the form in which it lies in
 * the memory that all threads share, so that it is packed once, by whoever makes it.
 *
 *     light = length (2) · length of the id (2) · id · value
 *     other = 0 (2) · value
 *
 * Names of a service stand in its host, its cluster and its routes, so texts are said by each other.
 */
import { PlainReader } from '../../base/plain-data/reader.ts';
import { PlainWriter } from '../../base/plain-data/writer.ts';
import type { EndpointConfig } from '../config/cluster.ts';
import type { VirtualHostConfig } from '../config/route.ts';
import type { RecordKind, SnapshotRecords } from '../snapshot.ts';
import { headerNamesOf } from './header-names.ts';
import { lightAddresses, lightCluster, lightEndpoints, lightVirtualHost } from './light.ts';
import { VOCABULARY } from './words.ts';

/** `endpoints`: all of a cluster, by its id. */
export const PACKED_KINDS = ['clusters', 'virtualHosts', 'addresses', 'endpoints'] as const;
export type PackedKind = (typeof PACKED_KINDS)[number];

export interface PackedValues {
  readonly clusters: SnapshotRecords['clusters'];
  readonly virtualHosts: VirtualHostConfig;
  readonly addresses: SnapshotRecords['addresses'];
  readonly endpoints: readonly EndpointConfig[];
}

/** Of a kind, by its id. Two that are equal are the same string. */
export type PackedRecord<K extends PackedKind = PackedKind> = string & { readonly packedKind: K };

/** A virtual host as it is packed: a worker reads the names of all, and the routes of those that are used. */
export interface PackedVirtualHost extends VirtualHostConfig {
  readonly headerNames?: readonly string[] | undefined;
}

/** The last name of what is read of all virtual hosts. */
export const LAST_NAME = 'local';

export const HEADER = 4;
const NOT_LIGHT_HEADER = 2;
/** Bytes of the longest light record. */
const LONGEST = 16 * 1024;
const FIRST_ROOM = 4096;

const LIGHT: { readonly [K in PackedKind]: (id: string, record: PackedValues[K]) => boolean } = {
  clusters: (_id, record) => lightCluster(record),
  virtualHosts: lightVirtualHost,
  addresses: lightAddresses,
  endpoints: lightEndpoints,
};

const writer = new PlainWriter(VOCABULARY, true);
const reader = new PlainReader(VOCABULARY);
let bytes = Buffer.alloc(FIRST_ROOM);

export function isPackedKind(kind: RecordKind | 'endpoints'): kind is PackedKind {
  return (PACKED_KINDS as readonly string[]).includes(kind);
}

/** @throws TypeError for what is no plain data. */
export function packRecord<K extends PackedKind>(kind: K, id: string, record: PackedValues[K]): PackedRecord<K> {
  const packed = LIGHT[kind](id, record) ? packLight(kind, id, record) : null;
  if (packed !== null) return packed;
  writer.begin(NOT_LIGHT_HEADER);
  writer.value(record);
  writer.written.writeUInt16LE(0, 0);
  return writer.packed as PackedRecord<K>;
}

/** Null: too long. */
function packLight<K extends PackedKind>(kind: K, id: string, record: PackedValues[K]): PackedRecord<K> | null {
  writer.begin(HEADER, id);
  writer.raw(id);
  writer.value(kind === 'virtualHosts' ? routesLast(record as VirtualHostConfig) : record);
  const { written } = writer;
  if (written.length > LONGEST) return null;
  written.writeUInt16LE(written.length, 0);
  written.writeUInt16LE(id.length, 2);
  return writer.packed as PackedRecord<K>;
}

/** Other texts contain the first domain. */
function routesLast(host: VirtualHostConfig): PackedVirtualHost {
  const { layer, port, domains, name, local, routes } = host;
  return { layer, port, domains, name, headerNames: headerNamesOf(host), local, routes };
}

export const isLight = (packed: PackedRecord): boolean => packed.charCodeAt(0) !== 0 || packed.charCodeAt(1) !== 0;

/** Other objects each time. */
export function unpackRecord<K extends PackedKind>(kind: K, id: string, packed: PackedRecord<K>): PackedValues[K] {
  if (packed.length > bytes.length) bytes = Buffer.alloc(2 * packed.length);
  bytes.write(packed, 'latin1');
  if (!isLight(packed)) return reader.read(bytes, NOT_LIGHT_HEADER) as PackedValues[K];
  return readRecord(kind, reader.read(bytes, HEADER + id.length, id));
}

/** A light one as its value is read. */
export function readRecord<K extends PackedKind>(kind: K, value: unknown): PackedValues[K] {
  return (kind === 'virtualHosts' ? withoutHeaderNames(value as PackedVirtualHost) : value) as PackedValues[K];
}

function withoutHeaderNames({ layer, port, domains, name, local, routes }: PackedVirtualHost): VirtualHostConfig {
  return { layer, port, domains, name, local, routes };
}
