// Whole calls on the page, to their end: dialled, heard, spoken into, handed over cold and warm. What each phone hears of it is the
// judge: every phone hums its own tone, and so does the browser's microphone.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { action, assert_accessible, card, log_in, picture, visit } from './browser.mjs';
import { listening_page, strength } from './ears.mjs';
import { with_microphone } from './microphone.mjs';
import { wait_for } from './stage.mjs';
import { tone } from './tones.mjs';

const kMicrophoneHertz = 600;
const kPhoneHertz = 440;
const kTarget = '+12025550144';
const kTargetHertz = 880;
const kNeedsProgram = process.env.E2E_PROGRAM ? false : 'the stand-in connects no phones with each other';
/** Of full scale. A phone's own tone comes through at a quarter and more; what is not there leaves less than a hundredth. */
const kThere = 0.05;
const kNotThere = 0.01;

const scene = with_microphone(tone(48_000, kMicrophoneHertz, 5));
let stage;
let page;

afterEach(async () => {
  await page?.context().close();
  // Calls that were handed over are nobody's here.
  if (!kNeedsProgram) for (const call of (await stage.emulated('/ledger')).calls) if (!call.ended) await stage.put_down(call.sid);
});

async function begin() {
  ({ stage } = scene);
  await stage.persona(kTarget, `tone:${kTargetHertz},ring=1s,repeat=yes,hangup=no`);
  page = await listening_page(scene.browser);
  await log_in(page, stage);
}

/** The page has complained about nothing, and no call is left that costs money. */
async function end() {
  assert.deepEqual(page.complaints, []);
  await wait_for('no call is open', async () => (await stage.emulated('/ledger')).open === 0);
}

/** Dialled on the page, by the phone's name in the list there; its card and the call. */
async function dial(number) {
  await visit(page, stage, '/dial');
  await page.locator('.pick', { hasText: number }).first().click();
  await action(page.locator('form.dialler'), 'dial').click();
  await page.locator('main [data-call-card]').waitFor();
  const call = await wait_for('the call is up', async () => (await stage.live()).find((one) => one.streaming), 15_000);
  return { call, of: card(page, call) };
}

async function transfer(of, to, how) {
  await action(of, 'transfer').click();
  const dialog = page.locator('[data-dialog="transfer"]');
  await dialog.locator('input[type="text"]').fill(to);
  await dialog.getByText(how, { exact: true }).click();
  await action(dialog, 'start').click();
  await dialog.waitFor({ state: 'detached' });
}

/** Waits until the phone of that call hears these tones for a second, and not those. */
async function hears(sid, there, not_there) {
  let found = {};
  const loud = (samples, hertz) => (found[hertz] = strength(samples, hertz));
  await wait_for(
    `the phone hears ${there.join(' and ')} Hz`,
    async () => {
      const samples = await stage.heard({ call_sid: sid });
      found = {};
      return (
        there.map((hertz) => loud(samples, hertz)).every((level) => level > kThere) &&
        not_there.map((hertz) => loud(samples, hertz)).every((level) => level < kNotThere)
      );
    },
    15_000,
  ).catch((error) => assert.fail(`${error.message}; it hears ${JSON.stringify(found)}`));
}

async function on_air(of) {
  await action(of, 'talk').click();
  await of.getByText('On air: the phone hears your microphone').waitFor();
}

/** In the history's first row for that number. */
async function history_says(number, words) {
  await visit(page, stage, '/history');
  const row = page.locator('.row', { hasText: number }).first();
  await row.getByText(words).waitFor();
}

const ended = async (sid) => (await stage.emulated(`/calls/${sid}`)).status === 'completed';

