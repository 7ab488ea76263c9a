// What the stand-in tells: devices, numbers, findings, settings, personas, and how a call looks.

import { randomBytes } from 'node:crypto';
import { pieces_of } from './kept.js';

const hex = (bytes) => randomBytes(bytes).toString('hex');

export function new_call() {
  return {
    call: `c_${hex(6)}`,
    call_sid: `CA${hex(16)}`,
    stream_sid: '',
    direction: 'outbound',
    to: '',
    from: '',
    state: 'created',
    streaming: false,
    reason: '',
    answered_by: '',
    carrier_code: 0,
    sip_code: 0,
    end_confirmed: false,
    outcome_unknown: false,
    streamed_ms: 0,
    frames: 0,
    lost_ms: 0,
    late: 0,
    duplicates: 0,
    stalls: 0,
    malformed: 0,
    local: {
      ringing: false,
      voicemail: false,
      focus: false,
      microphone: false,
      muted: false,
      held: false,
      gain: 1,
      pan: 0,
      volume: 100,
      solo: false,
    },
    outbound: { lead_ms: 182.5, round_trip_ms: 84.1, dropped_live_ms: 0 },
    playout: { buffer_ms: 61, jitter_ms: 8.2, concealed_ms: 20, latency_p50_ms: 94 },
    created: new Date().toISOString(),
    log: [],
    kept: {},
    samples: {
      at_ms: [],
      playout_depth_ms: [],
      jitter_ms: [],
      outbound_ahead_ms: [],
      lost_ms: [],
      far_level_db: [],
      near_level_db: [],
      concealed_ms: [],
    },
  };
}

export function sample(call, at) {
  const n = call.samples.at_ms.length;
  const wave = (low, high, speed) => Math.round((low + ((Math.sin(n / speed) + 1) / 2) * (high - low)) * 10) / 10;
  call.samples.at_ms.push(at);
  call.samples.playout_depth_ms.push(wave(45, 80, 5));
  call.samples.jitter_ms.push(wave(4, 14, 3));
  call.samples.outbound_ahead_ms.push(wave(160, 240, 7));
  call.samples.lost_ms.push(n > 20 ? 40 : 0);
  call.samples.far_level_db.push(n % 9 === 4 ? null : wave(-48, -18, 2));
  call.samples.near_level_db.push(wave(-55, -20, 4));
  call.samples.concealed_ms.push(n > 20 ? 20 : 0);
}

export function turns() {
  const figures = { count: 3, p50_ms: 810, p95_ms: 1240, p99_ms: 1310, max_ms: 1310 };
  return {
    count: 3,
    unanswered: 0,
    interruptions: 0,
    coughs: 0,
    legs: { detect: figures, agent: figures, socket: figures, heard: figures, total: figures },
    last_ms: { detect: 200, agent: 410, socket: 10, heard: 190, total: 810 },
  };
}

export function timeline_event(type, data) {
  switch (type) {
    case 'state':
      return { lane: 'state', kind: data.state, text: data.reason };
    case 'stream_up':
      return { lane: 'stream', kind: 'stream up', text: data.stream_sid };
    case 'digits_sent':
      return { lane: 'dtmf', kind: 'sent', text: data.digits };
    case 'said':
      return data.final ? { lane: 'words', kind: data.by, text: data.text } : undefined;
    case 'agent':
      return { lane: 'agent', kind: data.agent ? data.agent.status : 'off', text: data.agent?.mode ?? '' };
    case 'transfer':
      return { lane: 'transfer', kind: data.transfer.status, text: data.transfer.to };
    case 'local':
      return { lane: 'local', kind: 'here', text: data.local.held ? 'held' : data.local.muted ? 'muted' : 'open' };
    case 'recording':
      return { lane: 'recording', kind: data.recording.status, text: data.recording.problem ?? '' };
    case 'transcription':
      return { lane: 'recording', kind: 'transcription', text: `${data.transcription.status}: ${data.transcription.engine}` };
    case 'warning':
      return { lane: 'warning', kind: 'warning', text: data.text };
    default:
      return undefined;
  }
}

const kTaken = [
  ['agent', 'Good morning, this is the front desk. How may I help you?'],
  ['caller', 'I would like to move my appointment, <i>please</i>.'],
  ['agent', 'Of course. Which day would suit you?'],
  ['caller', 'Thursday would be best for me, if that is possible.'],
  ['agent', 'Thursday at ten is free. Shall I book it?'],
  ['caller', 'Yes, please. Thank you very much.'],
];

export const taken_down = () => pieces_of(kTaken);

const kEnds = ['completed', 'completed', 'completed', 'busy', 'no-answer', 'failed', 'completed'];

