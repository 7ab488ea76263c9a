// The page's addresses. Links are real links; a click on one changes the screen without loading the page anew.

import { computed, signal } from '@preact/signals';

export type Route =
  { name: 'live' | 'dial' | 'history' | 'recordings' | 'settings' | 'emulator' | 'unknown' } | { name: 'call'; id: string };

export const path = signal(location.pathname);
/** What the address asks for beside its path: the number to dial, for example. */
export const query = signal(new URLSearchParams(location.search));

export const route = computed<Route>(() => route_of(path.value));

export function route_of(pathname: string): Route {
  const parts = pathname.split('/').filter((part) => part !== '');
  const first = parts[0];
  if (first === undefined) return { name: 'live' };
  if (first === 'calls' && parts[1] !== undefined && parts.length === 2) {
    return { name: 'call', id: decoded(parts[1]) };
  }
  if (
    parts.length === 1 &&
    (first === 'dial' || first === 'history' || first === 'recordings' || first === 'settings' || first === 'emulator')
  ) {
    return { name: first };
  }
  return { name: 'unknown' };
}

/** What is not well encoded stays as it is: anybody can type an address. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function go(to: string): void {
  if (to !== location.pathname + location.search) history.pushState(null, '', to);
  take();
  // As after a page load: at the top, with the screen's heading announced.
  scrollTo(0, 0);
  requestAnimationFrame(() => document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true }));
}

function take(): void {
  path.value = location.pathname;
  query.value = new URLSearchParams(location.search);
}

addEventListener('popstate', take);
addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.('a');
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname.startsWith('/api/') || link.hash) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
