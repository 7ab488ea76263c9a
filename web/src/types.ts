// What the control API answers, as far as the page uses it. docs/control-plane.md is the reference.

export type CallState = 'created' | 'queued' | 'ringing' | 'in-progress' | 'completed' | 'busy' | 'failed' | 'no-answer' | 'canceled';

export interface LocalPart {
  ringing: boolean;
  voicemail?: boolean;
  focus: boolean;
  microphone: boolean;
  muted: boolean;
  held: boolean;
  gain: number;
  pan: number;
  volume?: number;
  solo?: boolean;
}

export interface Transfer {
  to: string;
  status: string;
  mode: 'cold' | 'warm';
  call?: string;
}

export type AgentMode = 'speaks' | 'whisper' | 'together' | 'taken-over';

export interface AgentPart {
  name: string;
  status: 'none' | 'connecting' | 'ready' | 'lost' | 'gone';
  mode: AgentMode;
  sessions: number;
  reason?: string;
}

export interface TurnLegs {
  detect?: number;
  agent?: number;
  socket?: number;
  heard?: number;
  total?: number;
}

export interface LegFigures {
  count: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  max_ms: number;
}

export interface Turns {
  count: number;
  unanswered: number;
  interruptions: number;
  legs: Record<keyof TurnLegs, LegFigures>;
  greeting_ms?: TurnLegs;
  last_ms?: TurnLegs;
}

export type Side = 'far' | 'near';

export interface RecordingPart {
  status: 'none' | 'recording' | 'paused' | 'stopped' | 'failed';
  file?: string;
  problem?: string;
}

export interface TranscriptionPart {
  engine: string;
  status: 'none' | 'connecting' | 'running' | 'lost' | 'off' | 'failed';
  reason?: string;
}

/** Times of words and pieces are milliseconds of the call's sound: 0 is where its first stream began. */
export interface PieceWord {
  text: string;
  begin_ms: number;
  end_ms: number;
  confidence: number | null;
}

/** One utterance of one side; a later piece of the same speaker and number takes the place of an earlier one. */
export interface Piece {
  speaker: Side;
  number: number;
  final: boolean;
  begin_ms: number;
  end_ms: number;
  text: string;
  confidence: number | null;
  words: PieceWord[];
}

export interface TranscriptDocument {
  call: string;
  engine: string;
  complete: boolean;
  /** Older pieces that were too many to keep. */
  dropped?: number;
  pieces: Piece[];
}

export type RecordingFormat = 'wav' | 'flac' | 'opus';

export interface RecordingEntry {
  name: string;
  call: string;
  call_sid: string;
  began: string;
  duration_ms: number;
  bytes: number;
  formats: RecordingFormat[];
  live: boolean;
  to?: string;
  from?: string;
  direction?: 'inbound' | 'outbound';
  source: 'bridge' | 'twilio';
  /** Where on the call's own time the file begins. */
  offset_ms?: number;
}

/** How loud each part of a recording is, 0 to 1, for drawing. */
export interface Peaks {
  duration_ms: number;
  far: number[];
  near: number[];
}

/** Where a search found its words. They stand between U+0001 and U+0002. */
export interface Match {
  where: 'transcript' | 'number' | 'reason' | 'message';
  begin_ms?: number;
  speaker?: Side;
  snippet: string;
}

export interface Call {
  call: string;
  call_sid: string;
  direction: 'inbound' | 'outbound';
  to: string;
  from: string;
  state: CallState;
  streaming: boolean;
  reason: string;
  answered_by: string;
  duration_ms: number;
  /** Who hears the call from outside, and may be heard. */
  listeners?: number;
  talkers?: number;
  streamed_ms: number;
  frames: number;
  lost_ms: number;
  stalls: number;
  local: LocalPart;
  created?: string;
  answered_at?: string;
  ended?: string;
  billed_s?: number;
  parent?: string;
  transfer?: Transfer;
  agent?: AgentPart;
  recording?: RecordingPart;
  transcription?: TranscriptionPart;
  recorded?: boolean;
  transcribed?: boolean;
  captured?: boolean;
  matches?: Match[];
  turns?: Turns;
  outbound?: { lead_ms: number; round_trip_ms: number; dropped_live_ms: number };
  playout?: { buffer_ms: number; jitter_ms: number; concealed_ms: number; latency_p50_ms: number };
}

