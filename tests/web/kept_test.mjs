// What is kept of calls, on the page: a call is recorded and taken down from its card, its recording is played (and heard), a word
// leads to its place, a search to its call, and what is deleted is gone.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { action, assert_accessible, assert_fits, card, kPhone, launch, log_in, open_page, picture, visit } from './browser.mjs';
import { make_stage, wait_for } from './stage.mjs';

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

/** A page whose <audio> leads past an AnalyserNode. */
async function hearing_page(more = {}) {
  const opened = await open_page(browser, more);
  await opened.addInitScript(() => {
    globalThis.heard = () => {
      const element = document.querySelector('audio');
      if (!element) return { rms: 0, hertz: 0 };
      if (element !== globalThis.ear?.element) {
        const context = new AudioContext();
        const analyser = context.createAnalyser();
        analyser.fftSize = 4096;
        context.createMediaElementSource(element).connect(analyser).connect(context.destination);
        globalThis.ear = { element, analyser, rate: context.sampleRate };
      }
      const { analyser, rate } = globalThis.ear;
      const samples = new Float32Array(analyser.fftSize);
      analyser.getFloatTimeDomainData(samples);
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      const rms = Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
      return { rms, hertz: (bins.indexOf(Math.max(...bins)) * rate) / analyser.fftSize };
    };
  });
  return opened;
}

const place = (of) => of.evaluate(() => document.querySelector('audio').currentTime);
const length = (of) => of.evaluate(() => Number(document.querySelector('.place').getAttribute('aria-valuemax')));

/** A call that was recorded for some seconds and is over. */
async function recorded_call() {
  const call = await stage.up(stage.humming, { record: true });
  await wait_for('it is recorded', async () => (await stage.live())[0]?.recording?.status === 'recording');
  await wait_for('three seconds are recorded', async () => (await stage.recording_of(call))?.duration_ms >= 3000);
  await stage.hang_up_all();
  await wait_for('the recording is finished', async () => (await stage.recording_of(call))?.live === false);
  return call;
}

test('what the settings have of every call is ticked on the dial screen, and can be left out of one', async () => {
  page = await open_page(browser);
  await log_in(page, stage);
  const settings = [
    { name: 'AGENTBRIDGE_RECORD', value: 'on', origin: '--record', secret: false },
    { name: 'AGENTBRIDGE_TRANSCRIBE', value: 'off', origin: 'default', secret: false },
  ];
  await page.route('**/api/v1/config', (route) => route.fulfill({ json: { settings } }));
  let asked;
  await page.route('**/api/v1/calls', (route) => {
    if (route.request().method() === 'POST') asked = route.request().postDataJSON();
    return route.continue();
  });
  const dial = async (steps) => {
    await visit(page, stage, '/dial');
    await page.locator('input[name="record"]:checked').waitFor();
    assert.equal(await page.locator('input[name="transcribe"]').isChecked(), false);
    await page.fill('input[name="to"]', stage.humming);
    await steps();
    await action(page, 'dial').click();
    await wait_for('the call is asked for', () => asked);
    const body = asked;
    asked = undefined;
    return body;
  };
  assert.equal('record' in (await dial(async () => {})), false, 'the settings decide');
  const other = await dial(async () => {
    await page.uncheck('input[name="record"]');
    await page.check('input[name="transcribe"]');
  });
  assert.deepEqual([other.record, other.transcribe], [false, true]);
});

