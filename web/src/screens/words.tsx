// What is said on a live call, as it is said: what a recognizer takes down, and what agents tell. Text of callers is only ever
// text here. It follows the newest words until the reader scrolls back. Screen readers are told what is final, and only that:
// words that are still growing would be read again and again.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { clock, when } from '../format';
import type { Line } from '../words';

/** As near to the end, in pixels, the reader is still at the end. */
const kNear = 24;
/** So many final lines are kept for screen readers. */
const kTold = 3;

export function Words({ words, label, tall = false }: { words: readonly Line[]; label: string; tall?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const following = useSignal(true);
  const last = words.at(-1);
  const to_end = () => {
    const element = box.current;
    if (element) element.scrollTop = element.scrollHeight;
  };
  useEffect(() => {
    if (following.value) to_end();
  }, [words.length, last?.key, last?.text]);
  return (
    <div class="words-box">
      <div
        class={`words${tall ? ' tall' : ''}`}
        ref={box}
        role="log"
        aria-live="off"
        aria-label={label}
        tabIndex={0}
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          following.value = scrollHeight - scrollTop - clientHeight < kNear;
        }}
      >
        <ol>
          {words.map((line) => (
            <li key={line.key} class={`${line.side}${line.final ? '' : ' open'}`}>
              <span class="who">{line.who}</span>
              <span class="text">{line.text}</span>
              {tall && <time>{line.piece ? clock(line.piece.begin_ms) : when(line.time)}</time>}
            </li>
          ))}
        </ol>
      </div>
      {!following.value && (
        <button
          type="button"
          class="button small newest"
          onClick={() => {
            following.value = true;
            to_end();
            box.current?.focus();
          }}
        >
          To the newest words
        </button>
      )}
      <div class="sr" aria-live="polite" aria-relevant="additions">
        {words
          .filter((line) => line.final)
          .slice(-kTold)
          .map((line) => (
            <p key={line.key}>
              {line.who}: {line.text}
            </p>
          ))}
      </div>
    </div>
  );
}
