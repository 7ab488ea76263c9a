// The last seconds of both sides, scrolling: the phone above the line, what it hears below.

import { useEffect, useRef } from 'preact/hooks';
import { kPeaksKept, level_history } from '../levels';
import { bar_height, surface_of } from './canvas';
import { on_frame } from './frames';

/** Pixels for each 20 ms. */
const kWide = 1;

export function Waveform({ call }: { call: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let drawn = -1;
    let drawn_width = 0;
    return on_frame(() => {
      const element = canvas.current;
      if (!element) return;
      const history = level_history(call);
      const width = element.clientWidth;
      if (history.count === drawn && width === drawn_width) return;
      drawn = history.count;
      drawn_width = width;
      draw(element, history.far, history.near, history.count);
    });
  }, [call]);
  return (
    <canvas
      ref={canvas}
      class="waveform"
      role="img"
      aria-label="Waveform of the last seconds: the phone above the line, what the phone hears below"
    />
  );
}

function draw(canvas: HTMLCanvasElement, far: Float32Array, near: Float32Array, count: number): void {
  const surface = surface_of(canvas);
  if (!surface) return;
  const { context, width, height, colour } = surface;
  const middle = height / 2;
  context.fillStyle = colour('--line');
  context.fillRect(0, middle - 0.5, width, 1);
  const bars = Math.min(Math.floor(width / kWide), kPeaksKept, count);
  const side = (values: Float32Array, name: string, up: boolean) => {
    context.fillStyle = colour(name);
    for (let i = 0; i < bars; ++i) {
      const tall = bar_height(values[(count - 1 - i) % kPeaksKept] ?? 0, middle - 2);
      context.fillRect(width - (i + 1) * kWide, up ? middle - 1 - tall : middle + 1, kWide, tall);
    }
  };
  side(far, '--far', true);
  side(near, '--near', false);
}
