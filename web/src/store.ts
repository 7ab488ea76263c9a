// The page's one state: who is logged in, how the connection stands, and the calls. Fed by the event stream; after every
// connection the calls are fetched anew, so nothing on the page can be older than the connection.

import { computed, signal } from '@preact/signals';
import { Problem, call_path, get, post, remove, when_unauthorized } from './api';
import { EventStream, type SseEvent } from './event_stream';
import { is_final, peer, pretty_number, recording_words, state_words } from './format';
import { forget_levels, take_levels } from './levels';
import { type Known, type Model, apply_event, from_list, is_news, with_call, with_past_words } from './model';
import type { Call, CallEvent, Hello, LevelsMessage, Session, Timeline, TranscriptDocument } from './types';

export type Connection = 'starting' | 'signed-out' | 'connecting' | 'live' | 'lost';

export const connection = signal<Connection>('starting');
export const session = signal<Session | null>(null);
export const model = signal<Model>(new Map());
/** Why the login screen is shown, if there is a reason beyond "nobody has logged in yet". */
export const login_note = signal('');
/** Goes up whenever everything was fetched anew: screens with data of their own fetch it again. */
export const epoch = signal(0);
/** Goes up when a call has ended: the history has a new entry. */
export const ended_count = signal(0);
/** performance.now(), once a second. */
export const now = signal(performance.now());
/** For the live regions: what just happened, in a sentence. */
export const polite = signal('');
export const urgent = signal('');

export const online = computed(() => connection.value === 'live');
export const live_calls = computed<Known[]>(() => [...model.value.values()].filter((known) => !is_final(known.call.state)));
export const ringing_calls = computed(() => live_calls.value.filter((known) => known.call.local.ringing));
export const on_emulator = computed(() => session.value?.carrier === 'emulator');

let stream: EventStream | undefined;
/** Kept in memory only, to log in again after the server has come back. */
let token: string | undefined;
let instance: string | undefined;
/** Events that came while the calls were being fetched. */
let waiting: CallEvent[] | undefined;
const fetching = new Set<string>();

export async function start(token_of_link: string | undefined): Promise<void> {
  when_unauthorized(() => void came_out());
  setInterval(() => {
    now.value = performance.now();
  }, 1000);
  addEventListener('focus', () => void look_for_session());
  if (token_of_link) await log_in(token_of_link).catch(() => {});
  if (connection.value === 'starting') await look_for_session();
}

export async function log_in(given: string): Promise<void> {
  try {
    await post<void>('/session', { token: given });
  } catch (error) {
    if (connection.value === 'starting') {
      login_note.value =
        error instanceof Problem && error.status === 401
          ? 'The token of this link is not valid (any more). The program prints a new link each time it starts.'
          : error instanceof Error
            ? error.message
            : '';
    }
    throw error;
  }
  token = given;
  await open_session();
}

export async function log_out(): Promise<void> {
  await remove('/session');
  token = undefined;
  sign_out('You are logged out.');
}

/** Another tab may have logged in meanwhile: the cookie is the browser's, not the page's. */
async function look_for_session(): Promise<void> {
  if (connection.value !== 'signed-out' && connection.value !== 'starting') return;
  try {
    await open_session();
  } catch (error) {
    if (connection.value !== 'starting') return;
    if (error instanceof Problem && error.status !== 401) login_note.value = error.message;
    connection.value = 'signed-out';
  }
}

async function open_session(): Promise<void> {
  session.value = await get<Session>('/session');
  login_note.value = '';
  connection.value = 'connecting';
  connect();
}

function sign_out(note: string): void {
  stream?.stop();
  stream = undefined;
  session.value = null;
  clear();
  login_note.value = note;
  connection.value = 'signed-out';
}

/** An answer said 401: the server has started anew, or somebody logged out elsewhere. */
async function came_out(): Promise<void> {
  if (connection.value === 'signed-out' || connection.value === 'starting') return;
  stream?.stop();
  stream = undefined;
  connection.value = 'lost';
  if (token !== undefined) {
    try {
      await post<void>('/session', { token });
      await open_session();
      return;
    } catch (error) {
      if (error instanceof Problem && error.status !== 401) {
        setTimeout(() => {
          if (connection.value === 'lost' && !stream) void came_out();
        }, 500);
        return;
      }
      token = undefined;
    }
  }
  sign_out('agentbridge was started anew, and has a new token. Open the link that it printed, or paste the token.');
}

function connect(): void {
  stream?.stop();
  stream = new EventStream('/api/v1/events?levels=1', {
    on_event: take_event,
    on_lost: () => {
      waiting = undefined;
      if (connection.value === 'live') {
        connection.value = 'lost';
        urgent.value = 'The connection to agentbridge is lost. Nothing can be done until it is back.';
        performance.mark('agentbridge:lost');
      } else if (connection.value === 'connecting') {
        connection.value = 'lost';
      }
    },
    on_refused: () => void came_out(),
  });
  stream.start();
}

