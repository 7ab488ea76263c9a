// The settings' screen, worked: what doctor finds, a fault of the way to Twilio included; devices; the effective configuration, without
// its secrets; and a number whose calls are taken. What it says is held against the API and the built-in Twilio.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { action, assert_accessible, launch, log_in, open_page } from './browser.mjs';
import { make_stage, wait_for } from './stage.mjs';

const kNeedsProgram = process.env.E2E_PROGRAM ? false : 'the stand-in has no doctor, no secrets and no numbers of its own';
const kSecret = 'sk-settings0page0secret0123456789';
const kNumber = '+15005550006';
const kTheirs = 'https://their.example.net/voice';

let stage;
let browser;
let page;

before(async () => {
  stage = await make_stage({ OPENAI_API_KEY: kSecret });
  browser = await launch();
});

afterEach(async () => {
  await page?.context().close();
});

after(async () => {
  await browser?.close();
  await stage?.stop();
});

const section = (name) => page.locator('section', { has: page.getByRole('heading', { name, exact: true }) });

async function open_settings() {
  page = await open_page(browser);
  await log_in(page, stage, '/settings');
}

/** What doctor found, as the page shows it: once it is done. */
async function findings() {
  const doctor = section('Doctor');
  await doctor.locator('[data-action="check"][aria-busy="false"]').waitFor({ timeout: 60_000 });
  return Promise.all(
    (await doctor.locator('.findings li').all()).map(async (item) => ({
      status: await item.locator('.tag').innerText(),
      title: await item.locator('div > b').innerText(),
      detail: await item.locator('div > p').first().innerText(),
      fix: (await item.locator('.fix').count()) > 0 ? await item.locator('.fix').innerText() : '',
    })),
  );
}

test('doctor says what it finds, how to mend it, and that it is mended', { skip: kNeedsProgram }, async () => {
  await open_settings();
  const well = await findings();
  const { body } = await stage.api('GET', '/doctor');
  assert.deepEqual(
    well.map(({ title, detail }) => [title, detail]),
    body.findings.map(({ title, detail }) => [title, detail]),
  );
  assert.ok(body.findings.length > 8, 'the whole way');
  assert.equal(well.filter(({ status }) => status === 'OK').length, body.findings.filter(({ status }) => status === 'ok').length);
  await section('Doctor').getByText('Nothing is wrong.').waitFor();

  const { sid } = await number();
  await point(sid, kTheirs);
  await action(section('Doctor'), 'check').click();
  await section('Doctor').getByText('1 warning.').waitFor({ timeout: 60_000 });
  const ill = (await findings()).find(({ title }) => title === 'Number webhook');
  assert.equal(ill.status, 'Warning');
  assert.match(ill.detail, /their\.example\.net/);
  assert.match(ill.fix, /^To mend it: .+/);
  await assert_accessible(page, 'a finding');

  await point(sid, stage.voice_url);
  await action(section('Doctor'), 'check').click();
  await section('Doctor').getByText('Nothing is wrong.').waitFor({ timeout: 60_000 });
  assert.deepEqual(page.complaints, []);
});

test('the sound devices of the machine are listed', { skip: kNeedsProgram }, async () => {
  await open_settings();
  const { body } = await stage.api('GET', '/devices');
  const part = section('Sound of the machine');
  await part.getByRole('heading', { name: 'Speakers' }).waitFor();
  const shown = await part.innerText();
  for (const device of [...body.outputs, ...body.inputs]) assert.ok(shown.includes(device.name), `${device.name} in ${shown}`);
  const none = [body.outputs, body.inputs].filter((devices) => devices.length === 0).length;
  assert.equal(await part.getByText('None.').count(), none);

  // A machine that has some.
  const headset = { id: 'a', name: 'A headset', default: true, rate: 44100, channels: 2 };
  const table = { id: 'b', name: 'On the table', default: false, rate: 16000, channels: 1 };
  const devices = { outputs: [headset, table], inputs: [table], in_use: { output: 'a', input: 'On the table' } };
  await page.route('**/api/v1/devices', (route) => route.fulfill({ json: devices }));
  await page.reload();
  await part.locator('li').first().waitFor();
  assert.deepEqual(
    (await part.locator('li').allInnerTexts()).map((text) => text.split(/\s*\n\s*/).join(' | ')),
    ['A headset | 44.1 kHz · default | in use', 'On the table | 16 kHz', 'On the table | 16 kHz | in use'],
  );
});

