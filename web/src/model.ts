// What the page knows of the calls, and how an event changes it. Pure: the store holds one of these and replaces it.

import { is_final } from './format';
import { type Line, near_name, with_document, with_past, with_piece, with_said } from './words';
import type {
  AgentPart,
  Call,
  CallEvent,
  CallState,
  LocalPart,
  Piece,
  RecordingPart,
  Timeline,
  TranscriptDocument,
  TranscriptionPart,
  Transfer,
  TurnLegs,
} from './types';

export interface Known {
  call: Call;
  /** performance.now() when `call.duration_ms` was true. */
  at: number;
  words: readonly Line[];
  /** Who listens in and who may speak, browsers and terminals. */
  ears: number;
  talkers: number;
  warning: string;
}

export type Model = ReadonlyMap<string, Known>;

/** Calls that are over stay this many at most, for the page that shows them. */
export const kOverKept = 20;

const kRank: Record<CallState, number> = {
  created: 0,
  queued: 1,
  ringing: 2,
  'in-progress': 3,
  completed: 4,
  busy: 4,
  failed: 4,
  'no-answer': 4,
  canceled: 4,
};

/** What the list of live calls said: calls that it does not have are gone, words that were heard stay. */
export function from_list(old: Model, calls: readonly Call[], at: number): Model {
  const next = new Map<string, Known>();
  for (const call of calls) next.set(call.call, known_of(old.get(call.call), call, at));
  return next;
}

export function with_call(old: Model, call: Call, at: number): Model {
  const before = old.get(call.call);
  if (before && kRank[before.call.state] > kRank[call.state]) return old;
  const next = new Map(old);
  next.set(call.call, known_of(before, call, at));
  return pruned(next);
}

/** Snapshots of events do not have all of a call's own place on this machine, such as its volume. */
function known_of(before: Known | undefined, call: Call, at: number): Known {
  return {
    call: before ? { ...call, local: { ...before.call.local, ...call.local } } : call,
    at,
    words: before?.words ?? [],
    ears: call.listeners ?? before?.ears ?? 0,
    talkers: call.talkers ?? before?.talkers ?? 0,
    warning: before?.warning ?? '',
  };
}

/** True if the event tells of a call that has to be fetched first. */
export function is_news(model: Model, event: CallEvent): boolean {
  return !model.has(event.call) && event.call !== '' && (event.type === 'state' || event.type === 'ringing');
}

export function apply_event(old: Model, event: CallEvent, at: number): Model {
  const snapshot = event.snapshot as Call | undefined;
  if ((event.type === 'statistics' || event.type === 'ended') && snapshot && snapshot.call) {
    if (!old.has(snapshot.call) && event.type === 'ended') return old;
    return with_call(old, snapshot, at);
  }
  const before = old.get(event.call);
  if (!before) return old;
  const after = changed(before, event);
  if (after === before) return old;
  const next = new Map(old);
  next.set(event.call, after);
  return next;
}

function changed(known: Known, event: CallEvent): Known {
  const { call } = known;
  const part = (more: Partial<Call>): Known => ({ ...known, call: { ...call, ...more } });
  switch (event.type) {
    case 'state':
      return with_state(known, event.state as CallState, event);
    case 'stream_up':
      return part({ streaming: true });
    case 'stream_down':
      return part({ streaming: false });
    case 'ringing':
      return part({ local: { ...call.local, ringing: true } });
    case 'ring_ended':
      return part({ local: { ...call.local, ringing: false } });
    case 'machine':
      return part({ answered_by: String(event.answered_by ?? '') });
    case 'local':
      return part({ local: { ...call.local, ...(event.local as Partial<LocalPart>) } });
    case 'transfer':
      return part({ transfer: event.transfer as Transfer });
    case 'agent':
      return with_agent(known, event.agent as AgentPart | null | undefined);
    case 'turn':
      return with_turn(known, event);
    case 'said':
      // What a recognizer takes down of both sides is not shown twice.
      return call.transcription?.status === 'running' ? known : { ...known, words: with_said(known.words, event) };
    case 'recording':
      return part({ recording: event.recording as RecordingPart });
    case 'transcription':
      return part({ transcription: event.transcription as TranscriptionPart });
    case 'transcript':
      return { ...known, words: with_piece(known.words, event.piece as Piece, near_name(call), event.time) };
    case 'listener':
      return { ...known, ears: Number(event.count ?? 0), talkers: Number(event.talkers ?? 0) };
    case 'warning':
      return { ...known, warning: String(event.text ?? '') };
    default:
      return known;
  }
}

function with_state(known: Known, state: CallState, event: CallEvent): Known {
  const { call } = known;
  if (!(state in kRank) || kRank[state] < kRank[call.state]) return known;
  const next: Call = { ...call, state, reason: String(event.reason ?? call.reason) };
  if (state === 'in-progress' && !next.answered_at) next.answered_at = event.time;
  if (is_final(state)) {
    next.streaming = false;
    next.local = { ...call.local, ringing: false, microphone: false, held: false };
    if (!next.ended) next.ended = event.time;
  }
  return { ...known, call: next };
}

function with_agent(known: Known, agent: AgentPart | null | undefined): Known {
  const { agent: _, ...rest } = known.call;
  if (!agent || agent.status === 'none') return { ...known, call: rest };
  return { ...known, call: { ...rest, agent } };
}

/** The last turn's latency comes with its event; the percentiles come with the next statistics. */
function with_turn(known: Known, event: CallEvent): Known {
  const turns = known.call.turns;
  const legs = event.latency_ms as TurnLegs | undefined;
  if (!turns || typeof legs?.total !== 'number') return known;
  const { detect, agent, socket, heard, total } = legs;
  const last = Object.fromEntries(
    Object.entries({ detect, agent, socket, heard, total }).filter(([, value]) => typeof value === 'number'),
  ) as TurnLegs;
  return { ...known, call: { ...known.call, turns: { ...turns, count: turns.count + 1, last_ms: last } } };
}

/** What was said before this page looked: as a recognizer took it down, or, where none did, from the call's timeline. */
export function with_past_words(old: Model, past: Timeline | TranscriptDocument): Model {
  const known = old.get(past.call);
  if (!known) return old;
  const words = 'pieces' in past ? with_document(known.words, past, near_name(known.call)) : with_past(known.words, past);
  return words === known.words ? old : new Map(old).set(past.call, { ...known, words });
}

function pruned(model: Map<string, Known>): Model {
  const over = [...model.values()].filter((known) => is_final(known.call.state));
  for (const known of over.slice(0, Math.max(0, over.length - kOverKept))) model.delete(known.call.call);
  return model;
}

/** Since it was answered; before that, since it was created; once it is over, how long it lasted. */
export function running_ms(known: Known, now: number): number {
  const { call, at } = known;
  const moving = is_final(call.state) ? 0 : Math.max(0, now - at);
  const age = call.duration_ms + moving;
  if (!call.created || !call.answered_at) return age;
  const waited = Date.parse(call.answered_at) - Date.parse(call.created);
  return Number.isFinite(waited) && waited >= 0 ? Math.max(0, age - waited) : age;
}
