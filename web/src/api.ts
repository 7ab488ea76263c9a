// Requests to the control API, and what went wrong with them in words.

/** An answer that says no, or no answer at all. `message` is a sentence for the person at the page. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;

  constructor(status: number, code: string, detail: string, field?: string) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

export interface Options {
  body?: unknown;
  headers?: Record<string, string>;
  /** How long the answer may take, in milliseconds. */
  patience?: number;
}

const kRoot = '/api/v1';
const kPatience = 15_000;

/** Called whenever an answer says that nobody is logged in here (any more). */
let on_unauthorized: () => void = () => {};
export function when_unauthorized(act: () => void): void {
  on_unauthorized = act;
}

export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  const init: RequestInit = {
    method,
    headers,
    credentials: 'same-origin',
    cache: 'no-store',
    signal: AbortSignal.timeout(options.patience ?? kPatience),
  };
  if (method !== 'GET') {
    headers['Content-Type'] = 'application/json';
    if (options.body !== undefined) init.body = JSON.stringify(options.body);
  }
  let answer: Response;
  try {
    answer = await fetch(kRoot + path, init);
  } catch (error) {
    throw unanswered(error);
  }
  if (!answer.ok) {
    const problem = await problem_of(answer);
    if (problem.status === 401 && path !== '/session') on_unauthorized();
    throw problem;
  }
  if (answer.status === 204) return undefined as T;
  try {
    return (await answer.json()) as T;
  } catch {
    throw new Problem(answer.status, 'bad_answer', 'The answer of agentbridge could not be read. Try again.');
  }
}

function unanswered(error: unknown): Problem {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new Problem(0, 'timed_out', 'agentbridge took too long to answer. Try again.');
  }
  return new Problem(0, 'unreachable', 'agentbridge does not answer. Is it still running?');
}

async function problem_of(answer: Response): Promise<Problem> {
  try {
    const body = (await answer.json()) as { code?: string; detail?: string; title?: string; field?: string };
    const detail = body.detail || body.title || `agentbridge answered ${answer.status}.`;
    return new Problem(answer.status, body.code ?? 'unknown', sentence(detail), body.field);
  } catch {
    return new Problem(answer.status, 'unknown', `agentbridge answered ${answer.status} ${answer.statusText}.`);
  }
}

/** Starts with a capital letter and ends with a full stop, as everything else on the page does. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(begun) ? begun : begun + '.';
}

export const get = <T>(path: string, options?: Options) => request<T>('GET', path, options);
export const post = <T>(path: string, body: unknown = {}, options: Options = {}) => request<T>('POST', path, { ...options, body });
export const put = <T>(path: string, body: unknown, options: Options = {}) => request<T>('PUT', path, { ...options, body });
export const remove = <T>(path: string, options: Options = {}) => request<T>('DELETE', path, options);

export const call_path = (id: string, what = '') => `/calls/${encodeURIComponent(id)}${what}`;