test('a call from the dial screen to the history: heard, spoken into, transferred, let go', { skip: kNeedsProgram }, async () => {
  await begin();
  const { call, of } = await dial('+1 202 555 0142');

  await action(of, 'listen').click();
  const heard = await wait_for('the phone is heard', async () => {
    const { rms, hertz } = await page.evaluate(() => globalThis.heard());
    return rms > 0.02 && Math.abs(hertz - kPhoneHertz) < 12 ? hertz : undefined;
  });
  console.log(`heard ${heard.toFixed(1)} Hz`);
  await on_air(of);
  await hears(call.call_sid, [kMicrophoneHertz], [kTargetHertz]);

  await transfer(of, kTarget, 'Cold');
  await of.getByText('The phone does not hear your microphone: the call is being transferred').waitFor();
  await of.getByText('Transferred to +1 202 555 0144').waitFor({ timeout: 15_000 });
  await of.getByText('The phone does not hear your microphone: the call is transferred').waitFor();
  await assert_accessible(page, 'a call that was transferred');
  await picture(page, 'transferred-desk-light');
  const target = await stage.phone(kTarget);
  assert.equal(target.parent_sid, call.call_sid);
  await hears(call.call_sid, [kTargetHertz], [kMicrophoneHertz]);
  await hears(target.sid, [kPhoneHertz], [kMicrophoneHertz]);

  await action(of, 'hangup').click();
  const dialog = page.locator('[data-dialog="hangup"]');
  assert.match(await dialog.innerText(), /Let go of \+1 202 555 0142\?[^]*The call goes on without us/);
  await action(dialog, 'confirm-hangup').click();
  await of.waitFor({ state: 'detached', timeout: 15_000 });
  assert.deepEqual(await stage.live(), []);
  await history_says('+1 202 555 0142', /handed over to \+12025550144/);

  await hears(call.call_sid, [kTargetHertz], []);
  await stage.put_down(call.call_sid);
  await wait_for('both phones are put down', async () => (await ended(call.call_sid)) && (await ended(target.sid)));
  await end();
});

test('a warm transfer to its end: the target is spoken to, joined with the caller, and we are out', { skip: kNeedsProgram }, async () => {
  await begin();
  const { call, of } = await dial('+1 202 555 0142');
  await on_air(of);
  await transfer(of, kTarget, 'Warm');
  await action(of, 'join').waitFor({ timeout: 15_000 });
  await of.getByText('The phone does not hear your microphone: the call is on hold').waitFor();
  const target = (await stage.live()).find((one) => one.parent === call.call);
  const of_target = card(page, target);
  await of_target.getByText('Transfer target').waitFor();
  await on_air(of_target);
  await hears(target.call_sid, [kMicrophoneHertz], [kPhoneHertz]);
  await hears(call.call_sid, [], [kMicrophoneHertz, kTargetHertz]);

  await action(of, 'join').click();
  for (const one of [of, of_target]) await one.waitFor({ state: 'detached', timeout: 15_000 });
  assert.deepEqual(await stage.live(), []);
  assert.equal(await page.locator('.on-air').count(), 0, 'nobody is on the air');
  const rooms = [];
  for (const { call_sid } of [call, target]) {
    rooms.push((await stage.emulated(`/calls/${call_sid}`)).conference?.sid);
    const { streams } = (await stage.emulated('/ledger')).calls.find((one) => one.sid === call_sid);
    assert.ok(streams.length > 0 && streams.every((stream) => stream.closed), 'our stream is closed');
  }
  assert.match(rooms[0], /^CF/);
  assert.equal(rooms[1], rooms[0], 'they are in one conference');
  await hears(call.call_sid, [kTargetHertz], [kMicrophoneHertz]);
  await hears(target.call_sid, [kPhoneHertz], [kMicrophoneHertz]);
  await history_says('+1 202 555 0144', /handed over/);
  await history_says('+1 202 555 0142', /handed over/);

  await stage.put_down(call.call_sid);
  await wait_for('the conference is over for both', async () => (await ended(call.call_sid)) && (await ended(target.call_sid)));
  await end();
});

test('a warm transfer that is cancelled: the target is hung up, and the caller hears us again', { skip: kNeedsProgram }, async () => {
  await begin();
  const { call, of } = await dial('+1 202 555 0142');
  await transfer(of, kTarget, 'Warm');
  await action(of, 'join').waitFor({ timeout: 15_000 });
  const target = (await stage.live()).find((one) => one.parent === call.call);
  await action(of, 'cancel-transfer').click();
  await of.locator('.transfer-row').waitFor({ state: 'detached', timeout: 15_000 });
  await card(page, target).waitFor({ state: 'detached', timeout: 15_000 });
  await wait_for('the target is hung up', () => ended(target.call_sid));
  await of.getByText('In progress').waitFor();
  await on_air(of);
  await hears(call.call_sid, [kMicrophoneHertz], [kTargetHertz]);
  assert.equal((await stage.emulated(`/calls/${call.call_sid}`)).conference, null);

  await action(of, 'hangup').click();
  const dialog = page.locator('[data-dialog="hangup"]');
  assert.match(await dialog.innerText(), /Hang up \+1 202 555 0142\?[^]*The call ends for both sides/);
  await action(dialog, 'confirm-hangup').click();
  await of.waitFor({ state: 'detached', timeout: 15_000 });
  await wait_for('the phone is put down', () => ended(call.call_sid));
  await end();
});
