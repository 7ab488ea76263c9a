// The calls of the stand-in: they are dialled, ring, talk and end by themselves, and every request of the API changes them.

import { randomUUID } from 'node:crypto';
import { Archive, paged, problem } from './archive.js';
import * as fixtures from './fixtures.js';
import { matches_of } from './kept.js';

const kRing = 2000;
const kFinal = ['completed', 'busy', 'failed', 'no-answer', 'canceled'];
const kScript = [
  ['agent', 'Good morning, this is the front desk. How may I help you?'],
  ['caller', 'Hi, I would like to move my appointment.'],
  ['agent', 'Of course. Which day would suit you?'],
  ['caller', 'Thursday, <b>if possible</b>.'],
  ['agent', 'Thursday at ten is free. Shall I book it?'],
];

function check_agent(agent) {
  if (!agent || fixtures.answers['/agents']().agents.some((one) => one.name === agent)) return;
  const host = /^wss?:\/\/([^/:]+)/.exec(agent)?.[1];
  if (!host) throw problem(422, 'bad_field', `agent: '${agent}' is no agent; there are ws(s):// addresses`, 'agent');
  if (agent.startsWith('ws:') && host !== '127.0.0.1' && host !== 'localhost')
    throw problem(422, 'bad_field', `agent: '${agent}': plain ws is for this machine alone; use wss`, 'agent');
}

export class Exchange {
  constructor({ instance, emulator }) {
    this.instance = instance;
    this.emulator = emulator;
    this.started = new Date().toISOString();
    this.calls = new Map();
    this.keys = new Map();
    this.faults = {};
    this.archive = new Archive(this);
    this.ledger = [];
    this.streams = new Set();
    this.ring = [];
    this.sequence = 0;
    this.phase = 0;
    this.captures = false;
    /** What tests ask to go wrong: the next request of that route is refused with it. */
    this.refuse = new Map();
    this.timers = new Set([
      setInterval(() => this.levels(), 100),
      setInterval(() => this.comment(), 2000),
      setInterval(() => this.statistics(), 1000),
    ]);
  }

  stop() {
    for (const timer of this.timers) clearInterval(timer);
    for (const stream of this.streams) stream.answer.end();
    this.timers.clear();
  }

  about() {
    return {
      version: '0.0-mock',
      pid: process.pid,
      started: this.started,
      instance: this.instance,
      carrier: this.emulator ? 'emulator' : 'twilio',
    };
  }

