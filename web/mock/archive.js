// What becomes of calls in the stand-in: recorded, taken down, asked for later, deleted.

import * as fixtures from './fixtures.js';
import * as kept from './kept.js';

export function problem(status, code, detail, field) {
  return { status, body: { type: 'about:blank', title: code, status, code, detail, ...(field ? { field } : {}) } };
}

export function paged(all, query) {
  const from = Number(query.get('cursor') ?? 0);
  const limit = Number(query.get('limit') ?? 50);
  return { page: all.slice(from, from + limit), next: from + limit < all.length ? String(from + limit) : null };
}

export class Archive {
  constructor(exchange) {
    this.exchange = exchange;
  }

  record(call, state, notice) {
    if (notice !== undefined && !['none', 'beep', 'spoken'].includes(notice))
      throw problem(422, 'bad_field', `"${notice}" is no notice.`, 'notice');
    if (!['recording', 'paused', 'stopped'].includes(state)) throw problem(422, 'bad_field', `"${state}" is no state.`, 'state');
    call.kept.recorded_ms ||= 1000;
    call.recorded = true;
    call.recording = { status: state, file: `/home/me/.local/state/agentbridge/recordings/20260131T090501Z-${call.call}.wav` };
    this.exchange.tell('recording', call, { recording: call.recording });
    return { status: 200, body: this.exchange.shown(call) };
  }

  transcribe(call, state) {
    call.transcription = { engine: 'vosk', status: state === 'on' ? 'running' : 'off' };
    call.transcribed = true;
    call.kept.pieces ??= [];
    this.exchange.tell('transcription', call, { transcription: call.transcription });
    if (state === 'on' && !call.agent) this.count(call, 1);
    return { status: 200, body: this.exchange.shown(call) };
  }

  /** What hums counts, as tests/web/recognizer.mjs hears it. */
  count(call, number) {
    const begin = this.exchange.age(call);
    const tell = (text, final) => this.exchange.tell('transcript', call, { piece: kept.piece('far', number, begin, text, final) });
    this.exchange.later(300, () => call.transcription.status === 'running' && !call.ended && tell('one two', false));
    this.exchange.later(900, () => {
      if (call.transcription.status !== 'running' || call.ended) return;
      call.kept.pieces.push(kept.piece('far', number, begin, 'one two three four'));
      tell('one two three four', true);
      this.count(call, number + 1);
    });
  }

  /** As a recognizer does: half of it first, then all of it. */
  take_down(call, by, index, text) {
    if (call.transcription?.status !== 'running') return;
    const speaker = by === 'agent' ? 'near' : 'far';
    const half = text.slice(0, text.length / 2);
    const begin = this.exchange.age(call) - 300;
    this.exchange.tell('transcript', call, { piece: kept.piece(speaker, index + 1, begin, half, false) });
    this.exchange.later(500, () => {
      if (call.ended) return;
      const whole = kept.piece(speaker, index + 1, begin, text);
      call.kept.pieces.push(whole);
      this.exchange.tell('transcript', call, { piece: whole });
    });
  }

  /** Answers to what can be asked of a call's remains; nothing for what is none of them. */
  on_kept(method, call, what, query) {
    const form = /^(?:recording|transcript)\.(\w+)$/.exec(what)?.[1];
    const entry = kept.entry_of(call);
    const document = kept.document_of(call);
    if (method === 'DELETE' && what === 'history') {
      if (!call.ended) throw problem(409, 'wrong_state', 'The call is still up.');
      this.exchange.calls.delete(call.call);
      return { status: 204 };
    }
    if (method === 'POST' && what === 'transcript') {
      if (!entry) throw problem(404, 'no_recording', 'The call was not recorded.');
      call.kept.pieces = [];
      call.kept.under_way = true;
      this.exchange.later(1000, () => {
        call.kept.pieces = fixtures.taken_down();
        call.transcribed = true;
        call.kept.under_way = false;
      });
      return { status: 202, body: {} };
    }
    if (method !== 'GET') return undefined;
    if (what.startsWith('recording') && !entry) throw problem(404, 'no_recording', 'The call was not recorded.');
    if (what === 'recording') return { status: 200, body: { recording: entry } };
    if (what === 'recording/peaks') return { status: 200, body: kept.peaks_of(call, Number(query.get('buckets') ?? 800)) };
    if (what.startsWith('recording.')) return { status: 200, file: kept.wav_of(call), type: 'audio/wav', name: `${call.call}.${form}` };
    if (what.startsWith('transcript') && !document) throw problem(404, 'no_transcript', 'Nobody took down what was said.');
    if (what === 'transcript' || form === 'json') return { status: 200, body: document };
    if (form) return { status: 200, file: Buffer.from(kept.exported(document, form)), type: 'text/plain', name: `${call.call}.${form}` };
    if (what.startsWith('capture') && !call.captured) throw problem(404, 'no_capture', 'Nothing was captured of this call.');
    if (what === 'capture/report') return { status: 200, body: kept.report_of(call) };
    if (what === 'capture')
      return { status: 200, file: Buffer.from('capture'), type: 'application/octet-stream', name: `${call.call}.abcap` };
    return undefined;
  }

  recordings(method, route, query) {
    const all = [...this.exchange.calls.values()].map((call) => [call, kept.entry_of(call)]).filter(([, entry]) => entry);
    if (method === 'DELETE') {
      const [call] = all.find(([, entry]) => route === `/recordings/${entry.name}`) ?? [];
      if (!call) throw problem(404, 'no_recording', 'There is no such recording.');
      call.kept.recorded_ms = 0;
      call.recorded = false;
      return { status: 204 };
    }
    const entries = all.map(([, entry]) => entry).sort((a, b) => (a.began < b.began ? 1 : -1));
    const { page, next } = paged(entries, query);
    return { status: 200, body: { recordings: page, next } };
  }
}