test('a call is recorded from its card: begun, paused, gone on with, ended, and every state is in words', async () => {
  const call = await stage.up(stage.humming);
  page = await open_page(browser);
  await log_in(page, stage);
  const of = card(page, call);
  const sign = (status) => of.locator(`[data-recording="${status}"]`).waitFor();
  assert.equal(await action(of, 'pause-recording').count(), 0);
  await action(of, 'record').click();
  await sign('recording');
  assert.match(await of.locator('[data-recording]').innerText(), /^Recording$/);
  await assert_accessible(page, 'a recorded call');
  await action(of, 'pause-recording').click();
  await sign('paused');
  assert.match(await of.locator('[data-recording]').innerText(), /Recording paused/);
  await picture(page, 'recording-paused-desk-light');
  await of.focus();
  await page.keyboard.press('p');
  await sign('recording');
  await page.keyboard.press('c');
  await of.locator('[data-recording]').waitFor({ state: 'detached' });
  await action(of, 'record').getByText('Record', { exact: true }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test('the phone is told that it is recorded, or not, as it is chosen', async () => {
  const call = await stage.up(stage.humming);
  page = await open_page(browser);
  await log_in(page, stage);
  const of = card(page, call);
  const asked = [];
  await page.route('**/recording', (route) => {
    if (route.request().method() === 'PUT') asked.push(route.request().postDataJSON());
    return route.continue();
  });
  const notice = of.getByLabel('What the phone hears of it');
  const stopped = of.locator('[data-recording]');
  assert.equal(await notice.locator('option:checked').innerText(), 'notice as configured');
  await action(of, 'record').click();
  await of.locator('[data-recording="recording"]').waitFor();
  assert.equal(await notice.count(), 0, 'it is recorded already');
  assert.equal(await action(of, 'record').evaluate((button) => button === document.activeElement), true, 'the focus stays');
  await action(of, 'record').click();
  await stopped.waitFor({ state: 'detached' });

  await action(of, 'record').focus();
  await page.keyboard.press('Tab');
  assert.equal(await notice.evaluate((select) => select === document.activeElement), true, 'the keyboard reaches it');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  assert.equal(await notice.inputValue(), 'beep');
  await page.keyboard.press('Shift+Tab');
  // What the phone heard begins with the head of a file: some bytes that are no sound.
  const loud = async () => (await stage.heard(call)).filter((sample) => Math.abs(sample) > 1000).length;
  if (!stage.refuse) assert.ok((await loud()) < 100, 'the phone hears nothing before');
  await page.keyboard.press('Enter');
  await of.locator('[data-recording="recording"]').waitFor();
  if (!stage.refuse) await wait_for('the phone hears the beep', async () => (await loud()) > 1600);
  await action(of, 'pause-recording').click();
  await of.locator('[data-recording="paused"]').waitFor();
  await action(of, 'pause-recording').click();
  await of.locator('[data-recording="recording"]').waitFor();
  await action(of, 'record').click();
  await stopped.waitFor({ state: 'detached' });
  assert.deepEqual(asked, [
    { state: 'recording' },
    { state: 'stopped' },
    { state: 'recording', notice: 'beep' },
    { state: 'paused' },
    { state: 'recording' },
    { state: 'stopped' },
  ]);
  await page.setViewportSize(kPhone);
  await notice.selectOption('with a spoken notice');
  await assert_fits(page, 'the notice at 360 px');
  await assert_accessible(page, 'the notice of a recording');
  await picture(page, 'recording-notice-phone-light');
  await action(of, 'record').click();
  await action(of, 'pause-recording').waitFor();
  const [stop, pause] = await Promise.all(['record', 'pause-recording'].map((name) => action(of, name).boundingBox()));
  const beside = stop.x + stop.width <= pause.x || stop.y + stop.height <= pause.y;
  assert.ok(beside, 'no button covers another one');
  await picture(page, 'recording-phone-light');
  assert.deepEqual(page.complaints, []);
});

test('what cannot be recorded is said in words, and the call goes on', async (t) => {
  if (!stage.refuse) return t.skip('only the stand-in refuses on demand');
  const call = await stage.up(stage.humming);
  page = await open_page(browser);
  await log_in(page, stage);
  const of = card(page, call);
  stage.refuse(`PUT /calls/${call.call}/recording`, 409, 'wrong_state', 'The disk is full');
  await action(of, 'record').click();
  await of.getByText('The disk is full.').waitFor();
  stage.refuse(`PUT /calls/${call.call}/transcription`, 409, 'bad_config', 'Set AGENTBRIDGE_TRANSCRIBER to have calls taken down');
  await action(of, 'transcribe').click();
  await of.getByText('Set AGENTBRIDGE_TRANSCRIBER to have calls taken down.').waitFor();
  await of.locator('.badge.live').waitFor();
});

test('a call is dialled to be recorded', async () => {
  page = await open_page(browser);
  await log_in(page, stage, '/dial');
  await page.fill('input[name="to"]', stage.humming);
  await page.check('input[name="record"]');
  await action(page.locator('form.dialler'), 'dial').click();
  await page.locator('main [data-call-card] [data-recording="recording"]').waitFor({ timeout: 15_000 });
});

test('a recording is played, heard, paused, and moved in by mouse and keys', async () => {
  const call = await recorded_call();
  page = await hearing_page();
  await log_in(page, stage);
  await visit(page, stage, `/calls/${call.call}`);
  await page.waitForSelector('.player');
  const total = await length(page);
  assert.ok(total >= 3, `${total} s`);
  await page.locator('[data-play]').click();
  await page.waitForSelector('[data-player="playing"]');
  const found = await wait_for('the phone is heard', async () => {
    const { rms, hertz } = await page.evaluate(() => globalThis.heard());
    return rms > 0.02 && Math.abs(hertz - 440) < 12 ? { rms, hertz } : undefined;
  });
  console.log(`heard ${found.hertz.toFixed(1)} Hz at ${found.rms.toFixed(3)}`);
  await page.locator('[data-play]').click();
  await page.waitForSelector('[data-player="paused"]');
  await wait_for('it is silent', async () => (await page.evaluate(() => globalThis.heard())).rms < 0.001);

  const slider = page.locator('.place');
  await slider.focus();
  await page.keyboard.press('End');
  await wait_for('it stands at the end', async () => Math.abs((await place(page)) - total) < 1.1);
  await page.keyboard.press('Home');
  await wait_for('it stands at the beginning', async () => (await place(page)) === 0);
  const box = await slider.boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await wait_for('it stands in the middle', async () => Math.abs((await place(page)) - total / 2) < 1);
  assert.match(await slider.getAttribute('aria-valuetext'), /seconds? of .*seconds?/);
  await page.keyboard.press('Space');
  await page.waitForSelector('[data-player="playing"]');
  await page.keyboard.press('Space');
  await page.waitForSelector('[data-player="paused"]');
  await page.getByLabel('Speed').selectOption('2');
  assert.equal(await page.evaluate(() => document.querySelector('audio').playbackRate), 2);
  await assert_accessible(page, 'a recording');
  assert.deepEqual(page.complaints, []);
});

test('the sides are drawn as loud as they were', async () => {
  const call = await recorded_call();
  page = await open_page(browser);
  await log_in(page, stage);
  await visit(page, stage, `/calls/${call.call}`);
  await page.waitForSelector('.player');
  const coloured = () =>
    page.evaluate(() => {
      const canvas = document.querySelector('.place canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let above = 0;
      for (let n = 3; n < data.length / 2 - canvas.width * 8; n += 4) if (data[n] > 60) ++above;
      return above;
    });
  await wait_for('the phone is drawn above the line', async () => (await coloured()) > 500);
  await page.setViewportSize(kPhone);
  await wait_for('it is drawn anew in the new width', async () => (await coloured()) > 300);
  await assert_fits(page, 'the player at 360 px');
});

test('a recording is saved in every form', async () => {
  const call = await recorded_call();
  page = await open_page(browser);
  await log_in(page, stage);
  await visit(page, stage, `/calls/${call.call}`);
  const save = page.getByRole('group', { name: 'Save the recording' });
  await save.waitFor();
  const begins = { WAV: 'RIFF', FLAC: 'fLaC', Opus: 'OggS' };
  for (const [form, magic] of Object.entries(begins)) {
    const [download] = await Promise.all([page.waitForEvent('download'), save.getByRole('link', { name: form, exact: true }).click()]);
    assert.ok(download.suggestedFilename().endsWith(`${call.call}.${form.toLowerCase()}`), download.suggestedFilename());
    assert.equal(await download.failure(), null);
    assert.equal(readFileSync(await download.path()).toString('latin1', 0, 4), magic, form);
  }
});

/** One that counts to four, again and again, and is taken down. */
async function counting_call(more = {}) {
  const call = await stage.up(stage.humming, { transcribe: true, ...more });
  await wait_for('it is taken down', async () => (await stage.live())[0]?.transcription?.status === 'running');
  return call;
}

const final_lines = (of) => of.locator('.words li.far:not(.open)');

test('what is said is shown while it is understood, and told when it is final', async () => {
  const call = await counting_call();
  page = await open_page(browser);
  await page.addInitScript(() => {
    globalThis.told = [];
    globalThis.growing = [];
    new MutationObserver(() => {
      for (const line of document.querySelectorAll('.words li.open .text')) globalThis.growing.push(line.textContent);
      for (const line of document.querySelectorAll('.words-box [aria-live="polite"] p')) globalThis.told.push(line.textContent);
    }).observe(document, { childList: true, subtree: true, characterData: true });
  });
  await log_in(page, stage);
  const of = card(page, call);
  await final_lines(of).nth(3).waitFor({ timeout: 15_000 });
  const { growing, told } = await page.evaluate(() => ({ growing: globalThis.growing, told: globalThis.told }));
  assert.ok(
    growing.some((text) => text.startsWith('one') && text !== 'one two three four'),
    growing.join(),
  );
  assert.ok(told.length > 0);
  for (const text of told) assert.equal(text, 'Phone: one two three four');
  assert.equal(await of.locator('.words').getAttribute('aria-live'), 'off');
  await assert_accessible(page, 'a transcript as it comes');
  await picture(page, 'transcript-live-desk-light');
  await action(of, 'transcribe').getByText('Stop transcript').click();
  await action(of, 'transcribe').getByText('Transcribe').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('the newest words are followed until the reader scrolls back', async () => {
  const call = await counting_call();
  page = await open_page(browser, { viewport: { width: 1000, height: 860 } });
  await log_in(page, stage);
  await visit(page, stage, `/calls/${call.call}`);
  // A short box, so that a few lines are enough.
  const words = page.locator('.words.tall');
  await words.waitFor({ timeout: 15_000 });
  await words.evaluate((box) => (box.style.maxHeight = '5rem'));
  const at_end = () => words.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 24);
  await wait_for('there is more than fits', () => words.evaluate((box) => box.scrollHeight > box.clientHeight + 60), 15_000);
  await wait_for('the end is shown', at_end);
  await words.evaluate((box) => (box.scrollTop = 0));
  await page.getByText('To the newest words').waitFor();
  const before = await page.locator('.words li').count();
  await wait_for('more is said', async () => (await page.locator('.words li').count()) > before, 15_000);
  assert.equal(await words.evaluate((box) => box.scrollTop), 0, 'the reader is left alone');
  await page.getByText('To the newest words').click();
  await wait_for('the end is shown again', at_end);
  const now = await page.locator('.words li').count();
  await wait_for('yet more is said', async () => (await page.locator('.words li').count()) > now, 15_000);
  await wait_for('it is followed again', at_end);
});

test('a word of the transcript leads to its place in the recording, and is marked while it is heard', async () => {
  const call = await counting_call({ record: true });
  await wait_for('seconds are recorded', async () => (await stage.recording_of(call))?.duration_ms >= 4000, 15_000);
  await stage.hang_up_all();
  await wait_for('the recording is finished', async () => (await stage.recording_of(call))?.live === false, 15_000);
  const { body } = await stage.api('GET', `/calls/${call.call}/transcript`);
  page = await hearing_page();
  await log_in(page, stage);
  await visit(page, stage, `/calls/${call.call}`);
  const word = page.locator('.word', { hasText: 'three' }).nth(1);
  await word.waitFor({ timeout: 15_000 });
  await assert_accessible(page, 'a recording and its transcript');
  await picture(page, 'transcript-desk-light');
  await word.click();
  await page.waitForSelector('[data-player="playing"]');
  const due = body.pieces[1].words.find((one) => one.text === 'three').begin_ms / 1000;
  await wait_for('it plays from there', async () => {
    const now = await place(page);
    return now >= due && now < due + 2;
  });
  await wait_for('a word is marked', async () => (await page.locator('.word.now').count()) > 0);
  await page.locator('[data-play]').click();

  await word.focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'four');
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'one');
  const third = body.pieces[2].words[0].begin_ms / 1000;
  await page.keyboard.press('Enter');
  await wait_for('the keyboard plays too', async () => {
    const now = await place(page);
    return now >= third && now < third + 2;
  });

  await page.fill('input[name="within"]', 'TWO three');
  await page.getByText(/^1 of \d+$/).waitFor();
  const places = Number((await page.getByText(/^1 of \d+$/).innerText()).split(' ').pop());
  assert.ok(places > 1, `${places}`);
  assert.equal(await page.locator('mark').count(), 2 * places);
  await page.keyboard.press('Enter');
  await page.getByText(`2 of ${places}`).waitFor();
  await page.fill('input[name="within"]', 'nobody said this');
  await page.getByText('Not there').waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'SRT' }).click()]);
  assert.match(download.suggestedFilename(), /\.srt$/);
  assert.equal(await download.failure(), null);
  assert.deepEqual(page.complaints, []);
});

