// How a call's sound fared, one sample a second. Loaded only where it is shown: the plotting library is half of the page.

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { shown_theme } from '../preferences';
import type { Gap, Samples } from '../types';

type Values = (number | null)[];

interface Line {
  words: string;
  colour: string;
  values: Values;
}

export function Plots({ samples, gaps }: { samples: Samples; gaps: readonly Gap[] }) {
  const seconds = samples.at_ms.map((ms) => ms / 1000);
  const marks = gaps.map((gap) => gap.at_ms / 1000);
  return (
    <section class="card" aria-labelledby="plots">
      <h2 id="plots">Sound</h2>
      <Plot
        title="Buffers and jitter, ms"
        unit="ms"
        seconds={seconds}
        marks={marks}
        lines={[
          { words: 'Buffer depth', colour: '--far', values: samples.playout_depth_ms },
          { words: 'Jitter', colour: '--warn', values: samples.jitter_ms },
          { words: 'Sent ahead', colour: '--near', values: samples.outbound_ahead_ms },
        ]}
      />
      <Plot
        title="Levels, dB"
        unit="dB"
        seconds={seconds}
        marks={marks}
        lines={[
          { words: 'Phone', colour: '--far', values: samples.far_level_db },
          { words: 'To phone', colour: '--near', values: samples.near_level_db },
        ]}
      />
      <Plot
        title="Lost and concealed, ms"
        unit="ms"
        seconds={seconds}
        marks={marks}
        lines={[
          { words: 'Lost', colour: '--bad', values: samples.lost_ms },
          { words: 'Concealed', colour: '--warn', values: samples.concealed_ms },
        ]}
      />
    </section>
  );
}

interface PlotProps {
  title: string;
  unit: string;
  seconds: number[];
  /** Where gaps are. */
  marks: readonly number[];
  lines: Line[];
}

function Plot({ title, unit, seconds, marks, lines }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const marked = useRef(marks);
  marked.current = marks;
  const data = [seconds, ...lines.map((line) => line.values)] as uPlot.AlignedData;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    plot.current = make(element, lines, data, () => marked.current);
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: kHeight }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shown_theme.value]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [seconds.length, seconds.at(-1)]);
  useEffect(() => plot.current?.redraw(false), [marks.length]);
  const gaps_told = marks.length > 0 ? `. Gaps: ${marks.length}` : '';
  return (
    <figure class="plot">
      <figcaption>
        {title}
        <span class="legend">
          {lines.map((line) => (
            <span key={line.words} class={`key-of ${line.colour.slice(2)}`}>
              {line.words}
            </span>
          ))}
          {marks.length > 0 && <span class="key-of gap">Gap</span>}
        </span>
      </figcaption>
      <div ref={box} role="img" aria-label={`${title}. ${lines.map((line) => spoken(line, unit)).join('. ')}${gaps_told}`} />
    </figure>
  );
}

const kHeight = 150;
/** Marks of the time axis are whole seconds. */
const kSeconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

function make(element: HTMLElement, lines: readonly Line[], data: uPlot.AlignedData, marks: () => readonly number[]): uPlot {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return new uPlot(
    {
      width: Math.max(200, element.clientWidth),
      height: kHeight,
      legend: { show: false },
      cursor: { y: false, points: { show: false } },
      scales: { x: { time: false } },
      hooks: { drawAxes: [(plot: uPlot) => draw_marks(plot, marks(), colour('--bad'))] },
      axes: [
        {
          ...axis,
          size: 28,
          incrs: kSeconds,
          values: (_, marks) => marks.map((s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, '0')}`),
        },
        { ...axis, size: 46 },
      ],
      series: [{}, ...lines.map((line) => ({ label: line.words, stroke: colour(line.colour), width: 1.75, points: { show: false } }))],
    },
    data,
    element,
  );
}

/** A dashed line from top to bottom for each, behind the curves. */
function draw_marks(plot: uPlot, marks: readonly number[], colour: string): void {
  const { ctx: context, bbox } = plot;
  context.save();
  context.strokeStyle = colour;
  context.lineWidth = devicePixelRatio;
  context.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  context.beginPath();
  for (const second of marks) {
    const x = Math.round(plot.valToPos(second, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    context.moveTo(x, bbox.top);
    context.lineTo(x, bbox.top + bbox.height);
  }
  context.stroke();
  context.restore();
}

function spoken(line: Line, unit: string): string {
  const known = line.values.filter((value): value is number => value !== null);
  if (known.length === 0) return `${line.words}: unknown`;
  const last = known[known.length - 1] as number;
  return `${line.words}: ${Math.round(last)} ${unit} now, between ${Math.round(Math.min(...known))} and ${Math.round(Math.max(...known))}`;
}
