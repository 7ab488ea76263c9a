// What the stand-in keeps of calls: their recordings (a tone on each side), their transcripts, their captures.

const kRate = 8000;
const kWord = 320;
export const kForms = ['wav', 'flac', 'opus'];

/** A piece of a transcript. Every word takes 320 ms. */
export function piece(speaker, number, begin_ms, text, final = true) {
  const words = text.split(' ').map((word, n) => ({
    text: word,
    begin_ms: begin_ms + n * kWord,
    end_ms: begin_ms + (n + 1) * kWord - 40,
    confidence: 0.93,
  }));
  return { speaker, number, final, begin_ms, end_ms: words.at(-1).end_ms, text, confidence: 0.93, words: final ? words : [] };
}

/** The script as a recognizer takes it down, from a second on. */
export function pieces_of(script) {
  let at = 1000;
  const count = { far: 0, near: 0 };
  return script.map(([by, text]) => {
    const speaker = by === 'agent' ? 'near' : 'far';
    const one = piece(speaker, ++count[speaker], at, text);
    at = one.end_ms + 500;
    return one;
  });
}

export function document_of(call) {
  if (!call.kept.pieces) return undefined;
  const pieces = call.kept.pieces.filter((one) => one.final).sort((a, b) => a.begin_ms - b.begin_ms);
  return { call: call.call, engine: 'vosk', complete: Boolean(call.ended) && !call.kept.under_way, pieces };
}

const stamp = (ms, mark) => new Date(ms).toISOString().slice(11, 23).replace('.', mark);
const name_of = (one) => (one.speaker === 'far' ? 'Phone' : 'Here');

export function exported(document, form) {
  if (form === 'txt') return document.pieces.map((one) => `${name_of(one)}: ${one.text}\n`).join('');
  const mark = form === 'srt' ? ',' : '.';
  const cues = document.pieces.map(
    (one, n) => `${n + 1}\n${stamp(one.begin_ms, mark)} --> ${stamp(one.end_ms, mark)}\n${name_of(one)}: ${one.text}\n`,
  );
  return (form === 'vtt' ? 'WEBVTT\n\n' : '') + cues.join('\n');
}

export function entry_of(call) {
  if (!call.kept.recorded_ms) return undefined;
  const { to, from, direction, call_sid } = call;
  return {
    name: `20260131T090501Z-${call.call}`,
    call: call.call,
    call_sid,
    began: call.answered_at ?? call.created,
    duration_ms: call.kept.recorded_ms,
    bytes: 44 + call.kept.recorded_ms * 32,
    formats: kForms,
    live: !call.ended,
    source: 'bridge',
    ...{ to, from, direction },
  };
}

/** Which side hums at a time: the phone in the even seconds, this side in the odd ones. */
const hums = (side, ms) => (Math.floor(ms / 1000) % 2 === 0) === (side === 'far');

export function peaks_of(call, buckets) {
  const part = call.kept.recorded_ms / buckets;
  const side = (which) =>
    Array.from({ length: buckets }, (_, n) =>
      hums(which, n * part) ? 0.25 + 0.2 * Math.abs(Math.sin(n * 1.3)) * Math.abs(Math.sin(n / 9)) : 0,
    );
  return { duration_ms: call.kept.recorded_ms, far: side('far'), near: side('near') };
}

/** 440 Hz from the phone on the left, 660 Hz from here on the right, a second each in turn. */
export function wav_of(call) {
  const before = kFiles.get(call);
  if (before?.ms === call.kept.recorded_ms) return before.file;
  const file = make_wav(call);
  kFiles.set(call, { ms: call.kept.recorded_ms, file });
  return file;
}

const kFiles = new WeakMap();

function make_wav(call) {
  const count = Math.round((call.kept.recorded_ms * kRate) / 1000);
  const file = Buffer.alloc(44 + count * 4);
  file.write('RIFF', 0);
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8);
  [
    [16, 4],
    [1, 2],
    [2, 2],
    [kRate, 4],
    [kRate * 4, 4],
    [4, 2],
    [16, 2],
  ].reduce((at, [value, bytes]) => file.writeUIntLE(value, at, bytes), 16);
  file.write('data', 36);
  file.writeUInt32LE(count * 4, 40);
  for (let n = 0; n < count; ++n) {
    const ms = (n * 1000) / kRate;
    const left = hums('far', ms) ? Math.round(12_000 * Math.sin((2 * Math.PI * 440 * n) / kRate)) : 0;
    const right = hums('near', ms) ? Math.round(12_000 * Math.sin((2 * Math.PI * 660 * n) / kRate)) : 0;
    file.writeInt16LE(left, 44 + n * 4);
    file.writeInt16LE(right, 46 + n * 4);
  }
  return file;
}

/** Where a search finds its words in a call. */
export function matches_of(call, asked) {
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  const marked = (text) => {
    let found = text;
    for (const word of words) {
      const at = found.toLowerCase().indexOf(word);
      if (at < 0) return undefined;
      found = `${found.slice(0, at)}\u0001${found.slice(at, at + word.length)}\u0002${found.slice(at + word.length)}`;
    }
    return found;
  };
  const found = [];
  for (const one of call.kept.pieces ?? []) {
    const snippet = marked(one.text);
    if (snippet) found.push({ where: 'transcript', begin_ms: one.begin_ms, speaker: one.speaker, snippet });
  }
  for (const [where, text] of [
    ['number', call.direction === 'inbound' ? call.from : call.to],
    ['reason', call.reason],
  ]) {
    const snippet = marked(text);
    if (snippet) found.push({ where, snippet });
  }
  return found;
}

/** As if the call had been done again. */
export function report_of(call) {
  const gaps = [
    { at_ms: 9463.46, length_ms: 112, heard_by: 'speaker', hop: 'network', why: 'nothing came for 174 ms' },
    { at_ms: 31_020.5, length_ms: 40, heard_by: 'phone', hop: 'pacer', why: 'the slot came 41 ms late' },
    { at_ms: 60_900, length_ms: 900, heard_by: 'speaker', hop: 'network', why: 'nothing came for 944 ms' },
    { at_ms: 118_240.25, length_ms: 12, heard_by: 'speaker', hop: 'buffer', why: 'the longest wait was 31 ms, the target 30 ms' },
  ];
  return {
    call: call.call,
    program: '0.0-mock',
    hash: '5f0c3b9a7d2e4816',
    same: true,
    difference_count: 0,
    complete: true,
    damage: '',
    length_ms: 184_000,
    totals: {
      turns: 27_400,
      media: 8210,
      frames_sent: 8150,
      messages_sent: 8150,
      frames_refused: 0,
      marks: 6,
      marks_echoed: 6,
      clears: 1,
      underruns: 3,
      concealed_ms: 1024,
      trimmed_ms: 60,
      longest_wait_ms: 944,
      latest_timer_ms: 41.2,
      longest_pull_ms: 12.1,
      pulls_not_captured: 0,
    },
    gaps,
  };
}
