import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Call, Session } from '../src/types';
import { a_call, an_event } from './calls';

const kSession: Session = { version: '1', pid: 7, started: '2026-01-01T00:00:00Z', instance: 'i1', carrier: 'emulator', port: 8080 };

/** The control plane as the store sees it. */
class Plane {
  calls: Call[] = [];
  page = 200;
  instance = 'i1';
  logged_in = true;
  up = true;
  token = 'right';
  asked: string[] = [];
  hold_calls: Promise<void> | undefined;
  private streams: ReadableStreamDefaultController<Uint8Array>[] = [];

  fetch = async (path: string, init: RequestInit): Promise<Response> => {
    this.asked.push(`${init.method ?? 'GET'} ${path}`);
    if (!this.up) throw new TypeError('nobody there');
    if (path === '/api/v1/session' && init.method === 'POST') {
      const { token } = JSON.parse(String(init.body)) as { token: string };
      if (token !== this.token) return this.no(401);
      this.logged_in = true;
      return new Response(null, { status: 204 });
    }
    if (!this.logged_in) return this.no(401);
    if (path === '/api/v1/session') return Response.json({ ...kSession, instance: this.instance });
    if (path.startsWith('/api/v1/events')) return this.stream(init.signal);
    if (path.startsWith('/api/v1/calls?')) {
      await this.hold_calls;
      const from = Number(new URLSearchParams(path.split('?')[1]).get('cursor') ?? 0);
      const to = from + this.page;
      return Response.json({ calls: this.calls.slice(from, to), next: to < this.calls.length ? String(to) : null });
    }
    const call = this.calls.find((one) => path === `/api/v1/calls/${one.call}`);
    return call ? Response.json(call) : this.no(404);
  };

  tell(event: string, data: object): void {
    this.streams.at(-1)?.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
  }

  cut(): void {
    this.streams.pop()?.error(new Error('cut'));
  }

  private stream(signal: AbortSignal | null | undefined): Response {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.streams.push(controller);
        signal?.addEventListener('abort', () => this.streams.includes(controller) && controller.error(new Error('aborted')));
      },
    });
    queueMicrotask(() => this.tell('hello', { ...kSession, instance: this.instance }));
    return new Response(body);
  }

  private no(status: number): Response {
    return new Response(JSON.stringify({ status, code: 'no', detail: 'no' }), { status });
  }
}

describe('the store', () => {
  let plane: Plane;
  let store: typeof import('../src/store');

  beforeEach(async () => {
    vi.useFakeTimers();
    plane = new Plane();
    vi.stubGlobal('fetch', plane.fetch);
    vi.stubGlobal('addEventListener', () => {});
    vi.resetModules();
    store = await import('../src/store');
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const settle = (ms = 10) => vi.advanceTimersByTimeAsync(ms);

  async function begin(token?: string) {
    void store.start(token);
    await settle();
  }

  it('has every call, though the list comes in pages', async () => {
    plane.page = 2;
    plane.calls = ['c_1', 'c_2', 'c_3', 'c_4', 'c_5'].map((call) => a_call({ call }));
    await store.start('right');
    await settle();
    expect([...store.model.value.keys()]).toEqual(['c_1', 'c_2', 'c_3', 'c_4', 'c_5']);
  });

  it('is live once the calls are there, and not before', async () => {
    plane.calls = [a_call()];
    let release = () => {};
    plane.hold_calls = new Promise((resolve) => (release = resolve));
    await begin();
    expect(store.connection.value).toBe('connecting');
    expect(store.online.value).toBe(false);
    release();
    await settle();
    expect(store.online.value).toBe(true);
    expect(store.live_calls.value.map((known) => known.call.call)).toEqual(['c_1']);
  });

  it('loses no event that comes while the calls are fetched', async () => {
    plane.calls = [a_call({ state: 'ringing' })];
    let release = () => {};
    plane.hold_calls = new Promise((resolve) => (release = resolve));
    await begin();
    plane.tell('state', an_event('state', { state: 'in-progress' }));
    await settle();
    release();
    await settle();
    expect(store.live_calls.value[0]?.call.state).toBe('in-progress');
  });

  it('fetches a call that it hears of for the first time', async () => {
    await begin();
    plane.calls = [a_call({ call: 'c_9', state: 'ringing' })];
    plane.tell('state', an_event('state', { call: 'c_9', state: 'ringing' }));
    await settle();
    expect(store.live_calls.value.map((known) => known.call.call)).toEqual(['c_9']);
  });

  it('offers nothing while the connection is lost, and then has what is true now', async () => {
    plane.calls = [a_call(), a_call({ call: 'c_2' })];
    await begin();
    plane.up = false;
    plane.cut();
    await settle();
    expect(store.connection.value).toBe('lost');
    await settle(5000);
    expect(store.online.value).toBe(false);
    plane.up = true;
    plane.calls = [a_call({ call: 'c_2' })];
    await settle(2100);
    expect(store.online.value).toBe(true);
    expect([...store.model.value.keys()]).toEqual(['c_2']);
  });

  it('forgets everything of a program that was started anew', async () => {
    plane.calls = [a_call()];
    await begin();
    plane.tell('said', an_event('said', { by: 'caller', text: 'Hello', final: true }));
    await settle();
    expect(store.model.value.get('c_1')?.words).toHaveLength(1);
    plane.instance = 'i2';
    plane.cut();
    await settle(300);
    expect(store.session.value?.instance).toBe('i2');
    expect(store.model.value.get('c_1')?.words).toEqual([]);
  });

  it('logs in again by itself if the token is still good', async () => {
    plane.logged_in = false;
    await begin('right');
    expect(store.online.value).toBe(true);
    plane.logged_in = false;
    plane.cut();
    await settle(300);
    expect(store.online.value).toBe(true);
  });

  it('asks for the token when it is another one now, and says why', async () => {
    plane.logged_in = false;
    await begin('right');
    plane.logged_in = false;
    plane.token = 'new';
    plane.cut();
    await settle(300);
    expect(store.connection.value).toBe('signed-out');
    expect(store.login_note.value).toContain('started anew');
    await store.log_in('new');
    await settle();
    expect(store.online.value).toBe(true);
    expect(store.login_note.value).toBe('');
  });

  it('shows the login, and that a link is not valid any more', async () => {
    plane.logged_in = false;
    await begin('old');
    expect(store.connection.value).toBe('signed-out');
    expect(store.login_note.value).toContain('not valid');
  });

  it('announces what changes', async () => {
    plane.calls = [a_call({ state: 'ringing' })];
    await begin();
    plane.tell('state', an_event('state', { state: 'busy', reason: 'engaged' }));
    await settle();
    expect(store.polite.value).toBe('+1 202 555 0101: Busy: engaged');
  });
});
