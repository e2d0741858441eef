/** The files of one build. Assets carry a hash of their content in their name, so a build knows only its own. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { iconIco, iconPng } from './icon.ts';

export interface StaticFile {
  readonly type: string;
  readonly body: Buffer;
  readonly cache: string;
}

export type Site = ReadonlyMap<string, StaticFile>;

interface Theme {
  readonly icon: readonly [number, number, number];
  readonly colours: Readonly<Record<string, string>>;
}

export const BUILDS = {
  white: {
    icon: [70, 84, 104],
    colours: { brand: '#465468', 'brand-dark': '#b7c6dc', tint: '#f4f6f8', 'tint-dark': '#12171c' },
  },
  green: {
    icon: [23, 122, 70],
    colours: { brand: '#177a46', 'brand-dark': '#6fd6a0', tint: '#e3f3e9', 'tint-dark': '#0d1f16' },
  },
} as const satisfies Record<string, Theme>;

export type Build = keyof typeof BUILDS;

/** A hashed name never changes its content; the page and the icons do with the next build. */
const FOREVER = 'public, max-age=31536000, immutable';
const REVALIDATE = 'no-cache';

export async function site(build: Build, pod: string): Promise<Site> {
  const { icon, colours } = BUILDS[build];
  const css = `${palette(colours)}\n${await source('main.css')}`;
  const js = fill(await source('main.js'), { build });
  const names = { css: hashed('main', css, 'css'), js: hashed('main', js, 'js') };
  const html = fill(await source('index.html'), { ...names, build, pod });
  const png = iconPng(icon);
  return new Map([
    ['/', text('text/html; charset=utf-8', html, REVALIDATE)],
    ['/index.html', text('text/html; charset=utf-8', html, REVALIDATE)],
    [`/static/css/${names.css}`, text('text/css; charset=utf-8', css, FOREVER)],
    [`/static/js/${names.js}`, text('text/javascript; charset=utf-8', js, FOREVER)],
    ['/sa-icon.png', { type: 'image/png', body: png, cache: REVALIDATE }],
    ['/sa-icon.ico', { type: 'image/x-icon', body: iconIco(png), cache: REVALIDATE }],
    ['/favicon.ico', { type: 'image/x-icon', body: iconIco(png), cache: REVALIDATE }],
    ['/manifest.json', text('application/json', JSON.stringify({ name: 'How does it sound?', start_url: '/' }), REVALIDATE)],
  ]);
}

function source(name: string): Promise<string> {
  return readFile(new URL(`page/${name}`, import.meta.url), 'utf8');
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}

function palette(colours: Readonly<Record<string, string>>): string {
  const properties = Object.entries(colours).map(([name, colour]) => `  --${name}: ${colour};`);
  return `:root {\n${properties.join('\n')}\n}`;
}

function hashed(stem: string, content: string, extension: string): string {
  return `${stem}.${createHash('sha256').update(content).digest('hex').slice(0, 8)}.${extension}`;
}

function text(type: string, content: string, cache: string): StaticFile {
  return { type, body: Buffer.from(content), cache };
}
