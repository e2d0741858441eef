/** The Location of a redirect, HTTPRedirect's semantics. */
import type { Head } from '../message/head.ts';
import { type WireText, fieldValue } from '../message/wire-text.ts';
import type { RedirectAction } from '../config/route.ts';

/**
 * @param scheme of the request. @param port of the listener or service on which the request came.
 * @param prefixLength bytes of the path that give way to another prefix; -1: all of them.
 * @returns null when the request and the rule together make no valid value.
 */
export function redirectLocation(config: RedirectAction, head: Head, scheme: string, port: number, prefixLength: number): WireText | null {
  const target = config.scheme ?? scheme;
  const location = fieldValue(`${target}://${authorityOf(config, head, target, port)}${pathOf(config, head, prefixLength)}`);
  return location.ok ? location.text : null;
}

function authorityOf(config: RedirectAction, head: Head, scheme: string, port: number): string {
  const authority = config.authority ?? head.authority();
  if (config.keepsPort === true) return authority;
  if (config.port === undefined) return config.scheme === undefined ? authority : withoutDefaultPort(authority, scheme);
  const host = withoutPort(authority);
  const number = config.port === 'request' ? port : config.port === 'default' ? defaultPort(scheme) : config.port;
  return number === defaultPort(scheme) ? host : `${host}:${number}`;
}

function pathOf(config: RedirectAction, head: Head, prefixLength: number): string {
  const query =
    head.queryEnd > head.queryStart ? `?${Buffer.from(head.bytes.subarray(head.queryStart, head.queryEnd)).toString('latin1')}` : '';
  if (config.path !== undefined) {
    const [target = '', fragment] = config.path.split('#');
    return `${target}${target.includes('?') ? '' : query}${fragment === undefined ? '' : `#${fragment}`}`;
  }
  const path = head.path();
  if (config.prefix !== undefined) return (prefixLength < 0 ? config.prefix : config.prefix + path.slice(prefixLength)) + query;
  return path + query;
}

function defaultPort(scheme: string): number {
  return scheme === 'https' ? 443 : 80;
}

function withoutPort(authority: string): string {
  return authority.replace(/:\d+$/, '');
}

/** A change of scheme makes `:80` and `:443` of the other scheme wrong, and its own default redundant. */
function withoutDefaultPort(authority: string, scheme: string): string {
  return authority.replace(scheme === 'https' ? /:(80|443)$/ : /:(443|80)$/, '');
}
