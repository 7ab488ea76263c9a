// The last seconds of both sides, scrolling: the phone above the line, what it hears below.

import { useEffect, useRef } from 'preact/hooks';
import { kPeaksKept, level_history } from '../levels';
import { on_frame } from './frames';

/** Pixels for each 20 ms. */
const kWide = 1;
const kMinimum = 0.75;

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
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext('2d');
  if (!context) return;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const middle = height / 2;
  context.fillStyle = style.getPropertyValue('--line');
  context.fillRect(0, middle - 0.5, width, 1);
  const bars = Math.min(Math.floor(width / kWide), kPeaksKept, count);
  const half = middle - 2;
  const side = (values: Float32Array, colour: string, up: boolean) => {
    context.fillStyle = style.getPropertyValue(colour);
    for (let i = 0; i < bars; ++i) {
      const peak = values[(count - 1 - i) % kPeaksKept] ?? 0;
      // The square root makes quiet speech visible.
      const tall = peak === 0 ? 0 : Math.max(kMinimum, Math.sqrt(peak) * half);
      const x = width - (i + 1) * kWide;
      context.fillRect(x, up ? middle - 1 - tall : middle + 1, kWide, tall);
    }
  };
  side(far, '--far', true);
  side(near, '--near', false);
}
