// How long sound takes through the browser: from a frame of the phone arriving to the way to the speakers, and from the
// microphone to a frame leaving. Beeps are told apart by their beginnings.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { action, card, log_in, open_page } from './browser.mjs';
import { with_microphone } from './microphone.mjs';
import { wait_for } from './stage.mjs';
import { beeps } from './tones.mjs';

const kBeeps = 15;

const scene = with_microphone(beeps(48_000, 600));
let page;

afterEach(async () => {
  await page?.context().close();
});

/** A page that notes when beeps begin: in messages that come and go, at the way to the speakers, at the microphone. */
async function noting_page() {
  const opened = await open_page(scene.browser);
  await opened.addInitScript(() => {
    const noted = { came: [], left: [], heard: [], spoken: [] };
    globalThis.noted = noted;
    const begins = (name, loud) => {
      const last = (noted[`last_${name}`] ??= { loud: false, at: 0 });
      const now = performance.now();
      // A beep begins where it was quiet for a while: zero crossings are no beginnings.
      if (loud && now - last.at > 100) noted[name].push(now);
      if (loud) last.at = now;
    };
    const is_loud = (samples, threshold) => samples.some((value) => Math.abs(value) > threshold);
    globalThis.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        this.addEventListener('message', (event) => {
          if (typeof event.data !== 'string') begins('came', is_loud(new Int16Array(event.data), 1500));
        });
      }
      send(data) {
        if (typeof data !== 'string') begins('left', is_loud(new Int16Array(data), 1500));
        super.send(data);
      }
    };
    const connect = AudioNode.prototype.connect;
    const watch = (node, name) => {
      const analyser = node.context.createAnalyser();
      analyser.fftSize = 256;
      connect.call(node, analyser);
      const samples = new Float32Array(256);
      setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        begins(name, is_loud(samples, 0.05));
      }, 4);
      return analyser;
    };
    AudioNode.prototype.connect = function (to, ...more) {
      if (to instanceof AudioDestinationNode && this.numberOfInputs === 0) watch(this, 'heard');
      if (this instanceof MediaStreamAudioSourceNode) watch(this, 'spoken');
      return connect.call(this, to, ...more);
    };
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = () =>
      ask({
        audio: {
          echoCancellation: false,
          noiseSuppression: false,
          autoGainControl: false,
        },
      });
  });
  return opened;
}

/** For each beginning, how long until the same beginning is noted at the other place: before 300 ms, or not at all. */
function delays(from, to) {
  return from
    .map((at) => to.find((later) => later >= at - 5 && later - at < 300))
    .map((later, n) => (later === undefined ? undefined : later - from[n]))
    .filter((ms) => ms !== undefined);
}

function figures(what, ms) {
  const sorted = [...ms].sort((a, b) => a - b);
  const at = (part) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]);
  console.log(`${what}: ${sorted.length} beeps, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${at(1)} ms`);
  return at(0.95);
}

test('from the frame of a phone to the speakers it takes less than 300 ms', async () => {
  const call = await scene.stage.up(scene.stage.beeping);
  page = await noting_page();
  await log_in(page, scene.stage);
  await action(card(page, call), 'listen').click();
  await wait_for('beeps were heard', () => page.evaluate((count) => globalThis.noted.heard.length > count, kBeeps), 30_000);
  const { came, heard } = await page.evaluate(() => globalThis.noted);
  const found = delays(came.slice(1, kBeeps), heard);
  assert.ok(found.length >= kBeeps - 4, `${found.length} of ${kBeeps - 1} beeps were heard`);
  assert.ok(figures('listening', found) < 300);
});

test('from the microphone to a frame that leaves it takes less than 300 ms', async () => {
  const call = await scene.stage.up('+12025550108');
  page = await noting_page();
  await log_in(page, scene.stage);
  await action(card(page, call), 'talk').click();
  await wait_for('beeps were said', () => page.evaluate((count) => globalThis.noted.left.length > count, kBeeps), 30_000);
  const { spoken, left } = await page.evaluate(() => globalThis.noted);
  const found = delays(spoken.filter((at) => at > left[0]).slice(0, kBeeps - 2), left);
  assert.ok(found.length >= kBeeps - 5, `${found.length} beeps were said`);
  assert.ok(figures('talking', found) < 300);
});
