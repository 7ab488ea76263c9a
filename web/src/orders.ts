// What is asked of the control API, from what stands in the page's forms. Pure.

import { dialable } from './format';

/** An agent as it is chosen: one of the list, or another one by its address. */
export interface ChosenAgent {
  name: string;
  address: string;
}

/** Stands in the place of a name; no agent is called so. */
export const kByAddress = 'by address';

/** Of a name or an address, as the API has it. */
export function chosen_agent(text: string): ChosenAgent {
  const written = text.trim();
  return /^wss?:\/\//i.test(written) ? { name: kByAddress, address: written } : { name: written, address: '' };
}

/** The name or address for the API; empty: none, or none yet. */
export function named_agent(chosen: ChosenAgent): string {
  return chosen.name === kByAddress ? chosen.address.trim() : chosen.name;
}

export interface CallForm {
  to: string;
  from: string;
  agent: ChosenAgent;
  record: boolean;
  transcribe: boolean;
  focus: boolean;
  muted: boolean;
  minutes: string;
}

/** What the settings have of every call. */
export interface Usual {
  record: boolean;
  transcribe: boolean;
  /** Empty: none. */
  agent: string;
}

/** The body of a new call: what is as usual is left out. */
export function call_order(form: CallForm, usual: Usual): Record<string, unknown> {
  const order: Record<string, unknown> = { to: dialable(form.to), focus: form.focus };
  if (form.from.trim()) order['from'] = dialable(form.from);
  const agent = named_agent(form.agent);
  if (agent || usual.agent) order['agent'] = agent;
  if (form.record !== usual.record) order['record'] = form.record;
  if (form.transcribe !== usual.transcribe) order['transcribe'] = form.transcribe;
  if (form.muted) order['mic'] = false;
  if (form.minutes) order['time_limit_s'] = Math.round(Number(form.minutes) * 60);
  return order;
}

/** What the phone hears of it that a recording begins; empty: what the settings say. */
export type Notice = '' | 'none' | 'beep' | 'spoken';

export const kNotices: readonly { notice: Notice; words: string }[] = [
  { notice: '', words: 'notice as configured' },
  { notice: 'none', words: 'without notice' },
  { notice: 'beep', words: 'with a beep' },
  { notice: 'spoken', words: 'with a spoken notice' },
];

export function recording_order(state: 'recording' | 'paused' | 'stopped', notice: Notice = ''): Record<string, string> {
  return state === 'recording' && notice ? { state, notice } : { state };
}

/** What is wrong with a field, to be read at the field: the program begins it with the field's name. */
export function field_words(message: string, field: string): string {
  const begin = `${field}: `;
  if (message.slice(0, begin.length).toLowerCase() !== begin.toLowerCase()) return message;
  const rest = message.slice(begin.length);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
