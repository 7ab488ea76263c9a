// The server goes away and comes back: the page says so at once, offers nothing that would not work, and is back within
// three seconds with what is true then.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { action, assert_accessible, card, launch, log_in, open_page, picture, visit } from './browser.mjs';
import { make_stage, wait_for } from './stage.mjs';

let stage;
let browser;

before(async () => {
  stage = await make_stage();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stage?.stop();
});

const enabled_actions = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('main [data-action]')].filter((button) => !button.disabled).map((button) => button.dataset.action),
  );

test('a server that is gone is said to be gone, no button works meanwhile, and it is back within three seconds', async () => {
  const { body: call } = await stage.api('POST', '/calls', {
    to: '+12025550101',
  });
  await wait_for('the call is up', async () => (await stage.live()).some((one) => one.streaming), 15_000);
  const page = await open_page(browser);
  await log_in(page, stage);
  const of = card(page, call);
  await action(of, 'hold').waitFor();
  assert.ok((await enabled_actions(page)).includes('hold'));

  const gone = Date.now();
  await stage.go_away();
  await page.waitForSelector('[data-banner="lost"]', { timeout: 3000 });
  console.log(`said to be gone after ${Date.now() - gone} ms`);
  assert.deepEqual(await enabled_actions(page), []);
  await assert_accessible(page, 'connection lost');
  await picture(page, 'lost-desk-light');
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.deepEqual(await enabled_actions(page), []);

  await stage.come_back();
  const back = Date.now();
  await page.waitForSelector('[data-connection="live"]', { timeout: 3000 });
  console.log(`back after ${Date.now() - back} ms`);
  await page.waitForSelector('[data-banner="lost"]', { state: 'detached' });
  await of.waitFor({ state: 'detached' });
  await page.context().close();
});

test('every screen offers nothing while the server is gone', async () => {
  const page = await open_page(browser);
  await log_in(page, stage, '/settings');
  await page.waitForSelector('.findings li', { timeout: 60_000 });
  await visit(page, stage, '/emulator');
  await page.waitForSelector('.fault-grid');
  await stage.go_away();
  await page.waitForSelector('[data-banner="lost"]', { timeout: 3000 });
  assert.deepEqual(await enabled_actions(page), []);
  await page.getByRole('link', { name: 'Dial' }).click();
  await page.waitForSelector('form.dialler');
  assert.deepEqual(await enabled_actions(page), []);
  await page.context().close();
  await stage.come_back();
});