test('what was said is found in the history, and leads to its place', async () => {
  const call = await counting_call({ record: true });
  await wait_for('seconds are recorded', async () => (await stage.recording_of(call))?.duration_ms >= 3000, 15_000);
  await stage.hang_up_all();
  page = await open_page(browser);
  await log_in(page, stage, '/history');
  await page.fill('input[name="q"]', 'three four');
  const row = page.locator('.row-box', { has: page.locator(`a[href="/calls/${call.call}"]`) });
  await row.locator('mark').first().waitFor();
  assert.match(await page.evaluate(() => location.search), /q=three\+four/);
  await row.getByText('Recorded').waitFor();
  await row.getByText('Transcript').waitFor();
  await assert_accessible(page, 'a search');
  await picture(page, 'history-search-desk-light');
  await row.locator('.found a').last().click();
  await page.waitForSelector('.player');
  const at = Number(new URL(page.url()).searchParams.get('at')) / 1000;
  await wait_for('the player stands there', async () => Math.abs((await place(page)) - at) < 0.5);
  await page.goBack();
  await row.locator('mark').first().waitFor();
  assert.equal(await page.inputValue('input[name="q"]'), 'three four');
  await page.getByText('Show all').click();
  await row.locator('mark').first().waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => location.search), '');
  await page.fill('input[name="q"]', '"*(NOT \u{1F600} - nothing like it');
  await page.locator('.empty').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('what is kept outlives the program, however it ends', async () => {
  const call = await counting_call({ record: true });
  await wait_for('seconds are recorded', async () => (await stage.recording_of(call))?.duration_ms >= 3000, 15_000);
  await stage.hang_up_all();
  await wait_for(
    'all of it is kept',
    async () => (await stage.transcript_of(call))?.complete && !(await stage.recording_of(call)).live,
    15_000,
  );
  page = await open_page(browser);
  await log_in(page, stage, '/history');
  const link = page.locator(`a[href="/calls/${call.call}"]`).first();
  await link.waitFor();
  await stage.go_away();
  await page.waitForSelector('[data-banner="lost"]');
  await stage.come_back();
  await page.waitForSelector('[data-connection="live"]');
  await visit(page, stage, '/history');
  await link.click();
  await page.locator('.word', { hasText: 'three' }).first().waitFor();
  await page.locator('[data-play]').click();
  await wait_for('it plays', async () => (await place(page)) > 0.2);
});

