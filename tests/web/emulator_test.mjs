// The emulator's screen, worked: a call is placed there, rings on the page, is taken or refused; phones are who they are chosen to be;
// what goes wrong goes wrong, until it is told to behave; and the ledger tells of each call.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { action, assert_accessible, card, launch, log_in, open_page, visit } from './browser.mjs';
import { frequency } from './ears.mjs';
import { make_stage, wait_for } from './stage.mjs';

const kNeedsProgram = process.env.E2E_PROGRAM ? false : 'the stand-in has no ledger and no faults';
const kSilent = '+12025550108';

let stage;
let browser;
let page;

before(async () => {
  stage = await make_stage();
  browser = await launch();
});

afterEach(async () => {
  await page?.context().close();
  await stage.hang_up_all();
});

after(async () => {
  await browser?.close();
  await stage?.stop();
});

async function open_emulator() {
  page = await open_page(browser);
  await log_in(page, stage, '/emulator');
  await page.waitForSelector('.fault-grid');
}

/** A call comes in, as the form on the page has it. */
async function place(from, persona) {
  const form = page.locator('form', { hasText: 'A call comes in' });
  await form.locator('input[name="from"]').fill(from);
  await form.locator('input[name="persona"]').fill(persona);
  await action(form, 'place').click();
  const dialog = page.locator('[data-dialog="incoming"]');
  await dialog.waitFor({ timeout: 15_000 });
  return dialog;
}

const fault_form = () => page.locator('form', { hasText: 'Faults' });
const fault = (name) =>
  fault_form()
    .locator('label.field')
    .filter({ hasText: new RegExp(`^${name}`) });

/** The ledger's rows on the page that are of that number, newest first, as the texts of their cells. */
async function ledger_rows(number) {
  const rows = await page.getByLabel("The emulator's ledger").locator('tbody tr').all();
  const cells = await Promise.all(rows.map((row) => row.locator('td').allInnerTexts()));
  return cells.filter(([, from, to]) => from === number || to === number);
}

test('a call placed on the page rings there and is accepted: its caller is who was chosen', { skip: kNeedsProgram }, async () => {
  await open_emulator();
  const dialog = await place('+14155550123', 'tone:700,repeat=yes,hangup=no');
  await page.getByText('The call comes in.').waitFor();
  assert.match(await dialog.innerText(), /\+1 415 555 0123/);
  const [call] = await stage.live();
  assert.deepEqual([call.direction, call.from, call.local.ringing], ['inbound', '+14155550123', true]);
  await action(dialog, 'accept').click();
  await dialog.waitFor({ state: 'detached' });
  await wait_for('it is accepted', async () => (await stage.live())[0]?.local.ringing === false);

  // The caller hums, as it was told to.
  const said = async () => {
    const { sid } = await stage.phone('+14155550123');
    return frequency(await stage.said({ call_sid: sid }));
  };
  await wait_for('the caller hums', async () => Math.abs((await said()) - 700) < 15);
  await visit(page, stage, '/');
  const of = card(page, call);
  await of.locator('.badge.live').waitFor();
  await wait_for(
    'it is loud on the page',
    async () => Number(await of.getByLabel('Level of the phone').getAttribute('aria-valuenow')) > -30,
  );
  await action(of, 'hangup').click();
  await action(page.locator('[data-dialog="hangup"]'), 'confirm-hangup').click();
  await of.waitFor({ state: 'detached', timeout: 15_000 });

  await visit(page, stage, '/emulator');
  const [row] = await wait_for('the ledger tells of it', async () => {
    const rows = await ledger_rows('+1 415 555 0123');
    return rows[0]?.[3] === 'completed' && rows;
  });
  assert.equal(row[2], '+1 500 555 0006');
  assert.ok(Number(row[4]) > 0 && row[5] === '60', `it lasted ${row[4]} s and would have cost ${row[5]} s`);
  assert.deepEqual(page.complaints, []);
});

