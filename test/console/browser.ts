/** Debian's Chromium, headless, as a person's browser: each page in light or dark, at a size. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Screenshots stay there for whoever wants to look; they are no part of the tree. */
const SCREENSHOTS = fileURLToPath(new URL('../../build/console-screenshots/', import.meta.url));
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
/** On a busy machine everything takes a while, and nothing here measures time. */
const PATIENCE_MS = 60_000;

/** Why there is no browser; empty: there is one. */
export const noBrowser = existsSync(CHROMIUM) ? '' : `${CHROMIUM} is missing; run scripts/setup tests`;

export interface Look {
  readonly theme: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

export class TestBrowser {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(): Promise<TestBrowser> {
    if (noBrowser !== '') throw new Error(noBrowser);
    mkdirSync(SCREENSHOTS, { recursive: true });
    // Its sandbox needs namespaces of a user that root may not have; the pages are our own.
    return new TestBrowser(await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: PATIENCE_MS }));
  }

  /** @param onFault is told of errors in the page, refusals of its security policy among them. */
  async visit(url: string, { theme, width = 1440, height = 900 }: Look, onFault: (fault: string) => void): Promise<Page> {
    const context = await this.#browser.newContext({ colorScheme: theme, viewport: { width, height }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => onFault(error.message));
    page.on('console', (message) => message.type() === 'error' && onFault(message.text()));
    await page.goto(url);
    return page;
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

export async function keepScreenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}
