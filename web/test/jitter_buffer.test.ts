import { describe, expect, it } from 'vitest';
import { JitterBuffer } from '../src/audio/jitter_buffer';
import { Resampler } from '../src/audio/resampler';

const kBlock = 128;
const kOut = 48_000;

/** Plays `seconds` of a tone through the buffer; frame n comes at n * 20 ms + lateness(n). */
function play(seconds: number, lateness: (frame: number) => number, hertz = 440) {
  const buffer = new JitterBuffer(kOut);
  const heard: number[] = [];
  const out = new Float32Array(kBlock);
  let frame = 0;
  let phase = 0;
  let depth_max = 0;
  let underruns_warm = 0;
  for (let played = 0; played < seconds * kOut; played += kBlock) {
    const now = (played * 1000) / kOut;
    while (frame * 20 + lateness(frame) <= now) {
      const pcm = new Int16Array(160);
      for (let i = 0; i < 160; ++i) pcm[i] = Math.round(16_000 * Math.sin((2 * Math.PI * hertz * phase++) / 8000));
      buffer.push(pcm, now);
      ++frame;
    }
    buffer.pull(out);
    heard.push(...out);
    if (now < 2000) underruns_warm = buffer.stats().underruns;
    else depth_max = Math.max(depth_max, buffer.stats().depth_ms);
  }
  return { heard, stats: buffer.stats(), depth_max, late_underruns: buffer.stats().underruns - underruns_warm };
}

/** Samples that do not follow from the two before them as those of a sine do. */
function clicks(samples: number[], hertz: number, from: number): number {
  const w = 2 * Math.cos((2 * Math.PI * hertz) / kOut);
  let count = 0;
  for (let i = from + 2; i < samples.length; ++i) {
    const expected = w * (samples[i - 1] as number) - (samples[i - 2] as number);
    if (Math.abs((samples[i] as number) - expected) > 0.01) ++count;
  }
  return count;
}

/** Noise that is the same in every run. */
function noise(n: number): number {
  const x = Math.sin(n * 12.9898) * 43758.5453;
  return x - Math.floor(x);
}

describe('the jitter buffer', () => {
  it('plays frames that come in time without a gap or a click, and with little delay', () => {
    const { heard, stats, late_underruns, depth_max } = play(6, () => 0);
    expect(late_underruns).toBe(0);
    expect(stats.underruns).toBe(0);
    expect(clicks(heard, 440, kOut)).toBe(0);
    expect(depth_max).toBeLessThanOrEqual(90);
  });

  it('stands 60 ms of jitter without a gap once it has seen it, with a target of at most 120 ms', () => {
    const { stats, late_underruns } = play(10, (n) => noise(n) * 60);
    expect(late_underruns).toBe(0);
    expect(stats.target_ms).toBeGreaterThan(60);
    expect(stats.target_ms).toBeLessThanOrEqual(120);
  });

  it('shrinks again when the jitter is over', () => {
    const { stats } = play(16, (n) => (n < 200 ? noise(n) * 60 : 0));
    expect(stats.target_ms).toBeLessThanOrEqual(40);
    expect(stats.depth_ms).toBeLessThanOrEqual(70);
  });

  it('throws away what piled up while nothing could be played', () => {
    const buffer = new JitterBuffer(kOut);
    for (let i = 0; i < 100; ++i) buffer.push(new Int16Array(160), 0);
    expect(buffer.stats().depth_ms).toBeLessThanOrEqual(400);
    expect(buffer.stats().dropped_ms).toBeGreaterThan(1000);
  });

  it('begins with little delay, whatever waited before the sound card began', () => {
    const buffer = new JitterBuffer(kOut);
    for (let i = 0; i < 15; ++i) buffer.push(new Int16Array(160), i * 20);
    buffer.pull(new Float32Array(kBlock));
    expect(buffer.stats().depth_ms).toBeLessThanOrEqual(80);
  });

  it('takes a pause of the sender for a pause, not for jitter', () => {
    const { stats } = play(8, (n) => (n < 150 ? 0 : 2000));
    expect(stats.target_ms).toBeLessThanOrEqual(40);
  });
});

describe('the resampler', () => {
  it.each([
    [8000, 48_000],
    [8000, 44_100],
    [48_000, 8000],
    [44_100, 8000],
  ])('keeps a 1 kHz tone at its loudness and place from %i to %i Hz', (from, to) => {
    const resampler = new Resampler(from, to);
    const out: number[] = [];
    for (let n = 0; n < from; ++n) {
      resampler.push(Math.sin((2 * Math.PI * 1000 * n) / from));
      while (resampler.can_pull()) out.push(resampler.pull());
    }
    expect(Math.abs(out.length - to)).toBeLessThan(100);
    let worst = 0;
    for (let n = 200; n < out.length; ++n) {
      worst = Math.max(worst, Math.abs((out[n] as number) - Math.sin((2 * Math.PI * 1000 * n) / to)));
    }
    expect(worst).toBeLessThan(0.01);
  });

  it('lets nothing through that a telephone cannot carry', () => {
    const resampler = new Resampler(48_000, 8000);
    let loudest = 0;
    let n_out = 0;
    for (let n = 0; n < 48_000; ++n) {
      resampler.push(Math.sin((2 * Math.PI * 6000 * n) / 48_000));
      while (resampler.can_pull()) {
        const sample = Math.abs(resampler.pull());
        if (++n_out > 100) loudest = Math.max(loudest, sample);
      }
    }
    expect(loudest).toBeLessThan(0.01);
  });
});