test('a call placed on the page is rejected, and its caller is hung up', { skip: kNeedsProgram }, async () => {
  await open_emulator();
  const dialog = await place('+14155550124', 'silence,hangup=no');
  await action(dialog, 'reject').click();
  await dialog.waitFor({ state: 'detached' });
  await wait_for('it is gone', async () => (await stage.live()).length === 0);
  await wait_for('the caller is hung up', async () => (await stage.phone('+14155550124')).status === 'completed');
  await wait_for('the ledger on the page tells of its end', async () => (await ledger_rows('+1 415 555 0124'))[0]?.[3] === 'completed');
  await visit(page, stage, '/history');
  await page.locator('.row', { hasText: '+1 415 555 0124' }).getByText('refused here').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('who calls has to be somebody, and the page says so in words', { skip: kNeedsProgram }, async () => {
  await open_emulator();
  const form = page.locator('form', { hasText: 'A call comes in' });
  await form.locator('input[name="persona"]').fill('somebody');
  await action(form, 'place').click();
  await form
    .locator('.problem')
    .getByText(/somebody/)
    .waitFor();
  await assert_accessible(page, 'a persona that is none');
  assert.deepEqual(await stage.live(), []);
});

test('a phone of the list is dialled', { skip: kNeedsProgram }, async () => {
  await stage.persona('+12025550150', 'busy');
  await open_emulator();
  const phone = page.locator('section', { hasText: 'Phones that answer' }).locator('li', { hasText: '+1 202 555 0150' });
  assert.match(await phone.innerText(), /^busy/);
  await phone.locator('a').click();
  await page.waitForSelector('form.dialler');
  assert.equal(await page.inputValue('input[name="to"]'), '+12025550150');
  await action(page.locator('form.dialler'), 'dial').click();
  await wait_for('it is busy', async () => (await stage.phone('+12025550150'))?.status === 'busy');
  await visit(page, stage, '/history');
  await page.locator('.row', { hasText: '+1 202 555 0150' }).getByText('Busy').waitFor();
});

test('a fault that is set makes a call fail, and is taken back', { skip: kNeedsProgram }, async () => {
  await open_emulator();
  await fault_form().getByText('Everything behaves.').waitFor();
  assert.equal(await action(fault_form(), 'behave').isDisabled(), true);
  await fault('create').locator('input').fill('nonsense');
  await action(fault_form(), 'set').click();
  await fault_form().locator('.problem').waitFor();
  assert.equal((await stage.emulated('/faults')).create ?? 'ok', 'ok', 'nonsense changes nothing');
  await fault('create').locator('input').fill('500_before');
  await action(fault_form(), 'set').click();
  await fault_form().getByText('Set.', { exact: true }).waitFor();
  await fault_form().getByText('1 switch is on.').waitFor();
  assert.equal((await stage.emulated('/faults')).create, '500_before');
  await assert_accessible(page, 'a fault that is set');

  const before = (await stage.emulated('/ledger')).calls.length;
  await dial();
  await visit(page, stage, '/history');
  await page.locator('.row', { hasText: '+1 202 555 0108' }).first().getByText('Failed').waitFor({ timeout: 20_000 });
  assert.equal((await stage.emulated('/ledger')).calls.length, before, 'no phone has rung');

  await visit(page, stage, '/emulator');
  await action(fault_form(), 'behave').click();
  await fault_form().getByText('Everything behaves again.').waitFor();
  await fault_form().getByText('Everything behaves.').waitFor();
  assert.equal((await stage.emulated('/faults')).create ?? 'ok', 'ok');
  await dial();
  const call = await wait_for('the call is up', async () => (await stage.live()).find((one) => one.streaming), 15_000);
  await visit(page, stage, '/emulator');
  const [row] = await wait_for('the ledger has it', async () => {
    const rows = await ledger_rows('+1 202 555 0108');
    return rows[0]?.[3] === 'in-progress' && rows;
  });
  assert.equal(row[1], '+1 500 555 0006');
  await page.getByText('1 open.').waitFor();
  // The screen follows by itself.
  await stage.api('DELETE', `/calls/${call.call}`);
  await wait_for('its end is there', async () => (await ledger_rows('+1 202 555 0108'))[0]?.[3] === 'completed');
  await page.getByText('No call is open.').waitFor();
  assert.deepEqual(page.complaints, []);
});

async function dial() {
  await visit(page, stage, '/dial');
  await page.fill('input[name="to"]', kSilent);
  await action(page.locator('form.dialler'), 'dial').click();
  await page.waitForURL(`${stage.origin}/`);
}
