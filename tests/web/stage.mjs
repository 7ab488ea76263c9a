// Where the page's tests play: the real bridge with the built-in Twilio as its carrier (E2E_PROGRAM), or the stand-in of
// web/mock for who develops the page (npm ci in web/ first). Both give the same things: a link, calls that come in, what a
// phone heard, an end and a new beginning.

import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { note_answer } from './answers.mjs';
import { Recognizer } from './recognizer.mjs';
import { beeps, wav } from './tones.mjs';

const kAccount = 'AC' + '0123456789abcdef'.repeat(2);
const kAuthToken = 'e2e0token0e2e0token0e2e0token0e2';

export async function wait_for(what, condition, ms = 10_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** `settings`: further ones of the bridge, of its environment. */
export async function make_stage(settings = {}) {
  return process.env.E2E_PROGRAM ? new RealStage(settings).start() : new MockStage().start();
}

async function free_port() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

class Stage {
  async api(method, route, body) {
    const answer = await fetch(`${this.origin}/api/v1${route}`, {
      method,
      headers: {
        Authorization: `Bearer ${this.token}`,
        'Content-Type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    note_answer(method, answer, text);
    return { status: answer.status, body: text ? JSON.parse(text) : undefined };
  }

  async live() {
    return (await this.api('GET', '/calls?state=live')).body.calls;
  }

  /** A call to that number, with sound. */
  async up(to, more = {}) {
    const { body } = await this.api('POST', '/calls', { to, ...more });
    return wait_for('the call is up', async () => (await this.live()).find((call) => call.call === body.call && call.streaming), 15_000);
  }

  /** What the API tells of the call's recording, if it has one. */
  async recording_of(call) {
    return (await this.api('GET', `/calls/${call.call}/recording`)).body?.recording;
  }

  async transcript_of(call) {
    const { status, body } = await this.api('GET', `/calls/${call.call}/transcript`);
    return status === 200 ? body : undefined;
  }

  async hang_up_all() {
    for (const call of await this.live()) await this.api('DELETE', `/calls/${call.call}`);
    await wait_for('every call is over', async () => (await this.live()).length === 0);
  }
}

class MockStage extends Stage {
  /** Phones: one that hums at 440 Hz for ever, one that beeps. */
  humming = '+12025550102';
  beeping = '+12025550143';

  async start() {
    const { Mock } = await import('../../web/mock/server.js');
    this.Mock = Mock;
    await this.begin(0, undefined);
    return this;
  }

  async begin(port, token) {
    const before = [...(this.mock?.exchange.calls.values() ?? [])].filter((call) => call.ended);
    this.mock = await new this.Mock({ port, token, cookie: this.mock?.cookie }).start();
    ({ origin: this.origin, link: this.link, token: this.token, port: this.port } = this.mock);
    const { past_call } = await import('../../web/mock/fixtures.js');
    for (const call of before) this.mock.exchange.calls.set(call.call, call);
    for (let n = 0; n < 60 && before.length === 0; ++n) past_call(this.mock.exchange, n);
  }

  incoming(from) {
    return this.api('POST', '/emulator/incoming-call', {
      from,
      persona: 'silence',
    });
  }

  async keys_heard(call) {
    return this.mock.exchange.keys.get(call.call) ?? '';
  }

  async heard(call) {
    return this.mock.sound.heard.get(call.call) ?? [];
  }

  refuse(route, status, code, detail) {
    this.mock.exchange.refuse.set(route, {
      status,
      body: { status, code, detail },
    });
  }

  async go_away() {
    await this.mock.stop();
  }

  async come_back() {
    await this.begin(this.port, this.token);
  }

  async stop() {
    await this.mock.stop();
  }
}

class RealStage extends Stage {
  humming = '+12025550142';
  beeping = '+12025550143';
  auth_token = kAuthToken;

  constructor(settings) {
    super();
    this.settings = settings;
  }

  async start() {
    this.folder = mkdtempSync(path.join(os.tmpdir(), 'agentbridge-web-'));
    this.recognizer = await new Recognizer().start();
    this.emulator_port = await free_port();
    this.public_port = await free_port();
    this.port = await free_port();
    this.origin = `http://127.0.0.1:${this.port}`;
    this.emulator_url = `http://127.0.0.1:${this.emulator_port}`;
    this.voice_url = `http://127.0.0.1:${this.public_port}/twilio/voice`;
    const file = path.join(this.folder, 'beeps.wav');
    writeFileSync(file, wav(beeps(8000, 440), 8000));
    this.emulator = this.run('emulator', [
      ...['emulator', 'serve', '--port', String(this.emulator_port), '--voice-url', this.voice_url],
      ...['--persona', `${this.humming}=tone:440,repeat=yes,hangup=no`, '--persona', `${this.beeping}=wav:${file},repeat=yes,hangup=no`],
      ...['--persona', '+12025550108=silence,hangup=no', '--persona', '+12025550101=echo,hangup=no'],
    ]);
    await wait_for('the emulator answers', () =>
      fetch(`${this.emulator_url}/emulator/v1`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
    await this.come_back();
    return this;
  }

  run(name, args) {
    const log = openSync(path.join(this.folder, `${name}.log`), 'a');
    const child = spawn(process.env.E2E_PROGRAM, args, {
      cwd: this.folder,
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env.PATH,
        HOME: this.folder,
        XDG_STATE_HOME: path.join(this.folder, 'state'),
        LANG: 'C.UTF-8',
        TZ: 'UTC',
        TERM: 'dumb',
        E2E_MARK: process.env.E2E_MARK ?? '',
        PULSE_SERVER: 'unix:/nonexistent/pulse',
        JACK_NO_START_SERVER: '1',
        TWILIO_ACCOUNT_SID: kAccount,
        TWILIO_AUTH_TOKEN: kAuthToken,
        TWILIO_PHONE_NUMBER: '+15005550006',
        TWILIO_BASE_URL: this.emulator_url,
        SERVER_HOST: '127.0.0.1',
        SERVER_PORT: String(this.public_port),
        WEBSOCKET_PORT: '0',
        PUBLIC_URL: `http://127.0.0.1:${this.public_port}`,
        AGENTBRIDGE_SPEAKER: 'null',
        AGENTBRIDGE_CONTROL_PORT: String(this.port),
        AGENTBRIDGE_TRANSCRIBER: 'vosk',
        AGENTBRIDGE_TRANSCRIBER_URL: this.recognizer.url,
        AGENTBRIDGE_REDACT: 'off', // its words are digits on end, as of a card
        ...this.settings,
      },
    });
    closeSync(log);
    child.ended = new Promise((resolve) => child.once('exit', resolve));
    return child;
  }

  async come_back() {
    this.bridge = this.run('bridge', ['serve', '--answer', 'ring']);
    const folder = path.join(this.folder, 'state', 'agentbridge', 'instances');
    const about = await wait_for('the bridge runs', () => {
      try {
        // Written at once, and again with the token as soon as there is one.
        const told = JSON.parse(readFileSync(path.join(folder, `${this.bridge.pid}.json`), 'utf8'));
        return told.token ? told : undefined;
      } catch {
        return undefined;
      }
    });
    this.token = about.token;
    this.link = `${this.origin}/#token=${this.token}`;
    await wait_for('the bridge is ready', () =>
      fetch(`${this.origin}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
    await this.api('GET', '/openapi.json');
  }

  async go_away() {
    this.bridge.kill('SIGKILL');
    await this.bridge.ended;
  }

  /** Ends as it is meant to. */
  async leave() {
    this.bridge.kill('SIGINT');
    await this.bridge.ended;
  }

  incoming(from) {
    return this.api('POST', '/emulator/incoming-call', {
      from,
      persona: 'silence',
    });
  }

  /** What the emulator says at that address of its own. */
  async emulated(route, method = 'GET', body = undefined) {
    const answer = await fetch(`${this.emulator_url}/emulator/v1${route}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {}),
    });
    if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${await answer.text()}`);
    return answer.headers.get('content-type').includes('json') ? answer.json() : new Uint8Array(await answer.arrayBuffer());
  }

  /** Twilio's REST, as the emulator has it. */
  async rest(route, form) {
    const answer = await fetch(`${this.emulator_url}/2010-04-01/Accounts/${kAccount}${route}`, {
      method: form ? 'POST' : 'GET',
      headers: { Authorization: `Basic ${btoa(`${kAccount}:${kAuthToken}`)}` },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    });
    return answer.json();
  }

  /** Who answers at that number from now on. */
  async persona(number, persona) {
    await this.emulated(`/personas/${encodeURIComponent(number)}`, 'PUT', { persona });
  }

  /** The last call in the ledger that a phone of that number had. */
  async phone(number) {
    const { calls } = await this.emulated('/ledger');
    return calls.findLast((call) => call.to === number || call.from === number);
  }

  /** The other end puts the phone down. */
  async put_down(sid) {
    await this.rest(`/Calls/${sid}.json`, { Status: 'completed' });
  }

  async keys_heard(call) {
    return (await this.emulated(`/calls/${call.call_sid}`)).digits_heard;
  }

  /** What the phone `heard`, or `said`, since it was answered, as samples. */
  async sound_since_answer({ call_sid }, what) {
    const file = Buffer.from(await this.emulated(`/calls/${call_sid}/${what}.wav`));
    return Array.from(file.subarray(file.indexOf('data') + 8), mulaw_sample);
  }

  /** The last second of what the phone heard. */
  async heard(call) {
    return (await this.sound_since_answer(call, 'heard')).slice(-8000);
  }

  /** The last second of what it said. */
  async said(call) {
    return (await this.sound_since_answer(call, 'said')).slice(-8000);
  }

  async stop() {
    for (const child of [this.bridge, this.emulator]) {
      if (!child) continue;
      child.kill('SIGINT');
      const late = setTimeout(() => child.kill('SIGKILL'), 8000);
      await child.ended;
      clearTimeout(late);
    }
    await this.recognizer?.stop();
    if (process.exitCode) console.log(readFileSync(path.join(this.folder, 'bridge.log'), 'utf8').slice(-4000));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function mulaw_sample(byte) {
  const value = ~byte & 0xff;
  const magnitude = (((value & 0x0f) << 3) + 0x84) << ((value & 0x70) >> 4);
  return value & 0x80 ? 0x84 - magnitude : magnitude - 0x84;
}
