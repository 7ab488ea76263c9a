import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventStream, SseParser, type SseEvent, backoff } from '../src/event_stream';

describe('the parser of event streams', () => {
  const kText = 'event: hello\ndata: {"a":1}\n\n: comment\n\nid: x-7\r\nevent: state\r\ndata: one\r\ndata: two\r\n\r\ndata:bare\n\n';
  const kEvents: SseEvent[] = [
    { event: 'hello', data: '{"a":1}', id: undefined },
    { event: 'state', data: 'one\ntwo', id: 'x-7' },
    { event: 'message', data: 'bare', id: undefined },
  ];

  it('reads events, whatever pieces they come in', () => {
    for (const size of [1, 2, 3, 7, 1000]) {
      const parser = new SseParser();
      const events: SseEvent[] = [];
      for (let at = 0; at < kText.length; at += size) events.push(...parser.feed(kText.slice(at, at + size)));
      expect(events, `pieces of ${size}`).toEqual(kEvents);
    }
  });

  it('takes a comment for a sign of life and nothing else', () => {
    expect(new SseParser().feed(': still here\n\n')).toEqual([]);
  });
});

describe('the event stream', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  /** A server whose streams the test writes to. */
  function a_server(status = 200) {
    const asked: Headers[] = [];
    const writers: ReadableStreamDefaultController<Uint8Array>[] = [];
    vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
      asked.push(new Headers(init.headers));
      if (status !== 200) return Promise.resolve(new Response(null, { status }));
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          writers.push(controller);
          init.signal?.addEventListener('abort', () => controller.error(new Error('aborted')));
        },
      });
      return Promise.resolve(new Response(body));
    });
    const write = (text: string) => writers.at(-1)?.enqueue(new TextEncoder().encode(text));
    return { asked, writers, write };
  }

  function listener() {
    return { events: [] as SseEvent[], lost: 0, refused: 0 };
  }

  function open(seen: ReturnType<typeof listener>) {
    const stream = new EventStream('/events', {
      on_event: (event) => void seen.events.push(event),
      on_lost: () => void ++seen.lost,
      on_refused: () => void ++seen.refused,
    });
    stream.start();
    return stream;
  }

  it('is lost after three seconds of silence, and asks for what it missed', async () => {
    const server = a_server();
    const seen = listener();
    const stream = open(seen);
    await vi.advanceTimersByTimeAsync(0);
    server.write('id: i-4\ndata: x\n\n');
    for (let n = 0; n < 4; ++n) {
      await vi.advanceTimersByTimeAsync(2000);
      server.write(': here\n\n');
    }
    expect(seen).toMatchObject({ lost: 0, events: [{ data: 'x' }] });
    await vi.advanceTimersByTimeAsync(2900);
    expect(seen.lost).toBe(0);
    await vi.advanceTimersByTimeAsync(200);
    expect(seen.lost).toBe(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(server.asked).toHaveLength(2);
    expect(server.asked[1]?.get('last-event-id')).toBe('i-4');
    stream.stop();
  });

  it('comes back within two seconds however long the server is gone', async () => {
    let tries = 0;
    vi.stubGlobal('fetch', () => {
      ++tries;
      return Promise.reject(new TypeError('nobody there'));
    });
    const stream = open(listener());
    await vi.advanceTimersByTimeAsync(60_000);
    const before = tries;
    await vi.advanceTimersByTimeAsync(2000);
    expect(tries).toBeGreaterThan(before);
    expect([0, 1, 2, 3, 4, 99].map(backoff)).toEqual([250, 500, 1000, 2000, 2000, 2000]);
    stream.stop();
  });

  it('does not try again when nobody is logged in', async () => {
    const server = a_server(401);
    const seen = listener();
    open(seen);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(seen).toMatchObject({ refused: 1, lost: 0 });
    expect(server.asked).toHaveLength(1);
  });

  it('is quiet once it was stopped', async () => {
    const server = a_server();
    const seen = listener();
    const stream = open(seen);
    await vi.advanceTimersByTimeAsync(0);
    stream.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(seen.lost).toBe(0);
    expect(server.asked).toHaveLength(1);
  });
});
