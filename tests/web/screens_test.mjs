// Every screen, dark and light, at a desk and 360 px wide: axe-core finds nothing, nothing sticks out, nothing is
// complained about. The pictures are in the build folder's web-pictures.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { action, assert_accessible, assert_fits, card, kDesktop, kPhone, launch, log_in, open_page, picture, visit } from './browser.mjs';
import { make_stage, wait_for } from './stage.mjs';

let stage;
let browser;
let agent_call;
let ended_call;
let kept_call;

before(async () => {
  stage = await make_stage();
  browser = await launch();
  const gone = (await stage.api('POST', '/calls', { to: '+12025550103' })).body;
  await wait_for('a call is over', async () => (await stage.live()).every((call) => call.call !== gone.call));
  ended_call = gone.call;
  kept_call = (await stage.up(stage.humming, { record: true, transcribe: true })).call;
  await wait_for('it was heard', async () => (await stage.transcript_of({ call: kept_call }))?.pieces.length > 3, 20_000);
  await stage.hang_up_all();
  await stage.api('POST', '/calls', { to: '+12025550101' });
  await wait_for('the call is up', async () => (await stage.live()).some((call) => call.state === 'in-progress'), 20_000);
});

/** A conversation that outlasts one look at every screen: the receptionist ends it when all is said, after a minute. */
async function talk_to_an_agent() {
  const to = '+12025550109';
  agent_call = (await stage.api('POST', '/calls', { to, agent: 'local', focus: false, record: true, transcribe: true })).body;
  await wait_for(
    'the agent is on the call',
    async () => (await stage.live()).some((call) => call.call === agent_call.call && call.state === 'in-progress'),
    20_000,
  );
}

after(async () => {
  await browser?.close();
  await stage?.stop();
});

const kLooks = [
  ['desk-light', { viewport: kDesktop }],
  ['desk-dark', { viewport: kDesktop, dark: true }],
  ['phone-light', { viewport: kPhone, scale: 2 }],
  ['phone-dark', { viewport: kPhone, dark: true, scale: 2, reduced: true }],
  // 1280 px at 200 % zoom.
  ['zoom', { viewport: { width: 640, height: 430 }, scale: 2 }],
];

const kScreens = [
  ['live', '/', (page) => page.waitForSelector('.waveform')],
  ['dial', '/dial', (page) => page.waitForSelector('.pick')],
  ['history', '/history', (page) => page.waitForSelector('.row')],
  ['call-live', () => `/calls/${agent_call.call}`, (page) => page.waitForSelector('.lane-line')],
  ['call-ended', () => `/calls/${ended_call}`, (page) => page.waitForSelector('.figures')],
  ['call-kept', () => `/calls/${kept_call}`, (page) => page.waitForSelector('.word')],
  ['history-search', '/history?q=three', (page) => page.waitForSelector('.found')],
  ['recordings', '/recordings', (page) => page.waitForSelector('.row')],
  ['settings', '/settings', (page) => page.waitForSelector('.findings li', { timeout: 60_000 })],
  ['emulator', '/emulator', (page) => page.waitForSelector('.fault-grid')],
  ['nowhere', '/nowhere', (page) => page.waitForSelector('.empty')],
];

for (const [look, options] of kLooks) {
  test(`every screen: ${look}`, async () => {
    const page = await open_page(browser, options);
    await page.goto(stage.origin);
    await page.waitForSelector('input[name="token"]');
    await assert_accessible(page, `login ${look}`);
    await picture(page, `login-${look}`);
    await log_in(page, stage);
    await talk_to_an_agent();
    for (const [name, where, ready] of kScreens) {
      await visit(page, stage, typeof where === 'string' ? where : where());
      await ready(page);
      await wait_for('levels have come', () => page.evaluate(() => new Promise((resolve) => setTimeout(() => resolve(true), 400))));
      await assert_fits(page, `${name} ${look}`);
      await assert_accessible(page, `${name} ${look}`);
      await picture(page, `${name}-${look}`);
    }
    await dialogs(page, look);
    await stage.api('DELETE', `/calls/${agent_call.call}`);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
}

async function dialogs(page, look) {
  await visit(page, stage, '/');
  const of = card(page, agent_call);
  for (const name of ['keypad', 'transfer', 'agent', 'say', 'hangup']) {
    await action(of, name).click();
    await page.waitForSelector(`[data-dialog="${name}"]`);
    await assert_fits(page, `${name} ${look}`);
    await assert_accessible(page, `${name} ${look}`);
    await picture(page, `dialog-${name}-${look}`);
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
  }
  await page.keyboard.press('?');
  await page.waitForSelector('[data-dialog="help"]');
  await assert_accessible(page, `help ${look}`);
  await picture(page, `dialog-help-${look}`);
  await page.keyboard.press('Escape');
  await stage.incoming('+14155550123');
  await page.waitForSelector('[data-dialog="incoming"]');
  await assert_accessible(page, `incoming ${look}`);
  await picture(page, `incoming-${look}`);
  await action(page.locator('[data-dialog="incoming"]'), 'reject').click();
  await page.waitForSelector('dialog', { state: 'detached' });
}
