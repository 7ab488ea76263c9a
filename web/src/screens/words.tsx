// What was said on a call, as agents and their services understood it. Text of callers is only ever text here.

import { useEffect, useRef } from 'preact/hooks';
import { when } from '../format';
import type { Line } from '../model';

export function Words({ words, label, tall = false }: { words: readonly Line[]; label: string; tall?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const last = words.at(-1);
  useEffect(() => {
    const element = box.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [last?.n, last?.text]);
  return (
    <div class={`words${tall ? ' tall' : ''}`} ref={box} role="log" aria-label={label} tabIndex={0}>
      <ol>
        {words.map((line) => (
          <li key={line.n} class={`${line.by}${line.final ? '' : ' open'}`}>
            <span class="who">{line.by === 'agent' ? 'Agent' : 'Caller'}</span>
            <span class="text">{line.text}</span>
            {tall && <time>{when(line.time)}</time>}
          </li>
        ))}
      </ol>
    </div>
  );
}
