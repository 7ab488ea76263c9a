// The transcript of a call that is over: to read, to search, and, where there is a recording, to play from. Every word is a button
// then; the whole text is one stop of the Tab key, and the arrow keys walk its words.

import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { Component, type ComponentChildren, Fragment } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { clock } from '../format';
import { type Hit, type Transcript, type TranscriptLine, type Word, find_words, line_at, transcript_of, words_at } from '../transcript';
import type { Piece } from '../types';
import { Icon } from '../ui/icons';
import type { Playback } from '../ui/playback';
import { kFarName } from '../words';

const kNone: readonly Hit[] = [];

interface Props {
  pieces: readonly Piece[];
  /** Who spoke on this side. */
  near: string;
  /** Of the call's recording, if there is one, and where on the call's time it begins. */
  playback: Playback | undefined;
  offset_ms: number;
  /** Where to open it, on the call's time. */
  at_ms: number | undefined;
  children: ComponentChildren;
}

export function TranscriptView({ pieces, near, playback, offset_ms, at_ms, children }: Props) {
  const transcript = useMemo(() => transcript_of(pieces), [pieces]);
  const asked = useSignal('');
  const chosen = useSignal(0);
  const box = useRef<HTMLDivElement>(null);
  /** False once the reader has scrolled away from what is played. */
  const following = useRef(true);
  const hits = useMemo(() => find_words(transcript, asked.value), [transcript, asked.value]);
  const of_lines = useMemo(() => by_line(hits), [hits]);
  const hit = hits[Math.min(chosen.value, hits.length - 1)];

  useSignalEffect(() => {
    const element = box.current;
    if (!element || !playback) return;
    const playing = playback.playing.value;
    const now = words_at(transcript, playback.position.value + offset_ms);
    show_now(element, now);
    if (playing && following.current && now[0]) reveal(element, word_of(element, now[0].n));
  });
  useEffect(() => {
    if (playback?.playing.value) following.current = true;
  }, [playback?.playing.value]);
  useEffect(() => {
    if (at_ms !== undefined && box.current) reveal(box.current, line_of(box.current, line_at(transcript, at_ms)));
  }, [transcript, at_ms]);
  useEffect(() => {
    if (hit && box.current) reveal(box.current, line_of(box.current, hit.line));
  }, [hit]);

  const act = (target: EventTarget | null) => {
    const n = number_of(target);
    const word = n === undefined ? undefined : transcript.words[n];
    if (!word || !playback) return;
    following.current = true;
    playback.play_from(word.begin_ms - offset_ms);
  };
  const let_go = () => {
    following.current = false;
  };
  return (
    <section class="card" aria-labelledby="words">
      <div class="title-row">
        <h2 id="words">What was said</h2>
        <Search asked={asked} chosen={chosen} count={hits.length} />
      </div>
      {playback && pieces.length > 0 && <p class="hint">Press a word to hear it.</p>}
      {pieces.length === 0 && <p class="hint">Not a word.</p>}
      <div
        class="words transcript"
        ref={box}
        role="group"
        aria-label="Transcript"
        tabIndex={playback ? -1 : 0}
        onClick={(event) => act(event.target)}
        onKeyDown={(event) => {
          if (playback && walk(event, transcript)) event.preventDefault();
        }}
        onFocusIn={(event) => take_stop(event.currentTarget, event.target)}
        onWheel={let_go}
        onTouchMove={let_go}
      >
        <ol>
          {transcript.lines.map((line, n) => (
            <Line
              key={line.key}
              line={line}
              who={line.side === 'near' ? near : kFarName}
              hits={of_lines.get(n) ?? kNone}
              chosen={hit?.line === n ? hit : undefined}
              playable={playback !== undefined}
            />
          ))}
        </ol>
      </div>
      {children}
    </section>
  );
}

function by_line(hits: readonly Hit[]): Map<number, Hit[]> {
  const lines = new Map<number, Hit[]>();
  for (const hit of hits) lines.set(hit.line, [...(lines.get(hit.line) ?? []), hit]);
  return lines;
}

interface LineProps {
  line: TranscriptLine;
  who: string;
  hits: readonly Hit[];
  chosen: Hit | undefined;
  playable: boolean;
}

/** Drawn anew only when it has changed: there may be thousands. */
class Line extends Component<LineProps> {
  override shouldComponentUpdate(next: LineProps): boolean {
    return (Object.keys(next) as (keyof LineProps)[]).some((name) => next[name] !== this.props[name]);
  }

