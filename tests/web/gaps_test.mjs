// Where sound was missing in a captured call, and which hop made it: found on the call's page, and shown on its timeline.

import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { action, assert_accessible, assert_fits, kPhone, launch, log_in, open_page, picture, visit } from './browser.mjs';
import { make_stage, wait_for } from './stage.mjs';

let stage;
let browser;
let page;

before(async () => {
  stage = await make_stage({ AGENTBRIDGE_CAPTURE: 'on' });
  if (stage.mock) stage.mock.exchange.captures = true;
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

/** A call that is over, in which the phone's messages did not come for a while. */
async function stalled_call() {
  const call = await stage.up(stage.humming);
  const streamed = (ms) => wait_for(`${ms} ms of sound`, async () => (await stage.live())[0]?.streamed_ms >= ms);
  await streamed(1500);
  await stage.api('PUT', '/emulator/faults', { pace: 'stall:700ms' });
  await streamed(4000);
  await stage.api('PUT', '/emulator/faults', { pace: 'ok' });
  await stage.hang_up_all();
  return call;
}

test('gaps are looked for when that is wanted, told by hop, and marked on the timeline', async () => {
  const call = await stalled_call();
  page = await open_page(browser);
  const asked = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/capture/report')) asked.push(request.url());
  });
  await log_in(page, stage);
  await visit(page, stage, `/calls/${call.call}`);
  const section = page.locator('[data-gaps]');
  await section.waitFor();
  await page.waitForSelector('.lane-line');
  await page.waitForSelector('.plot');
  assert.deepEqual(asked, [], 'the call is not done again unasked');
  const lane = page.locator('.lane-line.of-gap');
  assert.equal(await lane.count(), 0);
  await assert_accessible(page, 'a captured call');

  await action(section, 'gaps').click();
  const row = section.locator('tbody tr');
  await row.first().waitFor();
  const { status, body } = await stage.api('GET', `/calls/${call.call}/capture/report`);
  assert.equal(status, 200);
  assert.equal(body.same, true);
  assert.ok(
    body.gaps.some((gap) => gap.hop === 'network' && gap.heard_by === 'speaker'),
    JSON.stringify(body.gaps),
  );
  assert.equal(await section.getAttribute('data-gaps'), String(body.gaps.length));
  assert.equal(await row.count(), body.gaps.length);
  const told = await row.allInnerTexts();
  body.gaps.forEach((gap, n) => assert.ok(told[n].includes(gap.why) && told[n].toLowerCase().includes(gap.hop), told[n]));
  assert.match(await section.getByRole('status').first().innerText(), new RegExp(`^${body.gaps.length} gaps?, .*network \\d`));
  assert.match(await section.innerText(), /the call came out the same\./);
  assert.equal(await section.locator('h2').evaluate((heading) => heading === document.activeElement), true);

  assert.equal(await lane.locator('rect').count(), body.gaps.length);
  const label = await page.locator('.plot [role="img"]').first().getAttribute('aria-label');
  assert.ok(label.endsWith(`Gaps: ${body.gaps.length}`), label);
  await page.getByLabel('Show').selectOption('Gaps');
  const events = page.getByRole('region', { name: 'Events of the call' }).locator('tbody tr');
  assert.equal(await events.count(), body.gaps.length);
  assert.match(await events.first().innerText(), /heard by .*, .*length \d+ ms/);
  await assert_accessible(page, 'a call with gaps');
  await picture(page, 'gaps-desk-light');
  await page.setViewportSize(kPhone);
  await assert_fits(page, 'gaps at 360 px');
  await picture(page, 'gaps-phone-light');
  assert.equal(asked.length, 1);
  assert.deepEqual(page.complaints, []);
});

test('a call that has just ended offers it too, and what goes wrong is said in one line', async () => {
  const call = await stage.up(stage.humming);
  page = await open_page(browser, { dark: true });
  await log_in(page, stage);
  await visit(page, stage, `/calls/${call.call}`);
  await page.waitForSelector('[data-call-card]');
  assert.equal(await page.locator('[data-gaps]').count(), 0, 'not while it lives');
  await stage.hang_up_all();
  const look = action(page.locator('[data-gaps]'), 'gaps');
  await look.waitFor();
  if (stage.refuse) {
    stage.refuse(`GET /calls/${call.call}/capture/report`, 404, 'no_capture', 'nothing was captured of this call');
  } else {
    const folder = path.join(stage.folder, 'state', 'agentbridge', 'captures');
    for (const name of readdirSync(folder)) if (name.includes(call.call)) rmSync(path.join(folder, name));
  }
  await look.click();
  const problem = page.locator('[data-gaps] .problem');
  await problem.waitFor();
  assert.match(await problem.innerText(), /^Nothing was captured of this call\./);
  assert.equal(await look.isEnabled(), true, 'it can be tried again');
  await assert_accessible(page, 'gaps that could not be found');
});
