// A stand-in for agentbridge's control plane, to develop the page without a telephone: the built page (or Vite's, with
// --vite), sessions, calls that ring and talk, levels, events, sound. It keeps to docs/control-plane.md and knows nothing
// of telephony. Started alone it listens on 127.0.0.1:8090 and prints its link.

import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { problem } from './archive.js';
import { Exchange } from './exchange.js';
import { Sound } from './sound.js';

const kFolder = path.dirname(fileURLToPath(import.meta.url));
const kDist = path.join(kFolder, '..', 'dist');
const kTypes = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const kHeaders = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; " +
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'microphone=(self)',
};

const key = () => randomBytes(20).toString('hex');

export class Mock {
  constructor({ port = 0, token = key(), cookie = key(), emulator = true, vite = undefined } = {}) {
    this.asked_port = port;
    this.token = token;
    this.cookie = cookie;
    this.vite = vite;
    this.exchange = new Exchange({ instance: randomUUID().slice(0, 8), emulator });
    this.sound = new Sound(this.exchange);
    this.server = http.createServer((request, answer) => void this.handle(request, answer));
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  async start() {
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.asked_port, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
    this.origin = `http://127.0.0.1:${this.port}`;
    this.link = `${this.origin}/#token=${this.token}`;
    return this;
  }

  async stop() {
    this.exchange.stop();
    this.sound.stop();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Who asks: 'bearer', 'cookie', or a problem. */
  who(request) {
    const { host, origin, authorization, cookie = '' } = request.headers;
    if (host !== `127.0.0.1:${this.port}` && host !== `localhost:${this.port}`)
      return problem(421, 'wrong_host', 'That is not a name of this machine.');
    if (origin !== undefined && origin !== this.origin) return problem(403, 'wrong_origin', 'A web page of somebody else asks.');
    if (authorization === `Bearer ${this.token}`) return 'bearer';
    if (!cookie.split(/;\s*/).includes(`agentbridge_${this.port}=${this.cookie}`))
      return problem(401, 'unauthorized', 'The token is missing or another one.');
    const plain = request.method === 'GET' || request.method === 'HEAD';
    if ((!plain || request.headers.upgrade) && origin === undefined)
      return problem(403, 'wrong_origin', 'Where the request comes from is missing.');
    const site = request.headers['sec-fetch-site'] ?? 'same-origin';
    if (site !== 'same-origin' && site !== 'none') return problem(403, 'wrong_origin', 'A web page of somebody else asks.');
    return 'cookie';
  }

  async handle(request, answer) {
    const url = new URL(request.url, 'http://any');
    try {
      if (!url.pathname.startsWith('/api/')) return await this.file(request, url, answer);
      const { status, body, headers, file, type, name } = await this.api(request, url, answer);
      if (file) send_file(request, answer, file, type, name);
      else if (status) send(answer, status, body, headers);
    } catch (error) {
      if (error.status) send(answer, error.status, error.body);
      else {
        console.error(error);
        send(answer, 500, { status: 500, code: 'broken', detail: String(error) });
      }
    }
  }

  async api(request, url, answer) {
    const route = url.pathname.replace('/api/v1', '');
    if (route === '/session' && request.method === 'POST') return this.log_in(request);
    const who = this.who(request);
    if (typeof who !== 'string') throw who;
    if (route === '/session' && request.method === 'DELETE') {
      return { status: 204, headers: { 'Set-Cookie': `agentbridge_${this.port}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0` } };
    }
    if (route === '/session') return { status: 200, body: { ...this.exchange.about(), port: this.port } };
    if (route === '/events') {
      this.exchange.events(request, url, answer);
      return {};
    }
    const body = request.method === 'GET' ? {} : await read_json(request);
    return this.exchange.api(request.method, route, url.searchParams, body);
  }

  async log_in(request) {
    const { host, origin } = request.headers;
    if (host !== `127.0.0.1:${this.port}` || (origin !== undefined && origin !== this.origin))
      throw problem(403, 'wrong_origin', 'A web page of somebody else asks.');
    const body = await read_json(request);
    if (body.token !== this.token) throw problem(401, 'unauthorized', 'That is not the token of this program.');
    return { status: 204, headers: { 'Set-Cookie': `agentbridge_${this.port}=${this.cookie}; HttpOnly; SameSite=Strict; Path=/` } };
  }

  async file(request, url, answer) {
    if (this.vite) {
      const handled = await new Promise((resolve) => this.vite.middlewares(request, answer, () => resolve(false)));
      if (handled !== false) return;
    }
    const asset = /^\/assets\/[\w.-]+$/.test(url.pathname);
    if (!asset && !(request.headers.accept ?? '').includes('text/html'))
      return send(answer, 404, { status: 404, code: 'not_found', detail: 'No such file.' });
    if (this.vite) {
      const html = await this.vite.transformIndexHtml(url.pathname, await readFile(path.join(kFolder, '..', 'index.html'), 'utf8'));
      answer.writeHead(200, { 'Content-Type': kTypes['.html'] });
      answer.end(html);
      return;
    }
    const name = asset ? path.join(kDist, url.pathname) : path.join(kDist, 'index.html');
    const data = await readFile(name).catch(() => undefined);
    if (!data) return send(answer, 404, { status: 404, code: 'not_found', detail: 'No such file.' });
    answer.writeHead(200, {
      ...kHeaders,
      'Content-Type': kTypes[path.extname(name)],
      'Cache-Control': asset ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    answer.end(data);
  }

  upgrade(request, socket, head) {
    const url = new URL(request.url, 'http://any');
    const id = /^\/api\/v1\/calls\/([^/]+)\/audio$/.exec(url.pathname)?.[1];
    const who = this.who(request);
    const call = id && this.exchange.calls.get(id);
    const no = typeof who !== 'string' ? who : !call ? problem(404, 'no_such_call', 'There is no such call.') : undefined;
    if (no) {
      socket.end(
        `HTTP/1.1 ${no.status} No\r\nContent-Type: application/problem+json\r\nConnection: close\r\n\r\n${JSON.stringify(no.body)}`,
      );
      return;
    }
    this.sound.take(request, socket, head, id, url.searchParams.get('talk') === '1');
  }
}

function send(answer, status, body, headers = {}) {
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  answer.writeHead(status, { 'Cache-Control': 'no-store', ...(body === undefined ? {} : { 'Content-Type': type }), ...headers });
  answer.end(body === undefined ? undefined : JSON.stringify(body));
}

/** Whole, or the part that the browser asks for: it seeks so. */
function send_file(request, answer, file, type, name) {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const from = range ? Number(range[1]) : 0;
  const to = range?.[2] ? Math.min(Number(range[2]), file.length - 1) : file.length - 1;
  answer.writeHead(range ? 206 : 200, {
    'Content-Type': type,
    'Content-Length': to - from + 1,
    'Accept-Ranges': 'bytes',
    'Content-Disposition': `attachment; filename="${name}"`,
    ...(range ? { 'Content-Range': `bytes ${from}-${to}/${file.length}` } : {}),
  });
  answer.end(file.subarray(from, to + 1));
}

async function read_json(request) {
  if (!(request.headers['content-type'] ?? '').startsWith('application/json')) throw problem(415, 'not_json', 'The body must be JSON.');
  let text = '';
  for await (const piece of request) text += piece;
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    throw problem(400, 'bad_json', 'The body is not a JSON object.');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let vite;
  if (process.argv.includes('--vite')) {
    const { createServer } = await import('vite');
    vite = await createServer({ server: { middlewareMode: true, ws: false }, appType: 'custom', root: path.join(kFolder, '..') });
  }
  const mock = await new Mock({ port: 8090, vite }).start();
  mock.exchange.show_off();
  console.log(mock.link);
}
