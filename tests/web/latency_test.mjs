// How long sound takes from end to end: from the frame that leaves a phone to the browser's way to the speakers, and from the browser's
// microphone to what a phone hears. Bursts are told apart by the silences between them; both ends are on one machine, and so by one
// clock. The phone's end is the emulator's own record: sample n of a call is n/8 ms after its answer, and a frame leaves, and is
// heard, when its 20 ms are over.
//
// Two pieces stay unmeasured, for this machine has no sound card: what a loudspeaker holds back after the audio graph
// (AudioContext.outputLatency is only what the browser believes, and is printed), and what a microphone holds back before its sound is
// in the graph (Chromium's stand-in for one has no time of its own).

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { action, card, log_in, open_page } from './browser.mjs';
import { with_microphone } from './microphone.mjs';
import { wait_for } from './stage.mjs';
import { bursts, wav } from './tones.mjs';

const kBursts = 24;
const kLimit = 300;
const kFrame = 160;
const kNeedsProgram = process.env.E2E_PROGRAM ? false : 'the stand-in has no phone whose sound has times';
const kPhone = '+12025550145';

const scene = with_microphone(bursts(48_000, 600));
let page;

afterEach(async () => {
  await page?.context().close();
});

/** A page that notes when bursts begin: in messages that come and go, at the way to the speakers, at the microphone. The latter two in
 * the audio thread itself, when the samples are there. */
async function noting_page() {
  const opened = await open_page(scene.browser, { foreign: true });
  await opened.addInitScript(() => {
    const noted = { came: [], left: [], heard: [], spoken: [] };
    globalThis.noted = noted;
    const begins = (name, loud) => {
      const last = (noted[`last_${name}`] ??= { at: 0 });
      const now = Date.now();
      if (loud && now - last.at > 100) noted[name].push(now);
      if (loud) last.at = now;
    };
    const is_loud = (data) => new Int16Array(data).some((value) => Math.abs(value) > 1500);
    globalThis.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        this.addEventListener('message', (event) => {
          if (typeof event.data !== 'string') begins('came', is_loud(event.data));
        });
      }
      send(data) {
        if (typeof data !== 'string') begins('left', is_loud(data));
        super.send(data);
      }
    };
    const code = `registerProcessor('begins', class extends AudioWorkletProcessor {
      quiet = sampleRate;
      process([[samples]]) {
        for (let n = 0; n < 128; ++n) {
          if (!samples || Math.abs(samples[n]) <= 0.05) { ++this.quiet; continue; }
          if (this.quiet > sampleRate / 10) this.port.postMessage(Date.now());
          this.quiet = 0;
        }
        return true;
      }
    });`;
    const module = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
    const add = AudioWorklet.prototype.addModule;
    AudioWorklet.prototype.addModule = async function (...given) {
      await add.call(this, module);
      return add.apply(this, given);
    };
    const connect = AudioNode.prototype.connect;
    const watch = (node, name) => {
      const watcher = new AudioWorkletNode(node.context, 'begins');
      watcher.port.onmessage = (event) => noted[name].push(event.data);
      connect.call(node, watcher);
      connect.call(watcher, node.context.destination); // silence; without it, it would not run
      globalThis.graph = node.context;
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

/** When bursts begin in what a phone `heard` or `said`: the end of their frames, in ms since 1970. */
async function at_the_phone(call, what) {
  const { answered } = await scene.stage.emulated(`/calls/${call.call_sid}`);
  const samples = await scene.stage.sound_since_answer(call, what);
  const found = [];
  let quiet = 8000;
  samples.forEach((sample, n) => {
    if (Math.abs(sample) <= 1500) {
      ++quiet;
      return;
    }
    if (quiet > 800) found.push(Date.parse(answered) + (Math.floor(n / kFrame) + 1) * 20);
    quiet = 0;
  });
  return found;
}

/** Of each burst of `to`, how long it has been since it was at `from`; and how many of those at `from` are not at `to`. The silences
 * between them say which is which: there is one delay at which they all fit best. Each is then taken as it is, however late. */
function delays(from, to) {
  const nearest = (at) => from.reduce((best, one) => (Math.abs(one - at) < Math.abs(best - at) ? one : best));
  let [least, delay] = [Infinity, 0];
  for (const tried of to.flatMap((at) => from.map((one) => at - one))) {
    if (tried < -50) continue;
    const misfit = to.reduce((sum, at) => sum + Math.abs(at - tried - nearest(at - tried)), 0);
    if (misfit < least) [least, delay] = [misfit, tried];
  }
  const taken = new Map();
  for (const at of to) {
    const began = nearest(at - delay);
    if (!taken.has(began)) taken.set(began, at - began);
  }
  const [first, last] = [Math.min(...taken.keys()), Math.max(...taken.keys())];
  return { ms: [...taken.values()], lost: from.filter((at) => at >= first && at <= last).length - taken.size };
}

/** Says how long it took, and gives back below which time 95 of 100 were. */
function figures(what, { ms, lost }) {
  const sorted = [...ms].sort((a, b) => a - b);
  const at = (part) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]);
  console.log(`${what}: ${sorted.length} bursts, ${lost} lost, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${at(1)} ms`);
  return at(0.95);
}

function assert_in_time(what, found) {
  const p95 = figures(what, found);
  assert.ok(found.ms.length >= 20 && found.lost <= 2, `${found.ms.length} bursts came through, ${found.lost} did not`);
  assert.ok(Math.min(...found.ms) > 0, 'nothing is heard before it is said');
  assert.ok(p95 < kLimit, `${found.ms}`);
}

test('from a frame that leaves the phone to the way to the speakers it takes less than 300 ms', { skip: kNeedsProgram }, async () => {
  const file = path.join(scene.stage.folder, 'bursts.wav');
  writeFileSync(file, wav(bursts(8000, 440), 8000));
  await scene.stage.persona(kPhone, `wav:${file},repeat=yes,hangup=no`);
  const call = await scene.stage.up(kPhone);
  page = await noting_page();
  await log_in(page, scene.stage);
  await action(card(page, call), 'listen').click();
  await wait_for('bursts were heard', () => page.evaluate((count) => globalThis.noted.heard.length > count, kBursts), 30_000);
  const said = await at_the_phone(call, 'said');
  const noted = await page.evaluate(() => globalThis.noted);
  console.log(
    `the browser believes that its speakers hold back ${await page.evaluate(() => Math.round(globalThis.graph.outputLatency * 1000))} ms`,
  );
  // The first one may be one that had begun.
  const heard = noted.heard.slice(1);
  figures('phone to browser', delays(said, noted.came.slice(1)));
  assert_in_time('listening in whole', delays(said, heard));
});

test('from the microphone to what the phone hears it takes less than 300 ms', { skip: kNeedsProgram }, async () => {
  const call = await scene.stage.up('+12025550108');
  page = await noting_page();
  await log_in(page, scene.stage);
  await action(card(page, call), 'talk').click();
  await wait_for('bursts were said', () => page.evaluate((count) => globalThis.noted.left.length > count, kBursts + 1), 30_000);
  const noted = await page.evaluate(() => globalThis.noted);
  await wait_for('the phone has heard them', async () => (await at_the_phone(call, 'heard')).at(-1) > noted.left.at(-1));
  const heard = (await at_the_phone(call, 'heard')).slice(1, kBursts);
  figures('microphone to sending', delays(noted.spoken, noted.left.slice(1)));
  assert_in_time('talking in whole', delays(noted.spoken, heard));
});
