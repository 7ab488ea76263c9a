import { describe, expect, it } from 'vitest';
import { by_hop, doubt_words, gaps_words, hop_reason, hop_words, same_words, shown_gaps, with_gaps } from '../src/gaps';
import type { CaptureReport, Gap, Samples, Timeline } from '../src/types';

function a_gap(more: Partial<Gap> = {}): Gap {
  return { at_ms: 5463.46, length_ms: 5, heard_by: 'speaker', hop: 'network', why: 'nothing came for 134 ms', ...more };
}

function a_report(gaps: Gap[] = [], more: Partial<CaptureReport['totals']> = {}): CaptureReport {
  return {
    call: 'c_1',
    program: '1',
    hash: 'ab',
    same: true,
    difference_count: 0,
    complete: true,
    damage: '',
    length_ms: 60_000,
    totals: {
      turns: 1,
      media: 1,
      frames_sent: 1,
      messages_sent: 1,
      frames_refused: 0,
      marks: 0,
      marks_echoed: 0,
      clears: 0,
      underruns: 0,
      concealed_ms: 0,
      trimmed_ms: 0,
      longest_wait_ms: 0,
      latest_timer_ms: 0,
      longest_pull_ms: 0,
      pulls_not_captured: 0,
      ...more,
    },
    gaps,
  };
}

const kTimeline: Timeline = {
  call: 'c_1',
  began: '2026-01-01T00:00:00Z',
  now_ms: 60_000,
  events: [
    { at_ms: 20, lane: 'state', kind: 'queued', text: '' },
    { at_ms: 9000, lane: 'state', kind: 'completed', text: '' },
  ],
  samples: {} as Samples,
  dropped_events: 0,
};

describe('gaps in words', () => {
  it('says how many there are, how long, of which hop, and who heard them', () => {
    const report = a_report([a_gap(), a_gap({ length_ms: 120 }), a_gap({ hop: 'pacer', heard_by: 'phone', length_ms: 20 })], {
      underruns: 2,
      concealed_ms: 125,
      trimmed_ms: 40,
    });
    expect(gaps_words(report)).toBe(
      '3 gaps, 145 ms together: network 2 (125 ms), pacer 1 (20 ms). The phone heard 1 of them, the speaker here the others. 2 underruns, 125 ms concealed, 40 ms trimmed.',
    );
  });

  it('says so of one, and of none', () => {
    expect(gaps_words(a_report([a_gap()], { underruns: 1, concealed_ms: 5 }))).toBe(
      '1 gap, 5 ms: network 1 (5 ms). Heard by the speaker here. 1 underrun, 5 ms concealed, 0 ms trimmed.',
    );
    expect(gaps_words(a_report([a_gap({ heard_by: 'phone' })]))).toContain('Heard by the phone.');
    expect(gaps_words(a_report())).toBe('No gaps. 0 underruns, 0 ms concealed, 0 ms trimmed.');
  });

  it('puts the hop first that made the most', () => {
    const gaps = [a_gap({ hop: 'queue', length_ms: 30 }), a_gap({ length_ms: 20 }), a_gap({ length_ms: 20 })];
    expect(by_hop(gaps)).toEqual([
      { hop: 'network', count: 2, length_ms: 40 },
      { hop: 'queue', count: 1, length_ms: 30 },
    ]);
  });

  it.each(['network', 'machine', 'buffer', 'device', 'pacer', 'queue', 'source'])('knows the hop %s', (hop) =>
    expect(hop_reason(hop)).not.toBe(''),
  );

  it('shows a hop that it does not know by its name', () => {
    expect([hop_words('moon'), hop_reason('moon')]).toEqual(['Moon', '']);
  });

  it('says whether the call came out the same, and what is not certain', () => {
    expect(same_words(a_report())).toBe('Done again, the call came out the same.');
    expect(same_words({ same: false, difference_count: 1 })).toContain('with 1 difference:');
    expect(doubt_words(a_report())).toEqual([]);
    expect(doubt_words({ ...a_report([], { pulls_not_captured: 2 }), complete: false, damage: 'its end is missing' })).toEqual([
      'The capture is not complete: its end is missing.',
      '2 blocks of the sound card are not in it: the speaker’s gaps are not exact.',
    ]);
  });
});

describe('gaps on the timeline', () => {
  it('are a lane of their own, in the order of time', () => {
    const shown = with_gaps(kTimeline, a_report([a_gap()]));
    expect(shown.events.map((event) => event.lane)).toEqual(['state', 'gap', 'state']);
    expect(shown.events[1]).toEqual({
      at_ms: 5463.46,
      lane: 'gap',
      kind: 'network',
      text: 'heard by the speaker here, nothing came for 134 ms',
      data: { length_ms: 5 },
    });
    expect(kTimeline.events).toHaveLength(2);
  });

  it('leave it as it is where there are none, or nobody has looked', () => {
    expect(with_gaps(kTimeline, null)).toBe(kTimeline);
    expect(with_gaps(kTimeline, a_report())).toBe(kTimeline);
  });

  it('are the longest ones, where there are too many', () => {
    const gaps = [5, 90, 7, 80].map((length_ms, n) => a_gap({ at_ms: n, length_ms }));
    expect(shown_gaps(gaps, 2).map((gap) => gap.length_ms)).toEqual([90, 80]);
    expect(shown_gaps(gaps, 4)).toBe(gaps);
  });
});
