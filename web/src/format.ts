// Numbers, times and states in words. Everything here is a pure function.

import type { Call, CallState, RecordingPart, TranscriptionPart } from './types';

const kFinal: ReadonlySet<CallState> = new Set(['completed', 'busy', 'failed', 'no-answer', 'canceled']);

export function is_final(state: CallState): boolean {
  return kFinal.has(state);
}

/** The other end of a call. */
export function peer(call: Pick<Call, 'direction' | 'to' | 'from'>): string {
  const number = call.direction === 'inbound' ? call.from : call.to;
  return number || 'unknown number';
}

/** "+12025550123" as "+1 202 555 0123"; what is not a North American number stays as it is. */
export function pretty_number(number: string): string {
  const parts = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return parts ? `+1 ${parts[1]} ${parts[2]} ${parts[3]}` : number;
}

const kStates: Record<CallState, string> = {
  created: 'Starting',
  queued: 'Dialling',
  ringing: 'Ringing',
  'in-progress': 'In progress',
  completed: 'Ended',
  busy: 'Busy',
  failed: 'Failed',
  'no-answer': 'No answer',
  canceled: 'Cancelled',
};

export function state_words(call: Pick<Call, 'state' | 'local'>): string {
  if (!is_final(call.state)) {
    if (call.local.ringing) return 'Ringing here';
    if (call.local.voicemail) return 'Leaving a message';
    if (call.local.held) return 'On hold';
  }
  return kStates[call.state] ?? call.state;
}

/** What colour a state has: a name that the style sheet knows. */
export function state_tone(call: Pick<Call, 'state' | 'local'>): 'live' | 'wait' | 'held' | 'bad' | 'over' {
  if (call.state === 'failed' || call.state === 'busy' || call.state === 'no-answer') return 'bad';
  if (is_final(call.state)) return 'over';
  if (call.local.ringing) return 'wait';
  if (call.local.held) return 'held';
  return call.state === 'in-progress' ? 'live' : 'wait';
}

/** 65_000 as "1:05", 3_600_000 as "1:00:00". */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const s = String(seconds % 60).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${s}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${s}`;
}

/** The same, for a screen reader: "1 minute 5 seconds". */
export function spoken_clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: string[] = [];
  const add = (count: number, unit: string) => {
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`);
  };
  add(Math.floor(seconds / 3600), 'hour');
  add(Math.floor(seconds / 60) % 60, 'minute');
  add(seconds % 60, 'second');
  return parts.join(' ') || '0 seconds';
}

/** "14:05:09.120" after the beginning of a call: mm:ss.mmm. */
export function offset(ms: number): string {
  const sign = ms < 0 ? '-' : '';
  const all = Math.abs(Math.round(ms));
  const minutes = Math.floor(all / 60_000);
  const seconds = String(Math.floor(all / 1000) % 60).padStart(2, '0');
  return `${sign}${minutes}:${seconds}.${String(all % 1000).padStart(3, '0')}`;
}

export function millis(value: number | undefined | null): string {
  if (value === undefined || value === null) return '–';
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`;
}

/** A time of day today, else with its date; empty for what is no time. */
/** Of an event: "heard 480 ms, sent 1,200 ms, count 2". Numbers by which the machine knows things are left out. */
export function figures(data: Record<string, number | null>): string {
  const shown = Object.entries(data).filter(([name, value]) => name !== 'utterance' && value !== null);
  return shown
    .map(([name, value]) => {
      const words = name.replace(/_ms$/, '').replaceAll('_', ' ');
      const rounded = Math.round(value as number).toLocaleString('en-US');
      return name.endsWith('_ms') ? `${words} ${rounded} ms` : `${words} ${rounded}`;
    })
    .join(', ');
}

export function when(iso: string | undefined | null, now: Date = new Date()): string {
  if (!iso) return '';
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return '';
  const of_day = time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  if (time.toDateString() === now.toDateString()) return of_day;
  const of_year = time.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' as const };
  return `${time.toLocaleDateString([], { month: 'short', day: 'numeric', ...of_year })}, ${of_day}`;
}

/** A peak of 0…1 as decibels below full scale, at least -60. */
export function decibels(peak: number): number {
  return peak <= 0.001 ? -60 : Math.max(-60, Math.min(0, 20 * Math.log10(peak)));
}

/** How far a meter goes for a peak, 0…1, even in loudness as an ear hears it. */
export function meter_part(peak: number): number {
  return (decibels(peak) + 60) / 60;
}

/** What somebody typed or pasted, as a number to dial: "(202) 555-0123" as "2025550123"; addresses stay. */
export function dialable(text: string): string {
  const trimmed = text.trim();
  if (/^(sip|sips|client):/i.test(trimmed)) return trimmed;
  return trimmed.replace(/[\s().\-/]/g, '');
}

/** One sentence about how a transfer stands. */
export function transfer_words(transfer: { to: string; status: string; mode: string }): string {
  const to = pretty_number(transfer.to) || 'another number';
  const { status } = transfer;
  if (status === 'dialling') return `Transfer: dialling ${to}`;
  if (status === 'ringing') return `Transfer: ringing at ${to}`;
  if (status === 'briefing') return `Transfer: ${to} has answered; speak to them, then join`;
  if (status === 'joining') return `Transfer: connecting with ${to}`;
  if (status === 'connected') return `Transferred to ${to}`;
  if (status === 'over') return `The transfer to ${to} is over`;
  if (status.startsWith('failed')) return `The transfer to ${to} failed${status.slice('failed'.length)}`;
  return `Transfer to ${to}: ${status}`;
}

/** What a recording does now; empty: nothing is recorded. */
export function recording_words(recording: RecordingPart | undefined): string {
  if (recording?.status === 'recording') return 'Recording';
  if (recording?.status === 'paused') return 'Recording paused';
  return recording?.status === 'failed' ? 'The recording has failed' : '';
}

/** How a transcription stands, where that is not simply that it runs. */
export function transcription_words(transcription: TranscriptionPart | undefined): string {
  const why = transcription?.reason ? `: ${transcription.reason}` : '';
  if (transcription?.status === 'connecting') return 'Transcript: getting ready';
  if (transcription?.status === 'lost') return `Transcript: lost, coming back${why}`;
  return transcription?.status === 'failed' ? `The transcript has ended${why}` : '';
}

/** 64_044 as "64 kB". */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${Math.round(bytes / 1000)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Somebody else has the far end: nothing here reaches it any more. */
export function is_handed_over(call: Pick<Call, 'transfer'>): boolean {
  return call.transfer?.status === 'connected';
}

export function is_transfer_open(status: string): boolean {
  return status === 'dialling' || status === 'ringing' || status === 'briefing' || status === 'joining';
}
