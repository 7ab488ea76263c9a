// What is heard: by the browser, and by a phone.

import { open_page } from './browser.mjs';

/** A page whose every way to the speakers leads past an AnalyserNode. The microphone is taken as it is: what improves speech removes tones. */
export async function listening_page(browser) {
  const opened = await open_page(browser);
  await opened.addInitScript(() => {
    const connect = AudioNode.prototype.connect;
    const analysers = new Map();
    globalThis.heard = () => {
      let best = { rms: 0, hertz: 0 };
      for (const [context, analyser] of analysers) {
        const samples = new Float32Array(analyser.fftSize);
        analyser.getFloatTimeDomainData(samples);
        const bins = new Float32Array(analyser.frequencyBinCount);
        analyser.getFloatFrequencyData(bins);
        const rms = Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
        const largest = bins.indexOf(Math.max(...bins));
        if (rms >= best.rms)
          best = {
            rms,
            hertz: (largest * context.sampleRate) / analyser.fftSize,
          };
      }
      return best;
    };
    AudioNode.prototype.connect = function (to, ...more) {
      if (to instanceof AudioDestinationNode) {
        let analyser = analysers.get(to.context);
        if (!analyser) {
          analyser = to.context.createAnalyser();
          analyser.fftSize = 4096;
          analysers.set(to.context, analyser);
          connect.call(analyser, to);
        }
        return connect.call(this, analyser);
      }
      return connect.call(this, to, ...more);
    };
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) => {
      globalThis.wanted = wanted;
      return ask({
        audio: {
          echoCancellation: false,
          noiseSuppression: false,
          autoGainControl: false,
        },
      });
    };
  });
  return opened;
}

/** By rising zero crossings, of what is not silence. */
export function frequency(samples) {
  if (samples.length < 4000 || Math.max(...samples) < 500) return 0;
  let first = -1;
  let last = -1;
  let count = -1;
  for (let n = 1; n < samples.length; ++n) {
    if (samples[n - 1] < 0 && samples[n] >= 0) {
      if (first < 0) first = n;
      last = n;
      ++count;
    }
  }
  return count > 0 ? (count * 8000) / (last - first) : 0;
}

/** How loud that one tone is among others, of full scale: by Goertzel's filter. */
export function strength(samples, hertz, rate = 8000) {
  const turn = (2 * Math.PI * hertz) / rate;
  let [before, last] = [0, 0];
  for (const value of samples) [before, last] = [last, value / 32768 + 2 * Math.cos(turn) * last - before];
  const power = before * before + last * last - 2 * Math.cos(turn) * before * last;
  return samples.length > 0 ? (2 * Math.sqrt(Math.max(0, power))) / samples.length : 0;
}
