import { describe, expect, it } from 'vitest';
import { LevelHistory, forget_levels, kPeaksKept, level_history, take_levels } from '../src/levels';

describe('levels', () => {
  it('keeps the newest twenty seconds', () => {
    const history = new LevelHistory();
    for (let n = 0; n < kPeaksKept; ++n) history.add([0.1, 0.2, 0.3, 0.4, 0.5], [0, 0, 0, 0, 0]);
    expect(history.count).toBe(kPeaksKept * 5);
    expect(history.recent('far')).toBeCloseTo(0.5);
    expect(history.recent('far', 1)).toBeCloseTo(0.5);
    expect(history.recent('near')).toBe(0);
  });

  it('takes nothing that is no level', () => {
    const history = new LevelHistory();
    history.add([Number.NaN, -1, 7], []);
    expect([...history.far.slice(0, 3)]).toEqual([0, 0, 1]);
  });

  it('knows each call by itself, and forgets', () => {
    take_levels({ calls: [{ call: 'c_1', far: [1], near: [0.5], far_clipped: true, near_clipped: false }] }, 42);
    expect(level_history('c_1')).toMatchObject({ count: 1, far_clipped: true, at: 42 });
    expect(level_history('c_2').count).toBe(0);
    forget_levels('c_1');
    expect(level_history('c_1').count).toBe(0);
    forget_levels();
  });
});
