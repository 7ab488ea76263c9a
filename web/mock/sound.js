// The sound of the stand-in's calls: a tone of 440 Hz from every phone (in beeps from +12025550143), and what a browser
// says is kept for who wants to look at it.

import { WebSocketServer } from 'ws';

const kFrame = 160;
const kSilence = new Int16Array(kFrame);

export class Sound {
  constructor(exchange) {
    this.exchange = exchange;
    this.server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.listeners = new Set();
    /** The newest second of what was said into each call, as samples. */
    this.heard = new Map();
    this.n = 0;
    this.due = performance.now();
    this.timer = setInterval(() => this.tick(), 10);
  }

  stop() {
    clearInterval(this.timer);
    for (const listener of this.listeners) listener.socket.terminate();
    this.server.close();
  }

  take(request, socket, head, id, may_talk) {
    this.server.handleUpgrade(request, socket, head, (opened) => {
      const listener = { socket: opened, id, may_talk, talking: false };
      this.listeners.add(listener);
      const hello = { type: 'hello', call: id, format: 'pcm16', rate: 8000, frame_ms: 20, talk: may_talk };
      opened.send(JSON.stringify(hello));
      opened.on('message', (data, binary) => this.message(listener, data, binary));
      opened.on('close', () => {
        this.listeners.delete(listener);
        this.count(id);
      });
      this.count(id);
    });
  }

  message(listener, data, binary) {
    if (binary) {
      if (!listener.talking) return;
      const said = new Int16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
      const before = this.heard.get(listener.id) ?? [];
      this.heard.set(listener.id, [...before, ...said].slice(-8000));
      return;
    }
    const { type, on, id } = JSON.parse(data.toString());
    if (type === 'ping') listener.socket.send(JSON.stringify({ type: 'pong', id }));
    if (type === 'talk' && listener.may_talk) {
      listener.talking = on === true;
      listener.socket.send(JSON.stringify({ type: 'talk', on: listener.talking }));
      this.count(listener.id);
    }
  }

  count(id) {
    const call = this.exchange.calls.get(id);
    if (!call || this.exchange.timers.size === 0) return;
    const here = [...this.listeners].filter((listener) => listener.id === id);
    this.exchange.tell('listener', call, { count: here.length, talkers: here.filter((listener) => listener.talking).length });
  }

  tick() {
    while (performance.now() >= this.due) {
      this.due += 20;
      const frame = new Int16Array(kFrame);
      for (let i = 0; i < kFrame; ++i) frame[i] = 12_000 * Math.sin((2 * Math.PI * 440 * this.n++) / 8000);
      for (const listener of this.listeners) {
        const call = this.exchange.calls.get(listener.id);
        if (call?.ended) {
          listener.socket.send(JSON.stringify({ type: 'end', reason: 'the call is over' }));
          listener.socket.close(1000);
          this.listeners.delete(listener);
        } else if (call?.streaming) {
          listener.socket.send(call.to === '+12025550143' && (this.n / kFrame) % 20 >= 5 ? kSilence : frame);
        }
      }
    }
  }
}
