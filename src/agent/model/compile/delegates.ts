/**
 * Delegation: a rule of a VirtualService with hosts stands for those of one without, each of which keeps what it says itself and takes
 * the rest from the rule. One level only. Names in what is taken over are the root's.
 */
import type { ConditionMap, HttpMatchRequest, HttpRoute, StringCondition } from '../objects.ts';
import type { FieldPath, ObjectRef } from '../problem.ts';
import { fullName } from './hosts.ts';
import { gatewayName } from './gateway-names.ts';

/** A rule with what its names and problems belong to. */
export interface BoundRule {
  readonly rule: HttpRoute;
  readonly ref: ObjectRef;
  readonly path: FieldPath;
  /** In which its short names are. */
  readonly namespace: string;
}

export interface Delegate {
  readonly rules: readonly BoundRule[];
  /** Null: all. */
  readonly exportTo: readonly string[] | null;
}

/** Null: the two match nothing in common, as Istio sees it. */
export function mergedRule(root: BoundRule, { rule, ...rest }: BoundRule, clusterDomain: string): BoundRule | null {
  const from = inFull(root.rule, root.namespace, clusterDomain);
  const leaf = inFull(rule, rest.namespace, clusterDomain);
  const match = mergedMatches(from.match ?? [], leaf.match ?? []);
  if (match === null) return null;
  const { delegate: _, match: __, route: ___, redirect: ____, name: own, ...taken } = from;
  const name = [own, leaf.name].filter((part) => part !== undefined && part !== '').join('-');
  return { ...rest, rule: { ...taken, ...leaf, ...(name !== '' && { name }), ...(match.length > 0 && { match }) } };
}

function inFull(rule: HttpRoute, namespace: string, clusterDomain: string): HttpRoute {
  const { match, mirror, mirrors } = rule;
  return {
    ...rule,
    ...(match !== undefined && {
      match: match.map((request) => ({
        ...request,
        ...(request.gateways !== undefined && { gateways: request.gateways.map((name) => gatewayName(name, namespace)) }),
      })),
    }),
    ...(mirror !== undefined && { mirror: { ...mirror, host: fullName(mirror.host, namespace, clusterDomain) } }),
    ...(mirrors !== undefined && {
      mirrors: mirrors.map(({ destination, ...share }) => ({
        ...share,
        destination: { ...destination, host: fullName(destination.host, namespace, clusterDomain) },
      })),
    }),
  };
}

/** Each of the leaf's conditions within each of the root's that it does not contradict; null: one of them contradicts all. */
function mergedMatches(root: readonly HttpMatchRequest[], leaf: readonly HttpMatchRequest[]): readonly HttpMatchRequest[] | null {
  if (root.length === 0) return leaf;
  if (leaf.length === 0) return root;
  const merged: HttpMatchRequest[] = [];
  for (const inner of leaf) {
    const fitting = root.filter((outer) => !contradicts(outer, inner));
    if (fitting.length === 0) return null;
    merged.push(...fitting.map((outer) => mergedMatch(outer, inner)));
  }
  return merged;
}

function mergedMatch(root: HttpMatchRequest, leaf: HttpMatchRequest): HttpMatchRequest {
  const name = [root.name, leaf.name].filter((part) => part !== undefined && part !== '').join('-');
  const maps = {
    ...both('headers', root, leaf),
    ...both('withoutHeaders', root, leaf),
    ...both('queryParams', root, leaf),
    ...both('sourceLabels', root, leaf),
  };
  return { ...root, ...leaf, ...maps, ...(name !== '' && { name }) };
}

type MapField = 'headers' | 'withoutHeaders' | 'queryParams' | 'sourceLabels';

function both(field: MapField, root: HttpMatchRequest, leaf: HttpMatchRequest): Partial<HttpMatchRequest> {
  const merged = { ...root[field], ...leaf[field] };
  return Object.keys(merged).length === 0 ? {} : { [field]: merged };
}

function contradicts(root: HttpMatchRequest, leaf: HttpMatchRequest): boolean {
  const texts = (['uri', 'scheme', 'method', 'authority'] as const).some((field) => textContradicts(root[field], leaf[field]));
  const maps = (['headers', 'withoutHeaders', 'queryParams'] as const).some((field) => mapContradicts(root[field], leaf[field]));
  return texts || maps || contextContradicts(root, leaf);
}

/** What does not depend on the request. */
function contextContradicts(root: HttpMatchRequest, leaf: HttpMatchRequest): boolean {
  if ((root.ignoreUriCase === true) !== (leaf.ignoreUriCase === true)) return true;
  if (root.port !== undefined && leaf.port !== undefined && root.port !== leaf.port) return true;
  // As in Istio, the leaf must name it too.
  if (root.sourceNamespace && leaf.sourceNamespace !== root.sourceNamespace) return true;
  const labels = Object.entries(leaf.sourceLabels ?? {});
  if (labels.some(([key, value]) => root.sourceLabels?.[key] !== undefined && root.sourceLabels[key] !== value)) return true;
  const { gateways: outer = [] } = root;
  const { gateways: inner = [] } = leaf;
  return outer.length > 0 && inner.some((gateway) => !outer.includes(gateway));
}

function mapContradicts(root: ConditionMap | undefined, leaf: ConditionMap | undefined): boolean {
  return Object.entries(leaf ?? {}).some(([key, condition]) => textContradicts(root?.[key], condition));
}

/** The leaf must name a part of what the root names; expressions are not compared. */
function textContradicts(root: StringCondition | null | undefined, leaf: StringCondition | null | undefined): boolean {
  if (root === undefined || root === null || leaf === undefined || leaf === null) return false;
  const any = ({ exact, prefix, regex }: StringCondition): boolean => Boolean(exact) || Boolean(prefix) || Boolean(regex);
  if (root.regex && any(leaf)) return true;
  if (leaf.regex && any(root)) return true;
  if (root.exact) return Boolean(leaf.prefix) || leaf.exact !== root.exact;
  if (root.prefix) {
    const inner = leaf.prefix || leaf.exact;
    if (inner) return !inner.startsWith(root.prefix);
  }
  return true;
}
