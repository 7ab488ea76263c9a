// Drawing as sharp as the screen is.

export interface Surface {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  /** A colour of the style sheet, by its name. */
  colour(name: string): string;
}

/** The canvas, cleared, in CSS pixels; nothing where the browser gives no context. */
export function surface_of(canvas: HTMLCanvasElement): Surface | undefined {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext('2d');
  if (!context) return undefined;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  return { context, width, height, colour: (name) => style.getPropertyValue(name) };
}

/** How tall a bar is for a peak: the square root makes quiet speech visible. */
export function bar_height(peak: number, most: number): number {
  return peak <= 0 ? 0 : Math.max(0.75, Math.sqrt(Math.min(1, peak)) * most);
}