  override render({ line, who, hits, chosen, playable }: LineProps) {
    return (
      <li class={line.side}>
        <span class="who">{who}</span>
        <p class="text">
          {line.words.map((word, n) => {
            const hit = hits.find((one) => n >= one.first && n <= one.last);
            const text = hit ? <mark class={hit === chosen ? 'chosen' : ''}>{word.text}</mark> : word.text;
            return (
              <Fragment key={word.n}>
                {n > 0 && ' '}
                {playable ? (
                  <button type="button" class="word" data-n={word.n} tabIndex={word.n === 0 ? 0 : -1}>
                    {text}
                  </button>
                ) : (
                  <span>{text}</span>
                )}
              </Fragment>
            );
          })}
        </p>
        <time>{clock(line.begin_ms)}</time>
      </li>
    );
  }
}

function Search({ asked, chosen, count }: { asked: Signal<string>; chosen: Signal<number>; count: number }) {
  const step = (by: number) => {
    if (count > 0) chosen.value = (Math.min(chosen.value, count - 1) + by + count) % count;
  };
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        step(1);
      }}
    >
      <label class="field inline">
        <Icon name="search" />
        <span class="sr">Search in what was said</span>
        <input
          type="search"
          name="within"
          placeholder="Search"
          autocomplete="off"
          value={asked.value}
          onInput={(event) => {
            asked.value = event.currentTarget.value;
            chosen.value = 0;
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !event.shiftKey) return;
            event.preventDefault();
            step(-1);
          }}
        />
      </label>
      <span class="hint" role="status">
        {asked.value.trim() === '' ? '' : count === 0 ? 'Not there' : `${Math.min(chosen.value, count - 1) + 1} of ${count}`}
      </span>
      {count > 1 && (
        <>
          <button type="button" class="button quiet small" onClick={() => step(-1)}>
            Previous
          </button>
          <button type="submit" class="button quiet small">
            Next
          </button>
        </>
      )}
    </form>
  );
}

// --- The words on the page. They are many: what is played changes their classes, not the tree.

const word_of = (box: HTMLElement, n: number) => box.querySelector<HTMLElement>(`[data-n="${n}"]`);
const line_of = (box: HTMLElement, n: number) => box.querySelectorAll<HTMLElement>('li')[n] ?? null;

function number_of(target: EventTarget | null): number | undefined {
  const n = target instanceof Element ? target.closest<HTMLElement>('[data-n]')?.dataset['n'] : undefined;
  return n === undefined ? undefined : Number(n);
}

function show_now(box: HTMLElement, now: readonly Word[]): void {
  const wanted = new Set(now.map((word) => word_of(box, word.n)));
  for (const old of box.querySelectorAll('.word.now')) if (!wanted.has(old as HTMLElement)) old.classList.remove('now');
  for (const element of wanted) element?.classList.add('now');
}

/** Scrolls the box, not the page. */
function reveal(box: HTMLElement, element: HTMLElement | null): void {
  if (!element) return;
  const outer = box.getBoundingClientRect();
  const inner = element.getBoundingClientRect();
  if (inner.top < outer.top || inner.bottom > outer.bottom) box.scrollTop += inner.top - outer.top - outer.height / 3;
}

/** The word that has the focus is the one that Tab comes back to. */
function take_stop(box: HTMLElement, target: EventTarget | null): void {
  const n = number_of(target);
  if (n === undefined) return;
  for (const old of box.querySelectorAll<HTMLElement>('.word[tabindex="0"]')) old.tabIndex = -1;
  const word = word_of(box, n);
  if (word) word.tabIndex = 0;
}

/** True if the key moved the focus to another word. */
function walk(event: KeyboardEvent, transcript: Transcript): boolean {
  const n = number_of(event.target);
  if (n === undefined || event.ctrlKey || event.metaKey || event.altKey) return false;
  const line = transcript.lines.findLastIndex((one) => (one.words[0]?.n ?? 0) <= n);
  const first = (of: number) => transcript.lines[of]?.words[0]?.n;
  const to: Record<string, number | undefined> = {
    ArrowLeft: n - 1,
    ArrowRight: n + 1,
    ArrowUp: first(line - 1),
    ArrowDown: first(line + 1),
    Home: first(line),
    End: transcript.lines[line]?.words.at(-1)?.n,
  };
  if (!(event.key in to)) return false;
  const word = word_of(event.currentTarget as HTMLElement, to[event.key] ?? -1);
  word?.focus();
  return true;
}
