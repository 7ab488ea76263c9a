// Twilio's own client against the built-in Twilio: it can drive it, and it accepts its signatures.
// Started by tests/e2e/npm_test.py with EMULATOR_URL, TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN; the package
// comes from NODE_PATH. Prints one line for each check; exit code 1 at the first that fails.
'use strict';
const assert = require('node:assert/strict');
const http = require('node:http');
const twilio = require('twilio');
const RequestClient = require('twilio/lib/base/RequestClient');

const { EMULATOR_URL, TWILIO_ACCOUNT_SID: account, TWILIO_AUTH_TOKEN: token } = process.env;
const ours = '+15005550006';

// The client as it is, but for the host it talks to.
class ToEmulator extends (RequestClient.default || RequestClient) {
  request(options) {
    return super.request({ ...options, uri: options.uri.replace('https://api.twilio.com', EMULATOR_URL) });
  }
}
const client_with = (secret) => twilio(account, secret, { httpClient: new ToEmulator(), autoRetry: false });

// What the emulator asks of us: the voice webhook and status callbacks, each with its signature.
const requests = [];
const waiting = [];
const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (piece) => { body += piece; });
  request.on('end', () => {
    requests.push({
      url: `http://127.0.0.1:${server.address().port}${request.url}`,
      path: request.url.split('?')[0],
      signature: request.headers['x-twilio-signature'],
      params: Object.fromEntries(new URLSearchParams(body)),
    });
    if (request.url.startsWith('/voice')) {
      response.setHeader('Content-Type', 'text/xml');
      const twiml = new twilio.twiml.VoiceResponse();
      twiml.say('Hello & welcome');
      twiml.pause({ length: 60 });
      response.end(twiml.toString());
    } else {
      response.statusCode = 204;
      response.end();
    }
    for (const check of waiting.splice(0)) check();
  });
});

// Resolves once `condition` holds; checked whenever a request came in.
function until(what, condition) {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error(`${what}: not within 15 s; came: ${JSON.stringify(requests)}`)), 15000);
    const check = () => {
      if (!condition()) return waiting.push(check);
      clearTimeout(deadline);
      return resolve();
    };
    check();
  });
}
const callbacks = (sid) => requests.filter((r) => r.path === '/status' && r.params.CallSid === sid);

async function refused(promise, code, status) {
  try {
    await promise;
  } catch (error) {
    assert.equal(error.code, code, error.message);
    assert.equal(error.status, status);
    assert.ok(error.message.length > 0);
    return;
  }
  assert.fail(`expected error ${code}`);
}

async function main() {
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const base = `http://127.0.0.1:${server.address().port}`;
  const client = client_with(token);
  const order = {
    to: '+12025550101',
    from: ours,
    url: `${base}/voice?call=c_1&note=a%20b`,
    statusCallback: `${base}/status`,
    statusCallbackEvent: ['initiated', 'ringing', 'answered', 'completed'],
    timeLimit: 120,
  };

  const created = await client.calls.create(order);
  assert.match(created.sid, /^CA[0-9a-f]{32}$/);
  assert.equal(created.status, 'queued');
  assert.equal(created.direction, 'outbound-api');
  assert.equal(created.to, order.to);
  assert.equal(created.from, ours);
  assert.equal(created.accountSid, account);
  assert.ok(created.dateCreated instanceof Date);
  console.log('calls.create: ok');

  await until('answered', () => callbacks(created.sid).some((r) => r.params.CallStatus === 'in-progress'));
  const fetched = await client.calls(created.sid).fetch();
  assert.equal(fetched.sid, created.sid);
  assert.equal(fetched.status, 'in-progress');
  console.log('calls.fetch: ok');

  const updated = await client.calls(created.sid).update({ status: 'completed' });
  assert.equal(updated.sid, created.sid);
  await until('completed', () => callbacks(created.sid).some((r) => r.params.CallStatus === 'completed'));
  const ended = await client.calls(created.sid).fetch();
  assert.equal(ended.status, 'completed');
  assert.match(ended.duration, /^\d+$/);
  console.log('calls.update: ok');

  await client.calls.create({ ...order, to: '+12025550103' }).then((busy) => until('busy', () => callbacks(busy.sid)
    .some((r) => r.params.CallStatus === 'busy')));
  const listed = await client.calls.list({ limit: 20 });
  assert.equal(listed.length, 2);
  assert.ok(listed.some((call) => call.sid === created.sid));
  const busy_only = await client.calls.list({ status: 'busy' });
  assert.deepEqual(busy_only.map((call) => call.to), ['+12025550103']);
  const one_a_page = await client.calls.list({ pageSize: 1, limit: 20 });
  assert.equal(one_a_page.length, 2);
  console.log('calls.list: ok');

  const states = callbacks(created.sid).map((r) => r.params.CallStatus);
  assert.deepEqual(states, ['initiated', 'ringing', 'in-progress', 'completed']);
  assert.deepEqual(callbacks(created.sid).map((r) => r.params.SequenceNumber), ['0', '1', '2', '3']);
  for (const { params } of callbacks(created.sid)) {
    assert.equal(params.AccountSid, account);
    assert.equal(params.CallbackSource, 'call-progress-events');
    assert.ok(!Number.isNaN(Date.parse(params.Timestamp)));
  }
  assert.match(callbacks(created.sid)[3].params.CallDuration, /^\d+$/);
  console.log('status callbacks in order: ok');

  assert.ok(requests.some((r) => r.path === '/voice'));
  for (const request of requests) {
    assert.ok(twilio.validateRequest(token, request.signature, request.url, request.params), request.url);
    const changed = { ...request.params, CallSid: request.params.CallSid.replace(/.$/, (c) => (c === '0' ? '1' : '0')) };
    assert.ok(!twilio.validateRequest(token, request.signature, request.url, changed));
    assert.ok(!twilio.validateRequest(token, request.signature, `${request.url}x`, request.params));
    assert.ok(!twilio.validateRequest(`${token}0`, request.signature, request.url, request.params));
  }
  console.log(`signatures of ${requests.length} requests: ok`);

  await refused(client.calls.create({ ...order, to: '+1nonsense' }), 21211, 400);
  await refused(client_with('f'.repeat(32)).calls.create(order), 20003, 401);
  await refused(client.calls(`CA${'0'.repeat(32)}`).fetch(), 20404, 404);
  await refused(client.calls(created.sid).update({ twiml: '<Response/>' }), 21220, 400);
  console.log('refusals: ok');

  const me = await client.api.v2010.accounts(account).fetch();
  assert.equal(me.status, 'active');
  const numbers = await client.incomingPhoneNumbers.list({ phoneNumber: ours });
  assert.equal(numbers.length, 1);
  const number = await client.incomingPhoneNumbers(numbers[0].sid).update({ voiceUrl: `${base}/voice` });
  assert.equal(number.voiceUrl, `${base}/voice`);
  console.log('account and numbers: ok');
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