test('the configuration is shown with where it comes from, and without its secrets', { skip: kNeedsProgram }, async () => {
  await open_settings();
  const part = section('Effective configuration');
  const row = (name) => part.locator('tbody tr', { has: page.getByText(name, { exact: true }) });
  await row('SERVER_PORT').waitFor();
  assert.match(await row('SERVER_PORT').innerText(), new RegExp(`SERVER_PORT\\s+${stage.public_port}\\s+environment`));
  assert.match(await row('AGENTBRIDGE_ANSWER').innerText(), /ring\s+--answer/);
  for (const name of ['OPENAI_API_KEY', 'TWILIO_AUTH_TOKEN']) assert.match(await row(name).innerText(), /\*\*\*\s+environment/);

  // What is at its default, or has none, is shown when it is asked for.
  assert.equal(await row('TWILIO_EDGE').count(), 0);
  const differ = await part.locator('tbody tr').count();
  await part.getByText('Only what differs from its default').click();
  await row('TWILIO_EDGE').waitFor();
  const { body } = await stage.api('GET', '/config');
  assert.equal(await part.locator('tbody tr').count(), body.settings.length);
  assert.ok(differ < body.settings.length / 2, `${differ} of ${body.settings.length} differ`);
  await part.locator('input[type="search"]').fill('openai');
  await wait_for('the others are left out', async () => (await row('SERVER_PORT').count()) === 0);
  await row('OPENAI_API_KEY').waitFor();
  await part.locator('input[type="search"]').fill('no such thing');
  await part.getByText('No such setting.').waitFor();
  await part.locator('input[type="search"]').fill('');
  await row('OPENAI_API_KEY').waitFor();

  await findings();
  const whole = `${await page.content()}${await page.locator('body').innerText()}`;
  assert.ok(whole.includes('OPENAI_API_KEY'));
  for (const secret of [kSecret, stage.auth_token, stage.token]) assert.ok(!whole.includes(secret), `${secret} is on the page`);
  assert.deepEqual(page.complaints, []);
});

test(
  "a number's calls are taken on the page, not from somebody else, and go back when the program ends",
  { skip: kNeedsProgram },
  async () => {
    const { sid } = await number();
    await point(sid, kTheirs);
    await open_settings();
    const part = section('Numbers');
    const take = action(part, `use ${kNumber}`);
    await part.getByText(`calls go to ${kTheirs}`).waitFor();
    await take.click();
    await part
      .locator('.problem')
      .getByText(/their\.example\.net/)
      .waitFor();
    await assert_accessible(page, 'a number of somebody else');
    assert.equal((await number()).voice_url, kTheirs, 'it is left to them');
    await action(part, `force ${kNumber}`).click();
    await part.getByText('Its calls come here now.').waitFor();
    assert.equal((await number()).voice_url, stage.voice_url, 'it is taken from them on request');
    await action(part, `restore ${kNumber}`).click();
    await part.getByText('Given back.').waitFor();
    assert.equal((await number()).voice_url, kTheirs, 'and is theirs again');

    await point(sid, '');
    await page.reload();
    await part.getByText('calls go nowhere').waitFor();
    await take.click();
    await part.getByText('Its calls come here now.').waitFor();
    await part.getByText(`calls go to ${stage.voice_url}`).waitFor();
    assert.equal((await number()).voice_url, stage.voice_url);
    await stage.incoming('+14155550125');
    const dialog = page.locator('[data-dialog="incoming"]');
    await dialog.waitFor({ timeout: 15_000 });
    await action(dialog, 'reject').click();
    await dialog.waitFor({ state: 'detached' });

    // What is not given back on the page is given back by the program's end.
    await stage.leave();
    assert.equal((await number()).voice_url, '', 'it is where it was');
    await stage.come_back();

    // It does not know where to send calls that it did not take.
    await point(sid, stage.voice_url);
    await page.waitForSelector('[data-connection="live"]');
    await page.reload();
    await action(part, `restore ${kNumber}`).click();
    await part
      .locator('.problem')
      .getByText(/does not know where they went before/)
      .waitFor();
    assert.equal((await number()).voice_url, stage.voice_url);
    assert.deepEqual(page.complaints, []);
  },
);

/** The account's number, as Twilio has it. */
async function number() {
  const { incoming_phone_numbers: numbers } = await stage.rest('/IncomingPhoneNumbers.json');
  return numbers.find((one) => one.phone_number === kNumber);
}

async function point(sid, url) {
  assert.equal((await stage.rest(`/IncomingPhoneNumbers/${sid}.json`, { VoiceUrl: url })).voice_url, url);
}
