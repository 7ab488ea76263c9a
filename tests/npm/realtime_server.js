// A small OpenAI Realtime server for the tests: it takes what OpenAI takes of a phone call (GA shape, mu-law both
// ways), answers speech with a tone of so many seconds in one burst, and says when the caller speaks.
'use strict';
const assert = require('node:assert/strict');
const { WebSocketServer } = require('ws');

const LOUD = 400; // mean of the magnitudes; a quiet line has none
const BEGINS_MS = 200;
const ENDS_MS = 500;

function mulaw_decode(byte) {
  const b = ~byte & 0xff;
  const magnitude = ((((b & 15) << 3) + 132) << ((b & 0x70) >> 4)) - 132;
  return b & 0x80 ? -magnitude : magnitude;
}

function mulaw_encode(sample) {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), 32635) + 132;
  let exponent = 7;
  while (exponent > 0 && !(magnitude & (0x80 << exponent))) exponent -= 1;
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 15)) & 0xff;
}

function tone(hz, ms) {
  return Buffer.from(Array.from({ length: ms * 8 }, (_, i) => mulaw_encode(Math.round(9000 * Math.sin(2 * Math.PI * hz * i / 8000)))));
}

class Conversation {
  constructor(socket, tell) {
    this.socket = socket;
    this.tell = tell;
    this.items = new Map(); // id → ms of its sound
    this.appended_ms = 0;
    this.loud_ms = 0;
    this.quiet_ms = 0;
    this.speaking = false;
    this.count = 0;
    socket.on('message', (data, binary) => {
      try {
        assert.ok(!binary, 'text messages only');
        this.take(JSON.parse(data.toString()));
      } catch (error) {
        tell({ realtime: 'error', message: error.message });
        this.send({ type: 'error', error: { type: 'invalid_request_error', message: error.message } });
      }
    });
    this.send({ type: 'session.created', session: { id: 'sess_1', object: 'realtime.session', type: 'realtime' } });
  }

  send(event) {
    this.socket.send(JSON.stringify({ event_id: `event_${Math.random()}`, ...event }));
  }

  take(event) {
    if (event.type === 'session.update') {
      const { session } = event;
      assert.equal(session.type, 'realtime');
      if (session.audio) {
        assert.deepEqual(session.audio.input.format, { type: 'audio/pcmu' });
        assert.deepEqual(session.audio.output.format, { type: 'audio/pcmu' });
        this.configured = true;
      }
      this.send({ type: 'session.updated', session });
    } else if (event.type === 'input_audio_buffer.append') {
      assert.ok(this.configured, 'the formats first');
      this.listen(Buffer.from(event.audio, 'base64'));
    } else if (event.type === 'response.create') {
      this.respond();
    } else if (event.type === 'conversation.item.truncate') {
      const length = this.items.get(event.item_id);
      assert.ok(length !== undefined, 'an item of the assistant');
      assert.ok(event.audio_end_ms <= length, `truncated at ${event.audio_end_ms} of ${length} ms`);
      this.tell({ realtime: 'truncated', at_ms: event.audio_end_ms, length_ms: length });
      this.send({ ...event, type: 'conversation.item.truncated' });
    } else if (event.type === 'conversation.item.retrieve') {
      assert.ok(this.items.has(event.item_id), 'an item of this conversation');
      const item = { id: event.item_id, object: 'realtime.item', type: 'message', role: 'assistant', status: 'completed', content: [] };
      this.send({ type: 'conversation.item.retrieved', item });
    } else {
      assert.ok(['response.cancel', 'conversation.item.create'].includes(event.type), event.type);
    }
  }

  listen(mulaw) {
    for (let at = 0; at < mulaw.length; at += 160) {
      const frame = mulaw.subarray(at, at + 160);
      const ms = frame.length / 8;
      this.appended_ms += ms;
      const level = frame.reduce((sum, byte) => sum + Math.abs(mulaw_decode(byte)), 0) / frame.length;
      if (level >= LOUD) {
        this.loud_ms += ms;
        this.quiet_ms = 0;
      } else {
        this.quiet_ms += ms;
        if (this.quiet_ms > 200) this.loud_ms = 0;
      }
      if (!this.speaking && this.loud_ms >= BEGINS_MS) {
        this.speaking = true;
        this.tell({ realtime: 'speech_started', at_ms: this.appended_ms });
        this.send({ type: 'input_audio_buffer.speech_started', audio_start_ms: this.appended_ms, item_id: 'item_caller' });
      } else if (this.speaking && this.quiet_ms >= ENDS_MS) {
        this.speaking = false;
        this.tell({ realtime: 'speech_stopped', at_ms: this.appended_ms });
        this.send({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: this.appended_ms, item_id: 'item_caller' });
        this.respond();
      }
    }
  }

  // The n-th response is a tone of 500 + 200 n Hz: 1 s, then 6 s each.
  respond() {
    this.count += 1;
    const ids = { response_id: `resp_${this.count}`, item_id: `item_${this.count}`, output_index: 0, content_index: 0 };
    const item = { id: ids.item_id, object: 'realtime.item', type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    const sound = tone(500 + 200 * this.count, this.count === 1 ? 1000 : 6000);
    this.items.set(ids.item_id, sound.length / 8);
    this.tell({ realtime: 'response', number: this.count });
    this.send({ type: 'response.created', response: { id: ids.response_id, object: 'realtime.response', status: 'in_progress', output: [] } });
    this.send({ type: 'response.output_item.added', response_id: ids.response_id, output_index: 0, item });
    for (let at = 0; at < sound.length; at += 1000) { // 125 ms: not whole frames, as OpenAI sends it
      this.send({ type: 'response.output_audio.delta', ...ids, delta: sound.subarray(at, at + 1000).toString('base64') });
    }
    this.send({ type: 'response.output_audio.done', ...ids });
    this.send({ type: 'response.output_item.done', response_id: ids.response_id, output_index: 0, item: { ...item, status: 'completed' } });
    this.send({ type: 'response.done', response: { id: ids.response_id, object: 'realtime.response', status: 'completed', output: [], usage: {} } });
  }
}

// Resolves with its address; `tell` is given what happens.
function start_realtime_server(key, tell) {
  return new Promise((resolve) => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => resolve(`ws://127.0.0.1:${server.address().port}/v1/realtime?model=gpt-realtime`));
    server.on('connection', (socket, request) => {
      if (request.headers.authorization !== `Bearer ${key}`) {
        socket.close(1008, 'unauthorized');
        return;
      }
      const conversation = new Conversation(socket, tell);
      socket.on('close', () => tell({ realtime: 'closed', appended_ms: conversation.appended_ms }));
    });
  });
}

module.exports = { start_realtime_server, tone, mulaw_decode };