export function past_call(exchange, n) {
  const call = exchange.make({
    direction: n % 3 === 0 ? 'inbound' : 'outbound',
    to: n % 3 === 0 ? '+15005550006' : `+1202555${String(1000 + n * 7).slice(-4)}`,
    from: n % 3 === 0 ? `+1415555${String(2000 + n * 13).slice(-4)}` : '+15005550006',
    state: kEnds[n % kEnds.length],
    created: new Date(Date.now() - (n + 1) * 47 * 60_000).toISOString(),
  });
  call.ended = new Date(Date.parse(call.created) + 184_000).toISOString();
  if (call.state === 'completed') call.streamed_ms = 165_000 + n * 1000;
  if (call.state === 'failed') call.reason = 'the carrier refused the number (21211)';
  if (n % 4 === 0) call.agent = { name: 'local', status: 'ready', mode: 'speaks', sessions: 1 };
  if (call.state === 'completed') {
    call.kept = { recorded_ms: n % 2 === 0 ? 30_000 + n * 1000 : 0, ...(n % 4 === 0 ? { pieces: taken_down() } : {}) };
    call.captured = n % 5 === 0;
    call.recorded = n % 2 === 0;
    call.transcribed = n % 4 === 0;
  }
  for (let at = 5000; at < 184_000; at += 1000) sample(call, at);
  call.log = [
    { at_ms: 20, lane: 'state', kind: 'queued', text: '' },
    { at_ms: 340, lane: 'webhook', kind: '/twilio/voice', text: 'answered with a stream in 2 ms' },
    { at_ms: 2100, lane: 'state', kind: 'ringing', text: '' },
    { at_ms: 4800, lane: 'state', kind: 'in-progress', text: '' },
    { at_ms: 5000, lane: 'stream', kind: 'stream up', text: 'MZ…' },
    { at_ms: 6200, lane: 'words', kind: 'agent', text: 'Good morning, this is the front desk. How may I help you?' },
    { at_ms: 9800, lane: 'clear', kind: 'clear', text: '640 ms were thrown away' },
    { at_ms: 10_400, lane: 'words', kind: 'caller', text: 'I would like to move my appointment, <i>please</i>.' },
    { at_ms: 12_000, lane: 'mark', kind: 'played', text: 'u3' },
    { at_ms: 31_000, lane: 'dtmf', kind: 'heard', text: '5' },
    { at_ms: 60_000, lane: 'warning', kind: 'warning', text: 'no sound came for 900 ms' },
    { at_ms: 184_000, lane: 'state', kind: call.state, text: call.reason },
  ];
}

export function ledger_row(call, age) {
  return {
    sid: call.call_sid,
    parent_sid: null,
    to: call.to,
    from: call.from,
    direction: call.direction,
    status: call.state,
    created: call.created,
    answered: call.answered_at ?? null,
    ended: call.ended ?? null,
    call_seconds: age / 1000,
    billed_seconds: 60,
    streams: [],
  };
}

export const personas = [
  { name: 'greeting', description: 'says what you have reached, and hangs up', number: '+12025550100' },
  { name: 'echo', description: 'says what it hears', number: '+12025550101' },
  { name: 'tone', description: '440 Hz for 5 s', number: '+12025550102' },
  { name: 'busy', description: 'is engaged', number: '+12025550103' },
  { name: 'no-answer', description: 'rings for ever', number: '+12025550104' },
  { name: 'voicemail', description: 'an announcement and a beep', number: '+12025550105' },
  { name: 'failed', description: 'cannot be reached', number: '+12025550106' },
  { name: 'receptionist-caller', description: 'leaves a message with the local agent', number: '+12025550109' },
];

export const faults_known = [
  { name: 'create', description: 'creates of calls', value: '429:2s*3' },
  { name: 'voice', description: 'requests for instructions', value: 'delay:3s' },
  { name: 'callbacks', description: 'status callbacks', value: 'duplicate%50' },
  { name: 'socket', description: 'the audio connection', value: 'drop@3s' },
  { name: 'pace', description: 'when media messages leave', value: 'jitter:60ms' },
  { name: 'frames', description: 'media messages themselves', value: 'missing%5' },
];

const numbers = [
  { number: '+15005550006', sid: 'PN0001', name: 'front desk', voice_url: 'http://127.0.0.1:8000/twilio/voice', here: true },
  { number: '+15005550007', sid: 'PN0002', name: '+15005550007', voice_url: 'https://their.example/voice', here: false },
];

export function set_number(number, here) {
  const own = numbers.find((one) => one.number === number);
  if (own) own.here = here;
  return { number };
}

export const answers = {
  '/agents': () => ({
    agents: [
      { name: 'local', ready: true, problem: null },
      { name: 'echo', ready: true, problem: null },
      { name: 'openai', ready: false, problem: 'OPENAI_API_KEY is not set.' },
    ],
    default: null,
  }),
  '/devices': () => ({
    outputs: [
      { id: 'hw:0', name: 'Built-in speakers', default: true, rate: 48_000, channels: 2 },
      { id: 'hw:1', name: 'USB headset', default: false, rate: 44_100, channels: 2 },
    ],
    inputs: [{ id: 'hw:1', name: 'USB headset', default: true, rate: 44_100, channels: 1 }],
    in_use: { output: 'hw:0', input: null },
  }),
  '/numbers': () => ({ numbers }),
  '/doctor': () => ({
    findings: [
      { id: 'config', title: 'Configuration', status: 'ok', detail: 'Everything that is needed is set.' },
      { id: 'carrier', title: 'Carrier', status: 'ok', detail: 'The built-in emulator answers in 2 ms.' },
      {
        id: 'public_url',
        title: 'Public address',
        status: 'warning',
        detail: 'It is reached over plain http, which only this machine can do.',
        fix: 'Set PUBLIC_URL to an https address.',
      },
      {
        id: 'audio',
        title: 'Speakers',
        status: 'failed',
        detail: 'The device "USB" named by AGENTBRIDGE_OUTPUT is not there.',
        fix: 'Plug it in, or choose another with agentbridge devices list.',
      },
      { id: 'agent', title: 'Agent', status: 'skipped', detail: 'No agent is set.' },
    ],
  }),
  '/config': () => ({
    settings: [
      { name: 'TWILIO_ACCOUNT_SID', value: 'AC01…cdef', origin: '.env', secret: true },
      { name: 'TWILIO_AUTH_TOKEN', value: '***', origin: '.env', secret: true },
      { name: 'PUBLIC_URL', value: 'http://127.0.0.1:8000', origin: 'environment', secret: false },
      { name: 'AUDIO_SAMPLE_RATE', value: '8000', origin: 'default', secret: false },
      { name: 'AGENTBRIDGE_ANSWER', value: 'ring', origin: '--answer', secret: false },
    ],
  }),
};
