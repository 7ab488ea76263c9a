// The microphone, at whatever rate it has, as frames of 20 ms at 8 kHz.

import { kRate } from './jitter_buffer';
import { Resampler } from './resampler';

const kFrame = 160;

class Capture extends AudioWorkletProcessor {
  private readonly resampler = new Resampler(sampleRate, kRate);
  private frame = new Int16Array(kFrame);
  private filled = 0;
  private running = true;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.running = false;
    };
  }

  process(inputs: Float32Array[][]): boolean {
    const samples = inputs[0]?.[0];
    if (!samples) return this.running;
    for (let i = 0; i < samples.length; ++i) {
      this.resampler.push(samples[i] as number);
      while (this.resampler.can_pull()) this.take(this.resampler.pull());
    }
    return this.running;
  }

  private take(sample: number): void {
    this.frame[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
    if (this.filled < kFrame) return;
    const { buffer } = this.frame;
    this.port.postMessage(buffer, [buffer]);
    this.frame = new Int16Array(kFrame);
    this.filled = 0;
  }
}

registerProcessor('agentbridge-capture', Capture);
