// Plays a recording: both sides drawn, the phone above the line and this side below, with a place in it that the mouse and the
// keyboard move. The sound is the browser's own <audio>, which fetches what it needs of the file.

import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { call_path } from '../api';
import { clock, spoken_clock } from '../format';
import { shown_theme } from '../preferences';
import type { Peaks, RecordingEntry, RecordingFormat } from '../types';
import { bar_height, surface_of } from './canvas';
import { on_frame } from './frames';
import { Icon } from './icons';
import type { Playback } from './playback';

const kTypes: Record<RecordingFormat, string> = { wav: 'audio/wav', flac: 'audio/flac', opus: 'audio/ogg; codecs=opus' };
const kRates = ['0.5', '0.75', '1', '1.25', '1.5', '2'];
/** How far the keys go, in milliseconds. */
const kSteps: Record<string, number> = {
  ArrowLeft: -5000,
  ArrowDown: -5000,
  ArrowRight: 5000,
  ArrowUp: 5000,
  PageDown: -30_000,
  PageUp: 30_000,
};

export const recording_url = (call: string, format: RecordingFormat) => `/api/v1${call_path(call, `/recording.${format}`)}`;

export function Player({ entry, peaks, playback }: { entry: RecordingEntry; peaks: Peaks | null; playback: Playback }) {
  const audio = useRef<HTMLAudioElement>(null);
  const rate = useSignal('1');
  useEffect(() => (audio.current ? playback.attach(audio.current) : undefined), [playback]);
  // The element itself tells its place four times a second only.
  useEffect(() => (playback.playing.value ? on_frame(() => playback.look()) : undefined), [playback, playback.playing.value]);
  const playing = playback.playing.value;
  return (
    <div class="player" data-player={playing ? 'playing' : 'paused'}>
      <audio ref={audio} preload="metadata">
        {entry.formats.map((format, n) => (
          <source
            key={format}
            src={recording_url(entry.call, format)}
            type={kTypes[format]}
            onError={() => n === entry.formats.length - 1 && playback.failed()}
          />
        ))}
      </audio>
      <Place length={entry.duration_ms} peaks={peaks} playback={playback} />
      <div class="controls">
        <button type="button" class="button primary" data-play onClick={() => playback.toggle()}>
          <Icon name={playing ? 'hold' : 'resume'} />
          <span>{playing ? 'Pause' : 'Play'}</span>
        </button>
        <Elapsed length={entry.duration_ms} playback={playback} />
        <label class="field inline push">
          Speed
          <select
            value={rate.value}
            onChange={(event) => {
              rate.value = event.currentTarget.value;
              playback.rate = Number(rate.value);
            }}
          >
            {kRates.map((one) => (
              <option key={one} value={one}>
                {one}×
              </option>
            ))}
          </select>
        </label>
      </div>
      {playback.problem.value && (
        <p class="problem" role="alert">
          {playback.problem.value}
        </p>
      )}
    </div>
  );
}

/** A component of its own: only this changes while it plays. */
function Elapsed({ length, playback }: { length: number; playback: Playback }) {
  return (
    <span class="elapsed">
      {clock(playback.position.value)} <span class="hint">of {clock(length)}</span>
    </span>
  );
}

function Place({ length, peaks, playback }: { length: number; peaks: Peaks | null; playback: Playback }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const redraw = () => {
    if (!canvas.current || !box.current) return;
    const at = playback.position.value;
    draw(canvas.current, peaks, length > 0 ? at / length : 0);
    box.current.setAttribute('aria-valuenow', String(Math.floor(at / 1000)));
    box.current.setAttribute('aria-valuetext', `${spoken_clock(at)} of ${spoken_clock(length)}`);
  };
  useSignalEffect(redraw);
  useEffect(redraw, [peaks, length, shown_theme.value]);
  useEffect(() => {
    if (!box.current) return undefined;
    const watch = new ResizeObserver(redraw);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [peaks, length]);
  const to = (ms: number) => playback.seek(Math.min(length, Math.max(0, ms)));
  const to_pointer = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    to(((event.clientX - left) / Math.max(1, width)) * length);
  };
  return (
    <div
      class="place"
      ref={box}
      role="slider"
      tabIndex={0}
      aria-label="Place in the recording"
      aria-valuemin={0}
      aria-valuemax={Math.floor(length / 1000)}
      aria-valuenow={0}
      title="Arrow keys: 5 seconds; page keys: 30; space: play, pause"
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        to_pointer(event);
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) to_pointer(event);
      }}
      onKeyDown={(event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const step = kSteps[event.key];
        if (step !== undefined) to(playback.position.value + step);
        else if (event.key === 'Home') to(0);
        else if (event.key === 'End') to(length);
        else if (event.key === ' ') playback.toggle();
        else return;
        event.preventDefault();
      }}
    >
      <canvas ref={canvas} class="waveform tall" aria-hidden="true" />
    </div>
  );
}

/** What was played already stands out; a line marks the place. */
function draw(canvas: HTMLCanvasElement, peaks: Peaks | null, part: number): void {
  const surface = surface_of(canvas);
  if (!surface) return;
  const { context, width, height, colour } = surface;
  const middle = height / 2;
  const place = Math.min(1, part) * width;
  context.fillStyle = colour('--line');
  context.fillRect(0, middle - 0.5, width, 1);
  const side = (values: readonly number[], name: string, up: boolean) => {
    context.fillStyle = colour(name);
    const wide = width / Math.max(1, values.length);
    values.forEach((peak, n) => {
      const x = n * wide;
      const tall = bar_height(peak, middle - 2);
      context.globalAlpha = x < place ? 1 : 0.5;
      context.fillRect(x, up ? middle - 1 - tall : middle + 1, Math.max(0.75, wide), tall);
    });
    context.globalAlpha = 1;
  };
  if (peaks) {
    side(peaks.far, '--far', true);
    side(peaks.near, '--near', false);
  }
  context.fillStyle = colour('--text');
  context.fillRect(Math.min(width - 2, place), 0, 2, height);
}