export interface Session {
  version: string;
  pid: number;
  started: string;
  instance: string;
  carrier: 'twilio' | 'emulator';
  port: number;
}

export interface Hello {
  version: string;
  pid: number;
  started: string;
  instance: string;
}

export interface CallEvent {
  type: string;
  call: string;
  time: string;
  [more: string]: unknown;
}

export interface LevelsMessage {
  calls: { call: string; far: number[]; near: number[]; far_clipped: boolean; near_clipped: boolean }[];
}

export interface TimelineEvent {
  at_ms: number;
  lane: string;
  kind: string;
  text: string;
  /** Figures, each in the unit that its name ends in. */
  data?: Record<string, number | null>;
}

export interface Samples {
  at_ms: number[];
  playout_depth_ms: (number | null)[];
  jitter_ms: (number | null)[];
  outbound_ahead_ms: (number | null)[];
  lost_ms: (number | null)[];
  far_level_db: (number | null)[];
  near_level_db: (number | null)[];
  concealed_ms: (number | null)[];
}

export interface Timeline {
  call: string;
  began: string;
  now_ms: number;
  events: TimelineEvent[];
  samples: Samples;
  dropped_events: number;
}

/** Where sound was missing, who heard it so, and which hop made it. */
export interface Gap {
  at_ms: number;
  length_ms: number;
  heard_by: 'speaker' | 'phone';
  hop: string;
  why: string;
}

/** What a captured call tells when it is done again. Its times are the timeline's. */
export interface CaptureReport {
  call: string;
  program: string;
  hash: string;
  same: boolean;
  difference_count: number;
  complete: boolean;
  damage: string;
  length_ms: number;
  totals: {
    turns: number;
    media: number;
    frames_sent: number;
    messages_sent: number;
    frames_refused: number;
    marks: number;
    marks_echoed: number;
    clears: number;
    underruns: number;
    concealed_ms: number;
    trimmed_ms: number;
    longest_wait_ms: number;
    latest_timer_ms: number;
    longest_pull_ms: number;
    pulls_not_captured: number;
  };
  gaps: Gap[];
}

export interface AgentChoice {
  name: string;
  ready: boolean;
  problem: string | null;
}

export interface Agents {
  agents: AgentChoice[];
  default: string | null;
}

export interface Device {
  id: string;
  name: string;
  default: boolean;
  rate: number;
  channels: number;
}

export interface Devices {
  outputs: Device[];
  inputs: Device[];
  in_use: { output: string | null; input: string | null };
}

/** What became of a number that was to be given back. */
export interface ReturnedNumber {
  number: string;
  what: 'returned' | 'already returned' | 'changed by somebody else' | 'gone' | 'held' | 'failed';
  detail: string;
}

export interface OwnNumber {
  number: string;
  sid: string;
  name: string;
  voice_url: string;
  here: boolean;
}

export interface Finding {
  id: string;
  title: string;
  status: 'ok' | 'warning' | 'failed' | 'skipped';
  detail: string;
  fix?: string;
}

export interface Setting {
  name: string;
  /** Null: it has none. */
  value: string | null;
  origin: string;
  secret: boolean;
}

export interface Persona {
  name: string;
  description: string;
  number?: string;
}

export interface KnownFault {
  name: string;
  description: string;
  value: string;
}

export interface EmulatorInfo {
  url: string;
  personas: Persona[];
  faults: Record<string, unknown>;
  faults_known: KnownFault[];
}

export interface LedgerCall {
  sid: string;
  to: string;
  from: string;
  direction: string;
  status: string;
  created: string;
  answered: string | null;
  ended: string | null;
  call_seconds: number;
  billed_seconds: number;
}

export interface Ledger {
  calls: LedgerCall[];
  open: number;
  call_seconds: number;
  billed_seconds: number;
}
