// Sound to test with.

/** `seconds` of a sine at half of full scale. */
export function tone(rate, hertz, seconds) {
  return Int16Array.from({ length: rate * seconds }, (_, n) => Math.round(16_000 * Math.sin((2 * Math.PI * hertz * n) / rate)));
}

/** Four seconds: 100 ms of a tone and 300 ms of silence in turn. */
export function beeps(rate, hertz) {
  return tone(rate, hertz, 4).map((value, n) => (n % (rate * 0.4) < rate * 0.1 ? value : 0));
}

/** 4.4 seconds: eleven bursts of 100 ms, each followed by a silence of another length, so that no two places look alike. */
export function bursts(rate, hertz) {
  const loud = tone(rate, hertz, 0.1);
  const parts = Array.from({ length: 11 }, (_, n) => [...loud, ...new Int16Array((rate / 50) * (10 + ((n * 7) % 11)))]);
  return Int16Array.from(parts.flat());
}

/** As a WAV file, mono. */
export function wav(samples, rate) {
  const file = Buffer.alloc(44 + samples.length * 2);
  file.write('RIFF', 0);
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((value, n) => file.writeInt16LE(value, 44 + n * 2));
  return file;
}
