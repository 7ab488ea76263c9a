// Where sound was missing in a captured call, and which hop made it: what `agentbridge replay --report` tells, in words. Pure.

import { millis } from './format';
import type { CaptureReport, Gap, Timeline, TimelineEvent } from './types';

/** As docs/capture.md tells them. */
const kHops: Record<string, string> = {
  network: 'the carrier’s messages came late, or some are missing',
  machine: 'this program did not run in time',
  buffer: 'the playout buffer was too small for the unevenness',
  device: 'the sound card took nothing, or told of an underflow',
  pacer: 'what the phone hears was sent late',
  queue: 'the connection had not taken what was sent before',
  source: 'whoever spoke had nothing ready',
};

/** A call can have more gaps than anybody reads, or a browser draws. */
export const kMostGaps = 500;

export function hop_words(hop: string): string {
  return hop.charAt(0).toUpperCase() + hop.slice(1);
}

export function hop_reason(hop: string): string {
  return kHops[hop] ?? '';
}

export function heard_by_words(gap: Pick<Gap, 'heard_by'>): string {
  return gap.heard_by === 'phone' ? 'Phone' : 'Speaker';
}

export interface HopGaps {
  hop: string;
  count: number;
  length_ms: number;
}

/** What each hop made, the worst first. */
export function by_hop(gaps: readonly Gap[]): HopGaps[] {
  const hops = new Map<string, HopGaps>();
  for (const { hop, length_ms } of gaps) {
    const before = hops.get(hop);
    hops.set(hop, { hop, count: (before?.count ?? 0) + 1, length_ms: (before?.length_ms ?? 0) + length_ms });
  }
  return [...hops.values()].sort((a, b) => b.length_ms - a.length_ms || b.count - a.count);
}

/** The longest ones, in the order of their time. */
export function shown_gaps(gaps: readonly Gap[], most = kMostGaps): readonly Gap[] {
  if (gaps.length <= most) return gaps;
  return [...gaps]
    .sort((a, b) => b.length_ms - a.length_ms)
    .slice(0, most)
    .sort((a, b) => a.at_ms - b.at_ms);
}

const counted = (count: number, word: string) => `${count.toLocaleString('en-US')} ${word}${count === 1 ? '' : 's'}`;

/** How many, how long, whose, and who heard them. */
export function gaps_words({ gaps, totals }: Pick<CaptureReport, 'gaps' | 'totals'>): string {
  const buffer = `${counted(totals.underruns, 'underrun')}, ${millis(totals.concealed_ms)} concealed, ${millis(totals.trimmed_ms)} trimmed.`;
  if (gaps.length === 0) return `No gaps. ${buffer}`;
  const together = gaps.reduce((sum, gap) => sum + gap.length_ms, 0);
  const hops = by_hop(gaps).map(({ hop, count, length_ms }) => `${hop} ${count.toLocaleString('en-US')} (${millis(length_ms)})`);
  const phone = gaps.filter((gap) => gap.heard_by === 'phone').length;
  const some = `The phone heard ${phone.toLocaleString('en-US')} of them, the speaker here the others.`;
  const heard = phone === 0 ? 'Heard by the speaker here.' : phone === gaps.length ? 'Heard by the phone.' : some;
  const all = `${counted(gaps.length, 'gap')}, ${millis(together)}${gaps.length > 1 ? ' together' : ''}: ${hops.join(', ')}.`;
  return `${all} ${heard} ${buffer}`;
}

/** Whether the call came out the same when it was done again. */
export function same_words(report: Pick<CaptureReport, 'same' | 'difference_count'>): string {
  if (report.same) return 'Done again, the call came out the same.';
  return `Done again, the call came out with ${counted(report.difference_count, 'difference')}: what is told here need not be what happened.`;
}

/** What is missing in the capture, if anything is. */
export function doubt_words(report: Pick<CaptureReport, 'complete' | 'damage' | 'totals'>): string[] {
  const doubts: string[] = [];
  if (!report.complete) doubts.push(`The capture is not complete${report.damage ? `: ${report.damage}` : ''}.`);
  const lost = report.totals.pulls_not_captured;
  if (lost > 0)
    doubts.push(`${counted(lost, 'block')} of the sound card ${lost === 1 ? 'is' : 'are'} not in it: the speaker’s gaps are not exact.`);
  return doubts;
}

function gap_event(gap: Gap): TimelineEvent {
  const heard = gap.heard_by === 'phone' ? 'heard by the phone' : 'heard by the speaker here';
  return { at_ms: gap.at_ms, lane: 'gap', kind: gap.hop, text: `${heard}, ${gap.why}`, data: { length_ms: gap.length_ms } };
}

/** The call's timeline with its gaps, as a lane of their own. */
export function with_gaps(timeline: Timeline, report: Pick<CaptureReport, 'gaps'> | null): Timeline {
  if (!report || report.gaps.length === 0) return timeline;
  const events = [...timeline.events, ...shown_gaps(report.gaps).map(gap_event)].sort((a, b) => a.at_ms - b.at_ms);
  return { ...timeline, events };
}
