// The control API's event stream, read with fetch rather than EventSource: EventSource hides the comments that say the
// server is there, and decides by itself when to come back. This one notices three seconds of silence.

export interface SseEvent {
  event: string;
  data: string;
  id: string | undefined;
}

/** Takes the text of a stream in pieces of any size and gives back its events. */
export class SseParser {
  private rest = '';
  private event = '';
  private data: string[] = [];
  private id: string | undefined;

  feed(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    this.rest += text;
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!end) return events;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      this.take(line, events);
    }
  }

  private take(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.data.length > 0) {
        events.push({ event: this.event || 'message', data: this.data.join('\n'), id: this.id });
      }
      this.event = '';
      this.data = [];
      this.id = undefined;
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.event = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id') this.id = value;
  }
}

/** How long to wait before the next try: 0.25 s, 0.5 s, 1 s, then 2 s each time. */
export function backoff(tries: number): number {
  return Math.min(2000, 250 * 2 ** Math.min(tries, 3));
}

export interface StreamListener {
  /** An event came. */
  on_event(event: SseEvent): void;
  /** The stream is gone, or could not be had; another try follows by itself. */
  on_lost(): void;
  /** The server knows nobody here. No other try follows. */
  on_refused(): void;
}

const kSilence = 3000;
/** A server that takes longer for the head of its answer counts as gone. */
const kPatience = 3000;

/** Keeps one event stream open until stop(). */
export class EventStream {
  private readonly path: string;
  private readonly listener: StreamListener;
  private last_id: string | undefined;
  private tries = 0;
  private stopped = false;
  private abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(path: string, listener: StreamListener) {
    this.path = path;
    this.listener = listener;
  }

  start(): void {
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.abort.abort();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const verdict = await this.read_once();
      if (this.stopped) return;
      if (verdict === 'refused') {
        this.stopped = true;
        this.listener.on_refused();
        return;
      }
      this.listener.on_lost();
      await this.pause(backoff(this.tries++));
    }
  }

  private async read_once(): Promise<'lost' | 'refused'> {
    this.abort = new AbortController();
    let watch = setTimeout(() => this.abort.abort(), kPatience);
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      if (this.last_id !== undefined) headers['Last-Event-ID'] = this.last_id;
      const answer = await fetch(this.path, {
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: this.abort.signal,
      });
      if (answer.status === 401) return 'refused';
      if (!answer.ok || !answer.body) return 'lost';
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new SseParser();
      for (;;) {
        clearTimeout(watch);
        watch = setTimeout(() => this.abort.abort(), kSilence);
        const { done, value } = await reader.read();
        if (done) return 'lost';
        for (const event of parser.feed(value)) {
          this.tries = 0;
          if (event.id !== undefined) this.last_id = event.id;
          this.listener.on_event(event);
        }
      }
    } catch {
      return 'lost';
    } finally {
      clearTimeout(watch);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.timer = setTimeout(resolve, ms);
    });
  }
}
