// A whole transcript as something to read, to search and to play from: lines of words that know their time. Pure.

import type { Piece, Side } from './types';

export interface Word {
  /** Counted through the whole transcript. */
  n: number;
  text: string;
  begin_ms: number;
  end_ms: number;
}

export interface TranscriptLine {
  key: string;
  side: Side;
  begin_ms: number;
  words: Word[];
}

export interface Transcript {
  lines: TranscriptLine[];
  /** All words, by their number. */
  words: Word[];
  /** Each side's words, in the order of their times. */
  sides: Record<Side, Word[]>;
}

/** A place that a search found: so many words of a line. */
export interface Hit {
  line: number;
  first: number;
  last: number;
}

/**
 * Engines give words bare and the text with its points and commas. Where both have equally many the text's are shown; where a number
 * was written as one word, say, the engine's own. Without times of words the whole piece is one.
 */
function words_of(piece: Piece): Omit<Word, 'n'>[] {
  if (piece.words.length === 0) return [{ text: piece.text, begin_ms: piece.begin_ms, end_ms: piece.end_ms }];
  const written = piece.text.split(/\s+/).filter((word) => word !== '');
  const same = written.length === piece.words.length;
  return piece.words.map(({ text, begin_ms, end_ms }, n) => ({ text: (same && written[n]) || text, begin_ms, end_ms }));
}

export function transcript_of(pieces: readonly Piece[]): Transcript {
  const words: Word[] = [];
  const sides: Record<Side, Word[]> = { far: [], near: [] };
  const lines = pieces.map((piece): TranscriptLine => {
    const of_line = words_of(piece).map((word) => ({ ...word, n: 0 }));
    for (const word of of_line) {
      word.n = words.length;
      words.push(word);
      sides[piece.speaker].push(word);
    }
    return { key: `${piece.speaker} ${piece.number}`, side: piece.speaker, begin_ms: piece.begin_ms, words: of_line };
  });
  for (const side of Object.values(sides)) side.sort((a, b) => a.begin_ms - b.begin_ms);
  return { lines, words, sides };
}

/** What is being said at that time: nobody's word, one side's, or one of both. */
export function words_at(transcript: Transcript, ms: number): Word[] {
  return Object.values(transcript.sides).flatMap((words) => {
    let low = 0;
    let high = words.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((words[middle] as Word).begin_ms <= ms) low = middle + 1;
      else high = middle;
    }
    const word = words[low - 1];
    return word && ms < word.end_ms ? [word] : [];
  });
}

/** The line that is being said at that time, or was last. */
export function line_at(transcript: Transcript, ms: number): number {
  return Math.max(
    0,
    transcript.lines.findLastIndex((line) => line.begin_ms <= ms),
  );
}

const plain = (text: string) => text.toLowerCase().replace(/\s+/g, ' ');

/** Where those words stand, in any case of letters, across the words of a line. */
export function find_words(transcript: Transcript, asked: string): Hit[] {
  const wanted = plain(asked).trim();
  if (wanted === '') return [];
  return transcript.lines.flatMap(({ words }, line) => {
    let text = '';
    const ends = words.map((word) => {
      text += (text === '' ? '' : ' ') + plain(word.text);
      return text.length;
    });
    const found: Hit[] = [];
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      const word_of = (place: number) => ends.findIndex((end) => place < end);
      found.push({ line, first: word_of(at), last: word_of(at + wanted.length - 1) });
    }
    return found;
  });
}

/** A search's snippet in pieces: what was looked for stands between U+0001 and U+0002. */
export function snippet_parts(snippet: string): { text: string; marked: boolean }[] {
  let marked = false;
  return snippet
    .split(/([\u0001\u0002])/)
    .map((text) => {
      if (text === '\u0001' || text === '\u0002') {
        marked = text === '\u0001';
        return { text: '', marked };
      }
      return { text, marked };
    })
    .filter((part) => part.text !== '');
}
