// One clock for everything that moves: meters and waveforms. Twenty times a second while somebody looks, four times for
// those who ask for less motion, never while the tab is hidden.

const listeners = new Set<() => void>();
const less_motion = matchMedia('(prefers-reduced-motion: reduce)');
let last = 0;
let running = false;

export function reduced_motion(): boolean {
  return less_motion.matches;
}

export function on_frame(draw: () => void): () => void {
  listeners.add(draw);
  if (!running) {
    running = true;
    requestAnimationFrame(tick);
  }
  return () => {
    listeners.delete(draw);
  };
}

function tick(time: number): void {
  if (listeners.size === 0) {
    running = false;
    return;
  }
  if (time - last >= (less_motion.matches ? 250 : 45)) {
    last = time;
    for (const draw of listeners) draw();
  }
  requestAnimationFrame(tick);
}
