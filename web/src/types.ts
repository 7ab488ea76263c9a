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
  data?: unknown;
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
  value: string;
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
