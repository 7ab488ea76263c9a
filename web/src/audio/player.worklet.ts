// Plays what the server sends of a call: 8 kHz frames in, the sound card's rate out.

import { JitterBuffer } from './jitter_buffer';

class Player extends AudioWorkletProcessor {
  private readonly buffer = new JitterBuffer(sampleRate);
  private running = true;
  private until_report = 0;

  constructor() {
    super();
    this.port.onmessage = (event: MessageEvent<ArrayBuffer | 'stop'>) => {
      if (event.data === 'stop') this.running = false;
      else this.buffer.push(new Int16Array(event.data), currentTime * 1000);
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const channels = outputs[0] ?? [];
    const first = channels[0];
    if (first) {
      this.buffer.pull(first);
      for (let i = 1; i < channels.length; ++i) channels[i]?.set(first);
      this.until_report -= first.length;
      if (this.until_report <= 0) {
        this.until_report = sampleRate / 2;
        this.port.postMessage(this.buffer.stats());
      }
    }
    return this.running;
  }
}

registerProcessor('agentbridge-player', Player);
