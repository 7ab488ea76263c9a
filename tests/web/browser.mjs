// Debian's Chromium, driven by playwright-core: pages of both widths and colours, pictures of them, and axe-core's verdict.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { note_answers } from './answers.mjs';

const require = createRequire(import.meta.url);
const { chromium } = require('playwright-core');
const { source: kAxe } = require('axe-core');

const kPictures = process.env.WEB_PICTURES ?? path.join(process.env.E2E_BUILD ?? 'build', 'web-pictures');
const kBrowsers = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

export function browser_path() {
  return process.env.CHROMIUM ?? kBrowsers.find((file) => existsSync(file));
}

export async function launch(more = []) {
  return chromium.launch({
    executablePath: browser_path(),
    headless: true,
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--disable-gpu', ...more],
  });
}

export const kDesktop = { width: 1280, height: 860 };
export const kPhone = { width: 360, height: 740 };

/** A page of its own context. What it complains about is collected in page.complaints. `foreign`: scripts of the test's own may run in it. */
export async function open_page(browser, { viewport = kDesktop, dark = false, reduced = false, scale = 1, foreign = false } = {}) {
  const context = await browser.newContext({
    viewport,
    deviceScaleFactor: scale,
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: reduced ? 'reduce' : 'no-preference',
    bypassCSP: foreign,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  note_answers(page);
  page.complaints = [];
  page.on('console', (message) => {
    // Answers that say no are told to the console by the browser itself; tests ask for some of them.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) page.complaints.push(message.text());
  });
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  return page;
}

export async function log_in(page, stage, where = '/') {
  await page.goto(stage.link);
  await page.waitForSelector('[data-connection="live"]');
  if (where !== '/') await visit(page, stage, where);
}

export async function visit(page, stage, where) {
  await page.goto(stage.origin + where);
  await page.waitForSelector('[data-connection="live"]');
  await page.waitForSelector('main h1');
}

export async function picture(page, name) {
  mkdirSync(kPictures, { recursive: true });
  await page.screenshot({
    path: path.join(kPictures, `${name}.png`),
    fullPage: true,
    animations: 'disabled',
  });
}

/** Nothing sticks out to the right. */
export async function assert_fits(page, what) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= window, `${what}: ${wide} px wide in a window of ${window} px`);
}

export async function assert_accessible(page, what) {
  // Evaluated through the debugger, so the page's Content-Security-Policy stays as it is.
  await page.evaluate(kAxe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const words = violations.map(
    (one) =>
      `${one.id} (${one.impact}): ${one.help}\n${one.nodes
        .slice(0, 4)
        .map((node) => `    ${node.html}\n    ${node.failureSummary}`)
        .join('\n')}`,
  );
  if (words.length > 0) assert.fail(`${what}: axe-core finds\n${words.join('\n')}`);
}

export const card = (page, call) => page.locator(`main [data-call-card="${call.call}"]`);
export const action = (where, name) => where.locator(`[data-action="${name}"]`);
