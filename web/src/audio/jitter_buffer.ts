// Between frames that come when the network likes and a sound card that wants samples now. Holds as much as the jitter
// of the last seconds asks for, plays a little faster or slower to get there, and begins anew after a pause. Pure: time
// is given by the caller. Runs in the player's worklet.

import { Resampler } from './resampler';

export const kRate = 8000;
const kFrameMs = 20;
const kSmallest = 30;
const kLargest = 120;
/** What waits beyond this is thrown away at once, the oldest first. */
const kTooMuch = 400;
/** No frame for so long is a pause of the sender, not jitter. */
const kPause = 300;
const kCapacity = kRate * 2;
/** Latenesses that are remembered: five seconds of frames. */
const kRemembered = 250;
/** Steering: at most this much faster or slower, which nobody hears. */
const kSteer = 0.03;
/** Fade when sound begins or breaks off: 4 ms. */
const kFade = 32;

export interface JitterStats {
  depth_ms: number;
  target_ms: number;
  jitter_ms: number;
  underruns: number;
  dropped_ms: number;
}

export class JitterBuffer {
  private readonly resampler: Resampler;
  private readonly base_step: number;
  private readonly ring = new Float32Array(kCapacity);
  private read = 0;
  private filled = 0;
  private playing = false;
  private fade = 0;

  private readonly lateness = new Float32Array(kRemembered);
  private late_count = 0;
  private target = 60;
  private jitter = 0;
  /** When a frame would have come without jitter: the earliest arrival seen, moved on by a frame each time. */
  private due = 0;
  private last = -1;

  private underruns = 0;
  private dropped = 0;

  constructor(output_rate: number) {
    this.resampler = new Resampler(kRate, output_rate);
    this.base_step = kRate / output_rate;
  }

  /** A frame (any number of 8 kHz samples) has come at `now` milliseconds. */
  push(frame: Int16Array, now: number): void {
    this.measure(frame.length, now);
    for (let i = 0; i < frame.length; ++i) {
      if (this.filled === kCapacity) this.drop(1);
      this.ring[(this.read + this.filled) % kCapacity] = (frame[i] as number) / 32768;
      ++this.filled;
    }
    if (this.depth() > kTooMuch) this.drop(this.filled - Math.round((this.target * kRate) / 1000));
  }

  /** Fills `out` at the output's rate; silence where there is nothing. */
  pull(out: Float32Array): void {
    if (!this.playing && this.depth() >= this.target) this.begin();
    if (!this.playing) {
      out.fill(0);
      return;
    }
    this.steer();
    for (let i = 0; i < out.length; ++i) {
      if (!this.feed()) {
        this.playing = false;
        ++this.underruns;
        fade_out(out, i);
        return;
      }
      const sample = this.resampler.pull();
      out[i] = this.fade < 1 ? sample * this.fade : sample;
      if (this.fade < 1) this.fade = Math.min(1, this.fade + 1 / (kFade / this.base_step));
    }
  }

  stats(): JitterStats {
    return {
      depth_ms: this.depth(),
      target_ms: this.target,
      jitter_ms: this.jitter,
      underruns: this.underruns,
      dropped_ms: (this.dropped * 1000) / kRate,
    };
  }

  private depth(): number {
    return (this.filled * 1000) / kRate;
  }

  /** What piled up before the sound card began is not carried along as delay. */
  private begin(): void {
    this.drop(this.filled - Math.round(((this.target + kFrameMs) * kRate) / 1000));
    this.playing = true;
    this.fade = 0;
    this.resampler.reset();
    this.resampler.step = this.base_step;
  }

  /** Gives the resampler what it needs for one more sample; false if there is not enough. */
  private feed(): boolean {
    while (!this.resampler.can_pull()) {
      if (this.filled === 0) return false;
      this.resampler.push(this.ring[this.read] as number);
      this.read = (this.read + 1) % kCapacity;
      --this.filled;
    }
    return true;
  }

  private drop(samples: number): void {
    const count = Math.max(0, Math.min(samples, this.filled));
    this.read = (this.read + count) % kCapacity;
    this.filled -= count;
    this.dropped += count;
  }

  /** Between frames the depth swings by one frame; only what is beyond that is steered away. */
  private steer(): void {
    const off = this.depth() - this.target;
    const beyond = Math.abs(off) <= kFrameMs ? 0 : off - Math.sign(off) * kFrameMs;
    const adjust = Math.max(-kSteer, Math.min(kSteer, beyond / 1000));
    this.resampler.step = this.base_step * (1 + adjust);
  }

  private measure(samples: number, now: number): void {
    const length = (samples * 1000) / kRate;
    if (this.last < 0 || now - this.last > kPause) {
      this.due = now;
    } else {
      this.due += length;
      // A sender whose clock is slower than ours would look later and later: the expectation follows slowly.
      this.due = now < this.due ? now : this.due + 0.02;
      this.lateness[this.late_count % kRemembered] = now - this.due;
      ++this.late_count;
    }
    this.last = now;
    if (this.late_count % 10 === 0) this.aim();
  }

  /** The target covers all but the worst latenesses of the last five seconds, and a frame beside. */
  private aim(): void {
    const known = Math.min(this.late_count, kRemembered);
    if (known < 10) return;
    const sorted = this.lateness.slice(0, known).sort();
    this.jitter = sorted[Math.floor((known - 1) * 0.97)] as number;
    this.target = Math.max(kSmallest, Math.min(kLargest, this.jitter + kFrameMs + 10));
  }
}

/** What was played up to `end` stops without a click. */
function fade_out(out: Float32Array, end: number): void {
  const steps = Math.min(end, kFade);
  for (let i = 0; i < steps; ++i) out[end - 1 - i] = (out[end - 1 - i] as number) * (i / steps);
  out.fill(0, end);
}
