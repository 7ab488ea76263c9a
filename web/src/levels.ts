// The loudness of both sides of each call: one peak per 20 ms, the last twenty seconds. Not part of the store: meters and
// waveforms look here when they draw, so that fifty values a second make nothing else on the page render.

import type { LevelsMessage } from './types';

export const kPeaksKept = 1000;

export class LevelHistory {
  readonly far = new Float32Array(kPeaksKept);
  readonly near = new Float32Array(kPeaksKept);
  /** How many peaks ever came: the newest stands at (count - 1) % kPeaksKept. */
  count = 0;
  far_clipped = false;
  near_clipped = false;
  /** performance.now() of the newest. */
  at = 0;

  add(far: readonly number[], near: readonly number[]): void {
    const peaks = Math.max(far.length, near.length);
    for (let i = 0; i < peaks; ++i) {
      const place = this.count % kPeaksKept;
      this.far[place] = clean(far[i]);
      this.near[place] = clean(near[i]);
      ++this.count;
    }
  }

  /** The loudest of the newest `peaks` values. */
  recent(side: 'far' | 'near', peaks = 5): number {
    const values = this[side];
    let loudest = 0;
    for (let i = 1; i <= Math.min(peaks, this.count); ++i) {
      loudest = Math.max(loudest, values[(this.count - i) % kPeaksKept] ?? 0);
    }
    return loudest;
  }
}

function clean(peak: number | undefined): number {
  return peak !== undefined && peak > 0 ? Math.min(1, peak) : 0;
}

const histories = new Map<string, LevelHistory>();

export function level_history(call: string): LevelHistory {
  let history = histories.get(call);
  if (!history) {
    history = new LevelHistory();
    histories.set(call, history);
  }
  return history;
}

export function take_levels(message: LevelsMessage, now: number): void {
  for (const of of message.calls) {
    const history = level_history(of.call);
    history.add(of.far, of.near);
    history.far_clipped = of.far_clipped;
    history.near_clipped = of.near_clipped;
    history.at = now;
  }
}

export function forget_levels(call?: string): void {
  if (call === undefined) histories.clear();
  else histories.delete(call);
}
