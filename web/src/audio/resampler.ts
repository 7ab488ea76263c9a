// Changes the rate of a stream of samples by any ratio, which may move while it runs: windowed sinc, so that telephone
// sound is not coloured on its way to the sound card. Used in the audio worklets; allocates nothing while it runs.

const kPhases = 128;
/** Zero crossings of the sinc on each side. */
const kCrossings = 8;

export class Resampler {
  /** Input samples per output sample. */
  step: number;
  private readonly half: number;
  private readonly table: Float32Array;
  private readonly ring: Float32Array;
  private readonly mask: number;
  /** Samples ever written; the next output stands at `position`. */
  private written = 0;
  private position = 0;

  constructor(from_rate: number, to_rate: number) {
    this.step = from_rate / to_rate;
    const cutoff = Math.min(1, to_rate / from_rate) * 0.94;
    this.half = Math.ceil(kCrossings / cutoff);
    this.table = kernel(this.half, cutoff);
    let size = 1024;
    while (size < this.half * 8) size *= 2;
    this.ring = new Float32Array(size);
    this.mask = size - 1;
    this.reset();
  }

  /** Forgets what it holds: the next sound begins after silence. */
  reset(): void {
    this.ring.fill(0);
    this.written = this.half;
    this.position = this.half;
  }

  /** True if another output can be made without more input. */
  can_pull(): boolean {
    return Math.floor(this.position) + this.half < this.written;
  }

  /** There must be room: pull all there is before the ring is full (several hundred samples). */
  push(sample: number): void {
    this.ring[this.written & this.mask] = sample;
    ++this.written;
  }

  pull(): number {
    const center = Math.floor(this.position);
    const place = (this.position - center) * kPhases;
    const phase = Math.floor(place);
    const between = place - phase;
    const width = this.half * 2;
    const a = phase * width;
    const b = a + width;
    const { table, ring, mask } = this;
    const first = center - this.half + 1;
    let sum = 0;
    for (let i = 0; i < width; ++i) {
      const low = table[a + i] as number;
      const weight = low + ((table[b + i] as number) - low) * between;
      sum += (ring[(first + i) & mask] as number) * weight;
    }
    this.position += this.step;
    if (this.position > 1 << 28) {
      // Long calls: the numbers stay small enough to be exact.
      const back = Math.floor((this.position - this.half * 4) / ring.length) * ring.length;
      this.position -= back;
      this.written -= back;
    }
    return sum;
  }
}

/** kPhases + 1 rows, one for each place between two samples; each row sums to one. */
function kernel(half: number, cutoff: number): Float32Array {
  const width = half * 2;
  const table = new Float32Array((kPhases + 1) * width);
  for (let phase = 0; phase <= kPhases; ++phase) {
    let sum = 0;
    for (let i = 0; i < width; ++i) {
      const x = i - (half - 1) - phase / kPhases;
      const window = Math.abs(x) >= half ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * x) / half);
      const value = sinc(x * cutoff) * cutoff * window;
      table[phase * width + i] = value;
      sum += value;
    }
    for (let i = 0; i < width; ++i) {
      const at = phase * width + i;
      table[at] = (table[at] as number) / sum;
    }
  }
  return table;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
