// How loud one side of a call is, in decibels below full scale.

import { useEffect, useRef } from 'preact/hooks';
import { decibels, meter_part } from '../format';
import { level_history } from '../levels';
import { on_frame } from './frames';

/** Levels older than this are silence: the stream is down. */
const kStale = 600;

export function Meter({ call, side, label }: { call: string; side: 'far' | 'near'; label: string }) {
  const bar = useRef<HTMLDivElement>(null);
  const fill = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let shown = 0;
    let spoken_at = 0;
    return on_frame(() => {
      const history = level_history(call);
      const now = performance.now();
      const peak = now - history.at > kStale ? 0 : history.recent(side);
      // Up at once, down slowly: as meters do.
      shown = Math.max(meter_part(peak), shown - 0.06);
      if (fill.current) fill.current.style.transform = `scaleX(${shown.toFixed(3)})`;
      if (!bar.current) return;
      bar.current.classList.toggle('clipped', side === 'far' ? history.far_clipped : history.near_clipped);
      if (now - spoken_at < 1000) return;
      spoken_at = now;
      const db = Math.round(decibels(peak));
      bar.current.setAttribute('aria-valuenow', String(db));
      bar.current.setAttribute('aria-valuetext', db <= -60 ? 'silent' : `${db} decibels`);
    });
  }, [call, side]);
  return (
    <div class={`meter ${side}`} ref={bar} role="meter" aria-label={label} aria-valuemin={-60} aria-valuemax={0} aria-valuenow={-60}>
      <div class="fill" ref={fill} />
    </div>
  );
}
