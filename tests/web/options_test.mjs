// What can be chosen when a call is dialled, recorded and looked at afterwards: who speaks by address, a call that begins
// muted, what the phone is told of a recording, and what made each gap in the sound.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { action, assert_accessible, assert_fits, card, kPhone, launch, log_in, open_page, picture, visit } from './browser.mjs';
import { make_stage, wait_for } from './stage.mjs';

const kSilent = '+12025550108';

let stage;
let browser;
let page;

before(async () => {
  stage = await make_stage();
  browser = await launch();
});

afterEach(async () => {
  await page?.context().close();
  await stage.hang_up_all();
});

after(async () => {
  await browser?.close();
  await stage?.stop();
});

test('a call is dialled for an agent at an address, and begins muted', async () => {
  page = await open_page(browser);
  await log_in(page, stage, '/dial');
  await page.fill('input[name="to"]', kSilent);
  const dial = action(page.locator('form.dialler'), 'dial');
  await page.getByLabel('Who speaks').selectOption({ label: 'Another agent, by its address' });
  assert.ok(await dial.isDisabled(), 'an address is wanted');
  const address = page.locator('input[name="agent-address"]');
  await address.fill('http://127.0.0.1:9/');
  await page.locator('details summary', { hasText: 'Options' }).click();
  await page.locator('input[name="muted"]').check();
  await assert_accessible(page, 'dial, with an agent by address');
  await picture(page, 'dial-address-desk-light');
  await dial.click();
  await page.locator('.action-note .problem', { hasText: 'agent' }).waitFor();
  assert.deepEqual(await stage.live(), []);

  await address.fill('ws://127.0.0.1:9/bot');
  await dial.click();
  await page.waitForSelector('main [data-call-card]');
  const [call] = await stage.live();
  assert.equal(call.agent.name, 'ws://127.0.0.1:9/bot');
  await wait_for('it is muted', async () => (await stage.live())[0]?.local.muted);
  await card(page, call).locator('[data-action="mute"]', { hasText: 'Muted' }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test('the phone is told of its recording as is chosen', { skip: !process.env.E2E_PROGRAM }, async () => {
  const quiet = await stage.up(kSilent);
  page = await open_page(browser, kPhone);
  await log_in(page, stage);
  const of = card(page, quiet);
  await of.locator('select[name="notice"]').selectOption('beep');
  await assert_accessible(page, 'a call that may be recorded');
  await assert_fits(page, 'a call that may be recorded');
  await action(of, 'record').click();
  await of.locator('[data-recording="recording"]').waitFor();
  const loud = async () => {
    const said = await stage.emulated(`/calls/${quiet.call_sid}/heard.wav`);
    // 0xff and 0x7f are mu-law's silence.
    return Array.from(said.slice(60)).filter((byte) => (byte & 0x7f) < 0x60).length;
  };
  await wait_for('the phone hears the beep to its end', async () => (await loud()) > 0.3 * 8000);
  assert.ok((await loud()) < 0.6 * 8000, 'and no more than a beep');
  assert.equal(await of.locator('select[name="notice"]').count(), 0, 'it has begun');
  assert.deepEqual(page.complaints, []);
});

test('the capture of a call tells what made the gaps in its sound', { skip: !process.env.E2E_PROGRAM }, async () => {
  const number = '+12025550177';
  await stage.persona(number, 'tone:440,repeat=yes,hangup=no,frames=missing%5,pace=stall:400ms@1s');
  const call = await stage.up(number);
  await wait_for('three seconds were heard', async () => (await stage.live())[0]?.streamed_ms > 3000);
  await stage.hang_up_all();
  page = await open_page(browser);
  await log_in(page, stage);
  await visit(page, stage, `/calls/${call.call}`);
  await action(page, 'gaps').click();
  const words = page.locator('[data-gaps]');
  await words.waitFor();
  const count = Number(await words.getAttribute('data-gaps'));
  assert.ok(count > 0, await words.innerText());
  assert.match(await words.innerText(), /^(One gap|\d+ gaps), .* in all: .*network \d+/);
  assert.equal(await page.locator('tr.of-gap').filter({ hasText: 'ms' }).count(), 2 * count, 'in the table, and on the timeline');
  assert.equal(await page.locator('.lane-line.of-gap rect').count(), count);
  await page.getByLabel('Show', { exact: false }).selectOption({ label: 'Gaps' });
  assert.equal(await page.locator('section[aria-labelledby="timeline"] tbody tr').count(), count);
  const told = (await stage.api('GET', `/calls/${call.call}/capture/report`)).body;
  assert.equal(told.gaps.length, count);
  assert.ok(told.same);
  await assert_accessible(page, 'gaps of a call');
  await picture(page, 'gaps-desk-light');
  await page.setViewportSize({ width: 360, height: 740 });
  await assert_fits(page, 'gaps of a call');
  await picture(page, 'gaps-phone-light');
  assert.deepEqual(page.complaints, []);
});
