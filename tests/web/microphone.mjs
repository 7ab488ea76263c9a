// A stage and a browser whose microphone hears what a test lets it hear. For a file's tests: made before the first, every call hung
// up after each, all put away after the last.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before } from 'node:test';
import { launch } from './browser.mjs';
import { make_stage } from './stage.mjs';
import { wav } from './tones.mjs';

/** `samples`: 48 kHz, heard again and again. What it gives back is filled in before the first test. */
export function with_microphone(samples) {
  const scene = { stage: undefined, browser: undefined };
  let folder;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'agentbridge-web-'));
    const file = path.join(folder, 'microphone.wav');
    writeFileSync(file, wav(samples, 48_000));
    scene.stage = await make_stage();
    scene.browser = await launch([
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${file}`,
    ]);
  });
  afterEach(() => scene.stage.hang_up_all());
  after(async () => {
    await scene.browser?.close();
    await scene.stage?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return scene;
}