function take_event(event: SseEvent): void {
  let data: unknown;
  try {
    data = JSON.parse(event.data);
  } catch {
    return;
  }
  if (event.event === 'hello') void greeted(data as Hello);
  else if (event.event === 'reset') void fetch_all();
  else if (event.event === 'levels') take_levels(data as LevelsMessage, performance.now());
  else if (waiting) waiting.push(data as CallEvent);
  else take_call_event(data as CallEvent);
}

async function greeted(hello: Hello): Promise<void> {
  const restarted = instance !== undefined && instance !== hello.instance;
  instance = hello.instance;
  if (restarted) {
    clear();
    try {
      session.value = await get<Session>('/session');
    } catch {
      return;
    }
  }
  await fetch_all();
}

/** All of them: the list comes in pages. */
async function live_list(): Promise<Call[]> {
  const calls: Call[] = [];
  let next: string | null | undefined;
  do {
    const asked = new URLSearchParams({ state: 'live', limit: '200', ...(next ? { cursor: next } : {}) });
    const page: { calls: Call[]; next?: string | null } = await get(`/calls?${asked}`);
    calls.push(...page.calls);
    next = page.next;
  } while (next);
  return calls;
}

/** Everything anew. Until it is there, events wait and buttons stay as they are: off, if they were off. */
async function fetch_all(): Promise<void> {
  const mine: CallEvent[] = [];
  waiting = mine;
  try {
    const calls = await live_list();
    if (waiting !== mine) return;
    waiting = undefined;
    model.value = from_list(model.value, calls, performance.now());
    const was = connection.value;
    connection.value = 'live';
    ++epoch.value;
    performance.mark('agentbridge:live');
    if (was === 'lost') polite.value = 'Connected again.';
    for (const event of mine) take_call_event(event);
    for (const call of calls) void recall_words(call);
  } catch {
    if (waiting !== mine) return;
    setTimeout(() => {
      if (waiting === mine) void fetch_all();
    }, 500);
  }
}

function take_call_event(event: CallEvent): void {
  if (is_news(model.value, event)) void fetch_call(event.call);
  const before = model.value.get(event.call);
  model.value = apply_event(model.value, event, performance.now());
  const after = model.value.get(event.call);
  if (after && before && after !== before) announce(before, after, event);
  if (event.type === 'ended') {
    ++ended_count.value;
    forget_levels(event.call);
  }
}

/** A call that is new here. Its first events say less than its snapshot. */
async function fetch_call(id: string): Promise<void> {
  if (fetching.has(id)) return;
  fetching.add(id);
  try {
    const call = await get<Call>(call_path(id));
    if (is_final(call.state)) return;
    model.value = with_call(model.value, call, performance.now());
    polite.value = `${call.direction === 'inbound' ? 'Call from' : 'Calling'} ${pretty_number(peer(call))}`;
  } catch {
    // It is over already, or the connection is: the next list says so.
  } finally {
    fetching.delete(id);
  }
}

/** A page that is opened in mid-call, or was cut off, shows what was said meanwhile: what was taken down, else what an agent told. */
async function recall_words(call: Call): Promise<void> {
  const recall = async (what: string) => {
    try {
      model.value = with_past_words(model.value, await get<Timeline | TranscriptDocument>(call_path(call.call, what)));
    } catch {
      // Words that come from now on are shown all the same.
    }
  };
  if (call.transcription) await recall('/transcript');
  if (call.agent && (model.value.get(call.call)?.words.length ?? 0) === 0) await recall('/timeline');
}

function announce(before: Known, after: Known, event: CallEvent): void {
  const who = pretty_number(peer(after.call));
  const words = state_words(after.call);
  if (state_words(before.call) !== words) {
    performance.mark('agentbridge:state', { detail: { call: after.call.call, state: after.call.state } });
    const reason = is_final(after.call.state) && after.call.reason ? `: ${after.call.reason}` : '';
    polite.value = `${who}: ${words}${reason}`;
  }
  if (event.type === 'warning') polite.value = `${who}: ${after.warning}`;
  const recorded = recording_words(after.call.recording);
  if (recorded !== recording_words(before.call.recording)) polite.value = `${who}: ${recorded || 'Not recorded any more'}`;
}

/** The answer of a request is the call as it is then: shown at once, not only when its event comes. */
export function learn(call: Call): void {
  model.value = with_call(model.value, call, performance.now());
}

/** A call whose traces were deleted. */
export function forget(id: string): void {
  const rest = new Map(model.value);
  rest.delete(id);
  model.value = rest;
}

function clear(): void {
  model.value = new Map();
  forget_levels();
  fetching.clear();
  waiting = undefined;
}
