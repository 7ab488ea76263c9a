import { describe, expect, it } from 'vitest';
import { find_words, line_at, snippet_parts, transcript_of, words_at } from '../src/transcript';
import { a_piece } from './calls';

const word = (text: string, begin_ms: number, end_ms: number) => ({ text, begin_ms, end_ms, confidence: null });
const spoken = transcript_of([
  a_piece({ text: 'Hello, it’s me.', words: [word('hello', 1000, 1300), word("it's", 1400, 1500), word('me', 1500, 1700)] }),
  a_piece({
    speaker: 'near',
    begin_ms: 1600,
    text: 'Room 25 is free',
    words: [
      word('room', 1600, 1800),
      word('twenty', 1800, 2000),
      word('five', 2000, 2200),
      word('is', 2200, 2300),
      word('free', 2300, 2600),
    ],
  }),
  a_piece({ number: 2, begin_ms: 4000, end_ms: 5000, text: 'No times of words here.' }),
]);
const texts = (line: number) => spoken.lines[line]?.words.map((one) => one.text);

describe('a transcript', () => {
  it('shows words as they are written, with the times of those that were heard', () => {
    expect(texts(0)).toEqual(['Hello,', 'it’s', 'me.']);
    expect(spoken.words[1]).toEqual({ n: 1, text: 'it’s', begin_ms: 1400, end_ms: 1500 });
  });

  it('shows the words that were heard where they are not written one for one', () => {
    expect(texts(1)).toEqual(['room', 'twenty', 'five', 'is', 'free']);
  });

  it('takes a piece without times of words as one', () => {
    expect(texts(2)).toEqual(['No times of words here.']);
    expect(spoken.words.at(-1)).toMatchObject({ n: 8, begin_ms: 4000, end_ms: 5000 });
  });

  it('knows what is said at a time, by both at once too', () => {
    const at = (ms: number) => words_at(spoken, ms).map((one) => one.text);
    expect(at(999)).toEqual([]);
    expect(at(1000)).toEqual(['Hello,']);
    expect(at(1350)).toEqual([]);
    expect(at(1650)).toEqual(['me.', 'room']);
    expect(at(9999)).toEqual([]);
    expect([0, 1599, 1600, 3999, 4000].map((ms) => line_at(spoken, ms))).toEqual([0, 0, 1, 1, 2]);
  });

  it('finds words in any case, across words, and more than once in a line', () => {
    expect(find_words(spoken, 'HELLO, it')).toEqual([{ line: 0, first: 0, last: 1 }]);
    expect(find_words(spoken, 'e')).toHaveLength(9);
    expect(find_words(spoken, '  five   is ')).toEqual([{ line: 1, first: 2, last: 3 }]);
    expect(find_words(spoken, 'nothing like it')).toEqual([]);
    expect(find_words(spoken, '  ')).toEqual([]);
  });

  it('takes a snippet apart, whatever is in it', () => {
    expect(snippet_parts('on \u0001Thursday\u0002 <b>')).toEqual([
      { text: 'on ', marked: false },
      { text: 'Thursday', marked: true },
      { text: ' <b>', marked: false },
    ]);
    expect(snippet_parts('\u0001all')).toEqual([{ text: 'all', marked: true }]);
    expect(snippet_parts('')).toEqual([]);
  });
});
