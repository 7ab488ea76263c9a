// The keyboard. One key does one thing, only while nobody types and no dialog is open, and not with Ctrl, Alt or Meta.
// What acts on a call acts on the chosen one: the card that has the focus, else the first on the screen.

import { signal } from '@preact/signals';
import { shortcuts } from './preferences';
import { go } from './router';

export const help_open = signal(false);

export const kKeys: readonly { key: string; words: string; group: 'Anywhere' | 'The chosen call' }[] = [
  { key: '?', words: 'This list', group: 'Anywhere' },
  { key: '1', words: 'Live calls', group: 'Anywhere' },
  { key: '2', words: 'Dial', group: 'Anywhere' },
  { key: '3', words: 'History', group: 'Anywhere' },
  { key: '4', words: 'Settings', group: 'Anywhere' },
  { key: 'n', words: 'New call', group: 'Anywhere' },
  { key: '.', words: 'Choose the next call', group: 'Anywhere' },
  { key: ',', words: 'Choose the call before', group: 'Anywhere' },
  { key: 'e', words: 'Listen, or stop listening', group: 'The chosen call' },
  { key: 't', words: 'Talk, or stop talking', group: 'The chosen call' },
  { key: 'm', words: 'Mute or unmute this side', group: 'The chosen call' },
  { key: 'h', words: 'Hold or resume', group: 'The chosen call' },
  { key: 'k', words: 'Telephone keys', group: 'The chosen call' },
  { key: 'r', words: 'Transfer', group: 'The chosen call' },
  { key: 'a', words: 'Agent', group: 'The chosen call' },
  { key: 's', words: 'Say something in a synthetic voice', group: 'The chosen call' },
  { key: 'o', words: 'Take over from the agent, or hand back', group: 'The chosen call' },
  { key: 'c', words: 'Record, or stop recording', group: 'The chosen call' },
  { key: 'p', words: 'Pause or resume the recording', group: 'The chosen call' },
  { key: 'w', words: 'Transcribe what is said, or stop', group: 'The chosen call' },
  { key: 'x', words: 'Hang up (asks first)', group: 'The chosen call' },
];

const kActions: Record<string, string> = {
  e: 'listen',
  t: 'talk',
  m: 'mute',
  h: 'hold',
  k: 'keypad',
  r: 'transfer',
  a: 'agent',
  s: 'say',
  o: 'take-over',
  c: 'record',
  p: 'pause-recording',
  w: 'transcribe',
  x: 'hangup',
};

const kPlaces: Record<string, string> = { '1': '/', '2': '/dial', '3': '/history', '4': '/settings', n: '/dial' };

export function listen_to_keys(signed_in: () => boolean): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!signed_in() || is_typing(event.target) || document.querySelector('dialog[open]')) return;
    if (event.key === '?') {
      event.preventDefault();
      help_open.value = true;
      return;
    }
    if (shortcuts.value === 'on' && !event.repeat && pressed(event.key)) event.preventDefault();
  });
}

function is_typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'range'].includes(target.type);
}

function pressed(key: string): boolean {
  const place = kPlaces[key];
  if (place) {
    go(place);
    return true;
  }
  if (key === '.' || key === ',') return choose(key === '.' ? 1 : -1);
  const action = kActions[key];
  if (!action) return false;
  const button = chosen_card()?.querySelector<HTMLButtonElement>(`[data-action="${action}"]`);
  if (!button || button.disabled) return false;
  button.focus();
  button.click();
  return true;
}

function cards(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>('[data-call-card]')];
}

function chosen_card(): HTMLElement | undefined {
  const of_focus = document.activeElement?.closest<HTMLElement>('[data-call-card]');
  return of_focus ?? cards()[0];
}

function choose(step: number): boolean {
  const all = cards();
  if (all.length === 0) return false;
  const at = all.findIndex((card) => card.contains(document.activeElement));
  const next = at < 0 ? 0 : (at + step + all.length) % all.length;
  all[next]?.focus();
  all[next]?.scrollIntoView({ block: 'nearest' });
  return true;
}