  later(ms, act) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, ms);
    this.timers.add(timer);
  }

  // --- events

  events(request, url, answer) {
    answer.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    const hello = { version: '0.0-mock', pid: process.pid, started: this.started, instance: this.instance };
    answer.write(`event: hello\ndata: ${JSON.stringify(hello)}\n\n`);
    const stream = { answer, levels: url.searchParams.get('levels') === '1' };
    const last = /^(.+)-(\d+)$/.exec(request.headers['last-event-id'] ?? '');
    if (last && last[1] === this.instance) {
      for (const event of this.ring.filter((one) => one.n > Number(last[2]))) answer.write(event.text);
    } else if (last) {
      answer.write('event: reset\ndata: {}\n\n');
    }
    this.streams.add(stream);
    answer.on('close', () => this.streams.delete(stream));
  }

  tell(type, call, more = {}) {
    const n = ++this.sequence;
    const data = { type, call: call.call, call_sid: call.call_sid, number: n, time: new Date().toISOString(), ...more };
    const text = `id: ${this.instance}-${n}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
    if (type !== 'statistics') this.ring = [...this.ring, { n, text }].slice(-2000);
    for (const stream of this.streams) stream.answer.write(text);
    const words = fixtures.timeline_event(type, data);
    if (words) call.log.push({ at_ms: this.age(call), ...words });
  }

  comment() {
    for (const stream of this.streams) stream.answer.write(': still here\n\n');
  }

  levels() {
    this.phase += 5;
    const calls = this.live()
      .slice(0, 20)
      .map((call) => {
        const speech = (n, offset) =>
          Math.max(0, Math.sin((n + offset) / 9) * Math.sin((n + offset) / 61)) * (0.25 + 0.2 * Math.sin(n * 1.7));
        const up = call.streaming && !call.local.held;
        const peaks = (offset) => Array.from({ length: 5 }, (_, i) => (up ? Math.abs(speech(this.phase + i, offset)) : 0));
        return { call: call.call, far: peaks(0), near: peaks(170), far_clipped: false, near_clipped: false };
      });
    for (const stream of this.streams) {
      if (stream.levels) stream.answer.write(`event: levels\ndata: ${JSON.stringify({ calls })}\n\n`);
    }
  }

  statistics() {
    for (const call of this.live()) {
      if (call.streaming) {
        call.streamed_ms += 1000;
        call.frames += 50;
        if (call.recording?.status === 'recording') call.kept.recorded_ms = (call.kept.recorded_ms ?? 0) + 1000;
        fixtures.sample(call, this.age(call));
      }
      this.tell('statistics', call, { snapshot: this.shown(call) });
    }
  }

  // --- calls

  live() {
    return [...this.calls.values()].filter((call) => !kFinal.includes(call.state));
  }

  age(call) {
    return (call.ended ? Date.parse(call.ended) : Date.now()) - Date.parse(call.created);
  }

  shown(call) {
    const { log: _log, samples: _samples, kept: _kept, ...rest } = call;
    return { ...rest, duration_ms: this.age(call) };
  }

  make(more) {
    const call = { ...fixtures.new_call(), ...more };
    this.calls.set(call.call, call);
    this.ledger.push({ sid: call.call_sid, to: call.to, from: call.from, direction: call.direction, created: call.created });
    return call;
  }

  state(call, state, reason = '') {
    call.state = state;
    call.reason = reason;
    if (state === 'in-progress') {
      call.answered_at = new Date().toISOString();
      call.streaming = true;
    }
    if (kFinal.includes(state)) {
      call.captured = this.captures;
      call.ended = new Date().toISOString();
      call.streaming = false;
      call.local = { ...call.local, ringing: false, microphone: false, held: false };
    }
    this.tell('state', call, { state, reason });
    if (state === 'in-progress') this.tell('stream_up', call, { stream_sid: 'MZ1' });
    if (kFinal.includes(state)) this.tell('ended', call, { snapshot: this.shown(call) });
  }

  dial({ to, from, agent, focus, record, transcribe, mic, time_limit_s = 1 }) {
    if (!(time_limit_s >= 1 && time_limit_s <= 86_400))
      throw problem(422, 'bad_field', 'time_limit_s: 1 to 86400 are allowed', 'time_limit_s');
    if (!/^(\+?\d{5,15}|sip:.+)$/.test(to ?? '')) throw problem(422, 'bad_field', `"${to}" is not a number.`, 'to');
    if (to.startsWith('+1900')) {
      throw problem(403, 'refused_by_policy', `${to} is a premium number, and AGENTBRIDGE_DIAL_ALLOW does not list it.`);
    }
    check_agent(agent);
    const call = this.make({ direction: 'outbound', to, from: from ?? '+15005550006', state: 'queued' });
    if (focus !== false) this.focus(call);
    if (mic === false) call.local = { ...call.local, muted: true, microphone: false };
    if (agent) call.agent = { name: agent, status: 'connecting', mode: 'speaks', sessions: 1 };
    this.tell('state', call, { state: 'queued', reason: '' });
    this.later(kRing / 4, () => !call.ended && this.state(call, 'ringing'));
    const persona = fixtures.personas.find((one) => one.number === to)?.name;
    this.later(kRing, () => {
      if (call.ended) return;
      if (persona === 'busy' || persona === 'no-answer' || persona === 'failed') return this.state(call, persona, 'the carrier says so');
      this.state(call, 'in-progress');
      if (record) this.archive.record(call, 'recording');
      if (transcribe) this.archive.transcribe(call, 'on');
      if (agent) this.converse(call);
    });
    return call;
  }

  converse(call) {
    call.agent ??= { name: 'local', status: 'ready', mode: 'speaks', sessions: 1 };
    call.agent = { ...call.agent, status: 'ready' };
    call.turns = fixtures.turns();
    this.tell('agent', call, { agent: call.agent });
    kScript.forEach(([by, text], index) => {
      this.later(400 + index * 1300, () => {
        if (call.ended) return;
        if (by === 'caller') this.tell('said', call, { by, text: text.slice(0, 12), final: false });
        this.archive.take_down(call, by, index, text);
        this.later(300, () => !call.ended && this.tell('said', call, { by, text, final: true }));
        if (by === 'agent' && index > 0)
          this.tell('turn', call, { latency_ms: { detect: 210, agent: 420, socket: 12, heard: 190, total: 832 } });
      });
    });
  }

  incoming({ from = '+12025550123', to = '+15005550006' }) {
    const call = this.make({
      direction: 'inbound',
      from,
      to,
      state: 'in-progress',
      streaming: true,
      answered_at: new Date().toISOString(),
    });
    call.local.ringing = true;
    this.tell('ringing', call, { from });
    this.later(30_000, () => call.local.ringing && !call.ended && this.state(call, 'no-answer', 'nobody took it'));
    return call;
  }

  focus(call) {
    for (const other of this.live()) {
      const mine = other === call;
      if (other.local.focus === mine) continue;
      other.local = { ...other.local, focus: mine, microphone: mine };
      this.tell('local', other, { local: other.local });
    }
  }

  change_local(call, more) {
    call.local = { ...call.local, ...more };
    this.tell('local', call, { local: call.local });
    return { status: 200, body: this.shown(call) };
  }

  // --- the API

  api(method, route, query, body) {
    const refused = this.refuse.get(`${method} ${route}`) ?? this.refuse.get(route);
    if (refused) {
      this.refuse.delete(`${method} ${route}`);
      this.refuse.delete(route);
      throw refused;
    }
    if (route === '/calls' && method === 'GET') return this.list(query);
    if (route === '/calls' && method === 'POST') return { status: 201, body: this.shown(this.dial(body)) };
    const of_call = /^\/calls\/([^/]+)(?:\/(.+))?$/.exec(route);
    if (of_call) return this.on_call(method, decodeURIComponent(of_call[1]), of_call[2] ?? '', body, query);
    if (route.startsWith('/recordings')) return this.archive.recordings(method, route, query);
    if (route.startsWith('/emulator')) return this.on_emulator(method, route, body);
    if (route === '/numbers/use' || route === '/numbers/restore')
      return { status: 200, body: fixtures.set_number(body.number, route.endsWith('use')) };
    const fixed = fixtures.answers[route];
    if (method === 'GET' && fixed) return { status: 200, body: fixed() };
    throw problem(404, 'not_found', 'There is no such route.');
  }

  list(query) {
    const state = query.get('state') ?? 'live';
    if (state === 'live') return { status: 200, body: { calls: this.live().map((call) => this.shown(call)), next: null } };
    const all = [...this.calls.values()].filter((call) => {
      if (state === 'ended' ? !call.ended : state !== 'all' && call.state !== state) return false;
      const number = call.direction === 'inbound' ? call.from : call.to;
      if (query.get('number') && !number.includes(query.get('number'))) return false;
      if (query.get('direction') && call.direction !== query.get('direction')) return false;
      if (query.get('until') && call.created >= query.get('until')) return false;
      if (query.get('q') && matches_of(call, query.get('q')).length === 0) return false;
      return !query.get('since') || call.created >= query.get('since');
    });
    all.sort((a, b) => (a.created < b.created ? 1 : -1));
    const { page, next } = paged(all, query);
    const asked = query.get('q');
    const calls = page.map((call) => ({ ...this.shown(call), ...(asked ? { matches: matches_of(call, asked) } : {}) }));
    return { status: 200, body: { calls, next } };
  }

  on_call(method, id, what, body, query) {
    const call = this.calls.get(id);
    if (!call) throw problem(404, 'no_such_call', 'There is no such call (any more).');
    if (method === 'GET' && what === '') return { status: 200, body: this.shown(call) };
    if (method === 'GET' && what === 'timeline') {
      return {
        status: 200,
        body: { call: id, began: call.created, now_ms: this.age(call), events: call.log, samples: call.samples, dropped_events: 0 },
      };
    }
    const remains = this.archive.on_kept(method, call, what, query);
    if (remains) return remains;
    if (kFinal.includes(call.state)) throw problem(409, 'wrong_state', 'The call is over.');
    const under_way = () => ({ status: 202, body: this.shown(call) });
    switch (`${method} ${what}`) {
      case 'DELETE ':
        this.later(50, () => this.state(call, 'completed', 'hung up here'));
        return under_way();
      case 'POST mute':
      case 'POST unmute':
        return this.change_local(call, { muted: what === 'mute', microphone: what !== 'mute' && call.local.focus });
      case 'POST hold':
      case 'POST resume':
        return this.change_local(call, { held: what === 'hold' });
      case 'POST solo':
      case 'POST unsolo':
        return this.change_local(call, { solo: what === 'solo' });
      case 'POST volume':
        return this.change_local(call, { volume: body.percent });
      case 'POST focus':
        this.focus(call);
        return { status: 200, body: this.shown(call) };
      case 'POST dtmf':
        this.keys.set(id, (this.keys.get(id) ?? '') + body.keys);
        this.tell('digits_sent', call, { digits: body.keys, in_band: body.in_band === true, problem: '' });
        return under_way();
      case 'POST say':
        this.tell('said', call, { by: 'agent', text: body.text, final: true });
        return { status: 202, body: { utterance: 1, length_ms: 60 * body.text.length } };
      case 'POST clear':
        return { status: 200, body: this.shown(call) };
      case 'POST accept':
        call.local.ringing = false;
        this.tell('ring_ended', call, { accepted: true, reason: '' });
        this.focus(call);
        return { status: 200, body: this.shown(call) };
      case 'POST reject':
        this.tell('ring_ended', call, { accepted: false, reason: 'rejected here' });
        this.state(call, 'completed', 'rejected here');
        return under_way();
      case 'POST transfer':
        return this.transfer(call, body);
      case 'POST transfer/join':
        call.transfer = { ...call.transfer, status: 'joining' };
        this.tell('transfer', call, { transfer: call.transfer });
        this.later(400, () => this.state(call, 'completed', 'transferred'));
        return under_way();
      case 'POST transfer/cancel':
        call.transfer = { ...call.transfer, status: 'over' };
        this.tell('transfer', call, { transfer: call.transfer });
        return under_way();
      case 'PUT agent':
        check_agent(body.agent);
        call.agent = body.mode
          ? { ...(call.agent ?? { name: 'local', sessions: 1 }), status: 'ready', mode: body.mode }
          : { name: body.agent, status: 'ready', mode: 'speaks', sessions: 1 };
        this.tell('agent', call, { agent: call.agent });
        return { status: 200, body: this.shown(call) };
      case 'PUT recording':
        return this.archive.record(call, body.state, body.notice);
      case 'PUT transcription':
        return this.archive.transcribe(call, body.state);
      case 'DELETE agent':
        delete call.agent;
        this.tell('agent', call, { agent: null });
        return { status: 200, body: this.shown(call) };
      default:
        throw problem(404, 'not_found', 'There is no such route.');
    }
  }

  transfer(call, { to, mode = 'cold' }) {
    call.transfer = { to, status: 'dialling', mode, ...(mode === 'warm' ? { call: `c_${randomUUID().slice(0, 8)}` } : {}) };
    this.tell('transfer', call, { transfer: call.transfer });
    const next = (status) => {
      if (call.ended || call.transfer.status === 'over') return;
      call.transfer = { ...call.transfer, status };
      this.tell('transfer', call, { transfer: call.transfer });
    };
    this.later(400, () => next('ringing'));
    this.later(900, () => next(mode === 'warm' ? 'briefing' : 'connected'));
    return { status: 202, body: this.shown(call) };
  }

  on_emulator(method, route, body) {
    if (!this.emulator) throw problem(404, 'no_emulator', 'The carrier is not the built-in emulator.');
    if (route === '/emulator') {
      const faults = { ...Object.fromEntries(fixtures.faults_known.map((fault) => [fault.name, 'ok'])), ...this.faults };
      return {
        status: 200,
        body: { url: 'http://127.0.0.1:8010', personas: fixtures.personas, faults, faults_known: fixtures.faults_known },
      };
    }
    if (route === '/emulator/faults' && method === 'PUT') {
      this.faults = { ...this.faults, ...body };
      return { status: 200, body: this.faults };
    }
    if (route === '/emulator/incoming-call' && method === 'POST') return { status: 201, body: { call_sid: this.incoming(body).call_sid } };
    if (route === '/emulator/ledger') {
      const calls = [...this.calls.values()].map((call) => fixtures.ledger_row(call, this.age(call)));
      return { status: 200, body: { calls, open: this.live().length, call_seconds: 0, billed_seconds: calls.length * 60 } };
    }
    throw problem(404, 'not_found', 'There is no such route.');
  }

  /** Something on every screen, for whoever develops the page. */
  show_off() {
    for (let n = 0; n < 60; ++n) fixtures.past_call(this, n);
    this.dial({ to: '+12025550109', agent: 'local', record: true, transcribe: true });
    this.dial({ to: '+12025550101' });
  }
}
