// What the person at this browser prefers. Kept in the browser; nothing of a call is.

import { computed, effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

function kept<T extends string>(name: string, allowed: readonly T[], otherwise: T) {
  const read = (): T => {
    try {
      const value = localStorage.getItem(name) as T | null;
      return value !== null && allowed.includes(value) ? value : otherwise;
    } catch {
      return otherwise;
    }
  };
  const value = signal<T>(read());
  effect(() => {
    try {
      localStorage.setItem(name, value.value);
    } catch {
      // A browser that keeps nothing: the choice lasts as long as the page.
    }
  });
  return value;
}

export const theme = kept<Theme>('agentbridge.theme', ['system', 'light', 'dark'], 'system');
export const shortcuts = kept<'on' | 'off'>('agentbridge.shortcuts', ['on', 'off'], 'on');

const system_dark = matchMedia('(prefers-color-scheme: dark)');
const system = signal<'light' | 'dark'>(system_dark.matches ? 'dark' : 'light');
system_dark.addEventListener('change', () => {
  system.value = system_dark.matches ? 'dark' : 'light';
});

/** The colours that are shown: what is drawn on a canvas has to be drawn anew when they change. */
export const shown_theme = computed(() => (theme.value === 'system' ? system.value : theme.value));

effect(() => {
  document.documentElement.dataset['theme'] = shown_theme.value;
});
