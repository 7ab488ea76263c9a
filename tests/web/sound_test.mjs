// Sound through the page: a call's tone is found by an AnalyserNode before the browser's speakers, the browser's microphone
// arrives at the phone, and nothing is on the air that was not asked for.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { action, assert_accessible, card, log_in, picture } from './browser.mjs';
import { frequency, listening_page } from './ears.mjs';
import { with_microphone } from './microphone.mjs';
import { wait_for } from './stage.mjs';
import { tone } from './tones.mjs';

const kMicrophoneHertz = 600;

const scene = with_microphone(tone(48_000, kMicrophoneHertz, 5));
let page;

afterEach(async () => {
  await page?.context().close();
});

test('a call is heard in the browser: its tone, at its loudness, without gaps', async () => {
  const call = await scene.stage.up(scene.stage.humming);
  page = await listening_page(scene.browser);
  await log_in(page, scene.stage);
  await action(card(page, call), 'listen').click();
  const found = await wait_for('the tone is heard', async () => {
    const { rms, hertz } = await page.evaluate(() => globalThis.heard());
    return rms > 0.02 && Math.abs(hertz - 440) < 12 ? { rms, hertz } : undefined;
  });
  console.log(`heard ${found.hertz.toFixed(1)} Hz at ${found.rms.toFixed(3)}`);
  let quiet = 0;
  for (let n = 0; n < 20; ++n) {
    await page.waitForTimeout(50);
    if ((await page.evaluate(() => globalThis.heard())).rms < found.rms / 2) ++quiet;
  }
  assert.equal(quiet, 0);
  await assert_accessible(page, 'listening');
  await action(card(page, call), 'listen').click();
  await wait_for('it is silent', async () => (await page.evaluate(() => globalThis.heard())).rms < 0.001);
  assert.deepEqual(page.complaints, []);
});

test('talking is asked for, shown, heard by the phone, and ends when the tab is hidden', async () => {
  const call = await scene.stage.up('+12025550108');
  page = await listening_page(scene.browser);
  await log_in(page, scene.stage);
  const of = card(page, call);
  await action(of, 'listen').click();
  await of.locator('[data-action="listen"][aria-pressed="true"]').waitFor();
  assert.equal(await page.evaluate(() => globalThis.wanted), undefined, 'listening asks for no microphone');

  await action(of, 'talk').click();
  await of.locator('.on-air').waitFor();
  await title_says_on_air(true);
  assert.deepEqual(await page.evaluate(() => Object.values(globalThis.wanted.audio).slice(0, 3)), [true, true, true]);
  await assert_accessible(page, 'on air');
  await picture(page, 'on-air-desk-light');
  const hertz = await wait_for('the phone hears the microphone', async () => {
    const measured = frequency(await scene.stage.heard(call));
    return Math.abs(measured - kMicrophoneHertz) < 15 ? measured : undefined;
  });
  console.log(`the phone hears ${hertz.toFixed(1)} Hz`);

  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', {
      value: true,
      configurable: true,
    });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  });
  await of.locator('.on-air').waitFor({ state: 'detached' });
  await page.getByText('You are off the air: this tab was hidden.').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('who is muted or on hold is not on the air', async () => {
  const call = await scene.stage.up('+12025550108');
  page = await listening_page(scene.browser);
  await log_in(page, scene.stage);
  const of = card(page, call);
  await action(of, 'talk').click();
  await of.getByText('On air: the phone hears your microphone').waitFor();
  for (const [keep, let_go, words] of [
    ['mute', 'unmute', 'muted'],
    ['hold', 'resume', 'on hold'],
  ]) {
    assert.equal((await scene.stage.api('POST', `/calls/${call.call}/${keep}`)).status, 200);
    await of.getByText(`The phone does not hear your microphone: the call is ${words}`).waitFor();
    assert.equal(await of.locator('.lamp').count(), 0);
    await title_says_on_air(false);
    if (keep === 'mute') await assert_accessible(page, 'talking while muted');
    assert.equal((await scene.stage.api('POST', `/calls/${call.call}/${let_go}`)).status, 200);
    await of.getByText('On air: the phone hears your microphone').waitFor();
  }
  await title_says_on_air(true);
});

test('talking ends with the connection', async () => {
  const call = await scene.stage.up('+12025550108');
  page = await listening_page(scene.browser);
  await log_in(page, scene.stage);
  const of = card(page, call);
  await action(of, 'talk').click();
  await of.locator('.on-air').waitFor();
  await scene.stage.api('DELETE', `/calls/${call.call}`);
  await page.locator('.on-air').waitFor({ state: 'detached' });
  await title_says_on_air(false);
});

/** The title follows what is shown, a moment later. */
async function title_says_on_air(on) {
  await wait_for(`the title ${on ? 'says' : 'does not say'} "On air"`, async () => {
    return (await page.title()).includes('On air') === on || undefined;
  });
}
