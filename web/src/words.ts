// What was said on a call, line by line: what agents and their services told, and what a recognizer took down. Pure.

import type { Call, CallEvent, Piece, Timeline, TranscriptDocument } from './types';

export interface Line {
  /** The line's key on this page. */
  key: string;
  side: 'far' | 'near';
  who: string;
  text: string;
  final: boolean;
  time: string;
  /** Of a line that a recognizer took down. */
  piece?: Piece;
}

/** Older words of a live call are forgotten. */
export const kWordsKept = 400;
export const kFarName = 'Phone';

/** Who speaks on this side. */
export function near_name(call: Pick<Call, 'agent'>): string {
  if (!call.agent || call.agent.mode === 'taken-over') return 'You';
  return call.agent.mode === 'together' ? 'You or agent' : 'Agent';
}

/** Who spoke on this side in all of a call. */
export function near_name_of_all(call: Pick<Call, 'agent'>): string {
  return call.agent?.mode === 'taken-over' ? 'You or agent' : near_name(call);
}

const kept = (lines: readonly Line[]) => (lines.length > kWordsKept ? lines.slice(-kWordsKept) : lines);

/** A line that is not final is replaced by what the same speaker is understood to have said next. */
export function with_said(lines: readonly Line[], event: CallEvent): readonly Line[] {
  const side = event.by === 'agent' ? 'near' : 'far';
  const text = String(event.text ?? '');
  if (text === '') return lines;
  const open = lines.findLastIndex((line) => !line.piece && line.side === side && !line.final);
  const line: Line = {
    key: open >= 0 ? (lines[open] as Line).key : next_key(lines),
    side,
    who: side === 'near' ? 'Agent' : kFarName,
    text,
    final: event.final !== false,
    time: event.time,
  };
  return open >= 0 ? lines.with(open, line) : kept([...lines, line]);
}

function next_key(lines: readonly Line[]): string {
  const last = lines.findLast((line) => !line.piece);
  return String(last ? Number(last.key) + 1 : 1);
}

/** A piece takes the place of an earlier one of the same utterance, or its own by when it began; an empty one is taken back. */
export function with_piece(lines: readonly Line[], piece: Piece, near: string, time: string): readonly Line[] {
  const key = `${piece.speaker} ${piece.number}`;
  const at = lines.findIndex((line) => line.key === key);
  const before = lines[at];
  if (before?.final) return lines;
  if (piece.text === '') return before ? lines.toSpliced(at, 1) : lines;
  if (before) return lines.with(at, { ...before, text: piece.text, final: piece.final, piece });
  let place = lines.length;
  while (place > 0 && (lines[place - 1]?.piece?.begin_ms ?? -Infinity) > piece.begin_ms) --place;
  const who = piece.speaker === 'near' ? near : kFarName;
  return kept(lines.toSpliced(place, 0, { key, side: piece.speaker, who, text: piece.text, final: piece.final, time, piece }));
}

/** What a recognizer took down before this page looked, or while it was cut off. */
export function with_document(lines: readonly Line[], document: TranscriptDocument, near: string): readonly Line[] {
  return document.pieces.reduce((all, piece) => with_piece(all, piece, near, ''), lines);
}

/** What an agent told before the first line that is known here, from the call's timeline. */
export function with_past(lines: readonly Line[], timeline: Timeline): readonly Line[] {
  const began = Date.parse(timeline.began);
  const first = lines[0];
  const past = timeline.events
    .filter((event) => event.lane === 'words')
    .map((event) => ({ near: event.kind === 'agent', text: event.text, at: began + event.at_ms }))
    .filter((one) => !first?.time || one.at < Date.parse(first.time))
    .slice(-kWordsKept);
  if (past.length === 0) return lines;
  const n = Number(lines.find((line) => !line.piece)?.key ?? 1) - past.length;
  return kept([
    ...past.map((one, index): Line => ({
      key: String(n + index),
      side: one.near ? 'near' : 'far',
      who: one.near ? 'Agent' : kFarName,
      text: one.text,
      final: true,
      time: new Date(one.at).toISOString(),
    })),
    ...lines,
  ]);
}
