// A Vosk server that makes its words up: what is loud enough is understood as "one two three four", a word each 200 ms, said in
// pieces of a second; what is quiet is no speech. It answers every frame of sound with one text, as alphacep/vosk-server does.

import { createRequire } from 'node:module';

const { WebSocketServer } = createRequire(import.meta.url)('ws');
const kRate = 8000;
const kLoud = 1000;
export const kWords = ['one', 'two', 'three', 'four'];
const kWord = 0.2;

export class Recognizer {
  async start() {
    this.server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
    await new Promise((resolve) => this.server.once('listening', resolve));
    this.url = `ws://127.0.0.1:${this.server.address().port}`;
    this.server.on('connection', (socket) => {
      const heard = { samples: 0, begin: undefined };
      socket.on('message', (data, binary) => {
        if (binary) socket.send(JSON.stringify(answer(heard, data)));
        else if (/"eof"/.test(data.toString())) {
          socket.send(JSON.stringify({ text: '' }));
          socket.close(1000);
        }
      });
    });
    return this;
  }

  async stop() {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** What is understood after another frame. */
function answer(heard, data) {
  const samples = new Int16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  const loud = samples.some((value) => Math.abs(value) > kLoud);
  const before = heard.samples / kRate;
  heard.samples += samples.length;
  if (heard.begin === undefined && loud) heard.begin = before;
  if (heard.begin === undefined) return { partial: '' };
  const said = Math.min(kWords.length, Math.floor((heard.samples / kRate - heard.begin) / kWord));
  if (said < kWords.length) return { partial: kWords.slice(0, said).join(' ') };
  const result = kWords.map((word, n) => ({
    word,
    start: heard.begin + n * kWord,
    end: heard.begin + (n + 0.9) * kWord,
    conf: 0.9,
  }));
  heard.begin = undefined;
  return { text: kWords.join(' '), result };
}