test('a recording without a transcript is transcribed on demand', async () => {
  const call = await recorded_call();
  page = await open_page(browser);
  await log_in(page, stage);
  await visit(page, stage, `/calls/${call.call}`);
  await action(page, 'transcribe').click();
  await page.locator('.words.transcript .word').first().waitFor({ timeout: 30_000 });
});

test('what is deleted is asked for by name, and gone', async () => {
  const call = await recorded_call();
  page = await open_page(browser);
  await log_in(page, stage, '/recordings');
  await page.locator('.row').first().waitFor();
  await assert_accessible(page, 'recordings');
  const { name } = await stage.recording_of(call);
  const row = page.locator(`[data-recording="${name}"]`);
  await action(row, 'delete').click();
  await action(page.locator('[data-dialog="delete-recording"]'), 'confirm-delete').click();
  await row.waitFor({ state: 'detached' });
  assert.equal(await stage.recording_of(call), undefined);

  await visit(page, stage, `/calls/${call.call}`);
  await action(page, 'delete').click();
  const dialog = page.locator('[data-dialog="delete"]');
  assert.match(await dialog.locator('h2').innerText(), /Delete the call to \+1 202 555/);
  await assert_accessible(page, 'a question before deleting');
  await action(dialog, 'confirm-delete').click();
  await page.waitForURL('**/history');
  assert.equal((await stage.api('GET', `/calls/${call.call}`)).status, 404);
  assert.deepEqual(page.complaints, []);
});
