// A page of somebody else, on another port of the same machine, in a browser that is logged in here: it can read nothing,
// change nothing, listen to nothing. And what the page itself is served with.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { launch, log_in, open_page } from './browser.mjs';
import { make_stage } from './stage.mjs';

let stage;
let browser;
let page;
let stranger;
let strange_origin;
let call;

before(async () => {
  stage = await make_stage();
  browser = await launch();
  stranger = http.createServer((_, answer) => {
    answer.writeHead(200, { 'Content-Type': 'text/html' });
    answer.end('<!doctype html><title>somebody else</title>');
  });
  await new Promise((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  strange_origin = `http://127.0.0.1:${stranger.address().port}`;
  page = await open_page(browser);
  await log_in(page, stage);
  call = await stage.up('+12025550101', { record: true });
  await page.goto(strange_origin);
});

after(async () => {
  await browser?.close();
  await new Promise((resolve) => stranger.close(resolve));
  await stage?.stop();
});

test('it reads no answer and no event', async () => {
  for (const path of ['/api/v1/calls', '/api/v1/session', '/api/v1/config', '/api/v1/recordings', `/api/v1/calls/${call.call}/timeline`]) {
    const got = await page.evaluate(
      (url) =>
        fetch(url, { credentials: 'include' }).then(
          (answer) => answer.text(),
          () => 'refused',
        ),
      stage.origin + path,
    );
    assert.equal(got, 'refused', path);
  }
  const events = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const source = new EventSource(url, { withCredentials: true });
        source.onopen = () => resolve('open');
        source.onmessage = () => resolve('message');
        source.onerror = () => resolve('refused');
      }),
    `${stage.origin}/api/v1/events?levels=1`,
  );
  assert.equal(events, 'refused');
});

test('it hangs up nothing and dials nothing, by no method and no kind of body', async () => {
  await page.evaluate(
    async ([origin, id]) => {
      const tries = [
        [`/api/v1/calls/${id}`, { method: 'DELETE' }],
        [`/api/v1/calls/${id}/hold`, { method: 'POST', mode: 'no-cors' }],
        [
          '/api/v1/calls',
          {
            method: 'POST',
            mode: 'no-cors',
            body: '{"to":"+12025550100"}',
            headers: { 'Content-Type': 'text/plain' },
          },
        ],
        [
          '/api/v1/calls',
          {
            method: 'POST',
            body: '{"to":"+12025550100"}',
            headers: { 'Content-Type': 'application/json' },
          },
        ],
      ];
      for (const [path, more] of tries) await fetch(origin + path, { credentials: 'include', ...more }).catch(() => {});
      const form = document.createElement('form');
      form.method = 'post';
      form.enctype = 'text/plain';
      form.action = `${origin}/api/v1/calls`;
      form.target = 'frame';
      const field = document.createElement('input');
      field.name = '{"to":"+12025550100","a":"';
      field.value = '"}';
      form.append(field);
      const frame = document.createElement('iframe');
      frame.name = 'frame';
      document.body.append(frame, form);
      form.submit();
    },
    [stage.origin, call.call],
  );
  await page.waitForTimeout(500);
  const live = await stage.live();
  assert.deepEqual(
    live.map((one) => [one.call, one.local.held]),
    [[call.call, false]],
  );
});

test('it hears nothing', async () => {
  const heard = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.onopen = () => resolve('open');
        socket.onerror = () => resolve('refused');
      }),
    `${stage.origin.replace('http', 'ws')}/api/v1/calls/${call.call}/audio?talk=1`,
  );
  assert.equal(heard, 'refused');
});

test('it plays no recording', async () => {
  const loaded = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const audio = new Audio(url);
        audio.onloadedmetadata = () => resolve('loaded');
        audio.onerror = () => resolve('refused');
      }),
    `${stage.origin}/api/v1/calls/${call.call}/recording.wav`,
  );
  assert.equal(loaded, 'refused');
});

test('it cannot put the page in a frame of its own', async () => {
  await page.goto(strange_origin);
  await page.evaluate((url) => {
    const frame = document.createElement('iframe');
    frame.src = url;
    document.body.append(frame);
  }, stage.origin);
  await page.waitForTimeout(500);
  const shown = page.frames().find((frame) => frame.url().startsWith(stage.origin));
  assert.equal(
    shown === undefined
      ? 0
      : await shown
          .locator('#page')
          .count()
          .catch(() => 0),
    0,
  );
});

test('the page is served without inline script, without foreign origins, and its parts for good', async () => {
  const answer = await fetch(stage.origin, {
    headers: { Accept: 'text/html' },
  });
  const policy = answer.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
  assert.equal(answer.headers.get('cache-control'), 'no-cache');
  const html = await answer.text();
  assert.doesNotMatch(html, /<script(?![^>]*src=)|<style| style=| on\w+=|https?:\/\//);
  const parts = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]);
  assert.ok(parts.length >= 3);
  for (const part of parts) {
    const file = await fetch(stage.origin + part);
    assert.equal(file.status, 200, part);
    assert.match(file.headers.get('cache-control'), /immutable/);
  }
});

test('without a session there is no answer and no sound', async () => {
  const other = await open_page(browser);
  await other.goto(stage.origin);
  await other.waitForSelector('.login');
  const status = await other.evaluate(() => fetch('/api/v1/calls').then((answer) => answer.status));
  assert.equal(status, 401);
  await other.context().close();
});
