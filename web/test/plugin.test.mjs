// SPDX-License-Identifier: Apache-2.0
// With the real plugin, a real gateway and a real device: an administrator decides after a reset, a reader may not, and what
// cannot be undone is asked before it is done.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Stage, bin, faults, lacking, logIn, openPage, until } from './kit.mjs';

const skip = lacking('mosquitto', 'chromium', 'passwd', 'socat') || (existsSync(join(bin, 'mosquitto_selkie.so')) ? false : `no plugin in ${bin}`);
const users = { root: 'r', anna: 'a', gate: 'g', other: 'o' };
const DEVICE = '5e1c1e0000000001';
const stage = new Stage();
let browser;
before(async () => { if (!skip) browser = await stage.browser(); });
after(() => stage.end());

function gatewayOn(own, broker, name, line) {
  own.start('gateway', join(bin, 'selkie-gateway'), ['--config', own.write(`${name}.json`, JSON.stringify({
    gateway: name, broker: { uri: broker.mqtt, username: name, password_file: own.write(`${name}.password`, users[name]) },
    serial: [{ device: line }], spool: { path: join(own.folder, `${name}.db`) },
  }))]);
}

/** Broker with plugin, gateway `gate`, and a device on a cable of pseudo-terminals. */
async function scene(t, config = {}) {
  const own = new Stage();
  t.after(() => own.end());
  const broker = await own.brokerWithPlugin({ admins: ['root'], readers: ['anna', { user: 'other', topics: ['selkie/device/+/state'] }], ...config }, { users });
  const [device, line] = ['device', 'line'].map((name) => join(own.folder, name));
  own.start('socat', '/usr/bin/socat', [`pty,rawer,link=${device}`, `pty,rawer,link=${line}`]);
  await until('the cable', () => existsSync(device) && existsSync(line));
  gatewayOn(own, broker, 'gate', line);
  let running;
  /** Each start is a device after a power cut: it has a new ID. */
  const powerOn = async (...more) => {
    await running?.stop();
    running = own.start('device', join(bin, 'selkie-device'), ['--port', device, '--public-key', join(own.folder, '1.pub.pem'), '--key-id', '1',
      '--address', DEVICE, '--bit-rate', '0', '--readings', '--interval', '1', ...more]);
  };
  return { own, broker, powerOn };
}

async function enter(t, broker, user, options = {}) {
  const opened = await openPage(browser, broker.url, options);
  t.after(() => opened.context.close());
  await logIn(opened.page, user, users[user]);
  return opened;
}

test('after a reset, what waits comes first; the administrator is asked, approves, and readings come', { skip }, async (t) => {
  const { broker, powerOn } = await scene(t);
  await powerOn();
  const { page, complaints } = await enter(t, broker, 'root');
  await page.getByText('root, administrator').waitFor();
  const row = page.getByRole('grid', { name: 'Devices' }).getByRole('row').filter({ hasText: DEVICE });
  await row.getByText('active', { exact: true }).waitFor();
  await powerOn();
  const waiting = page.getByRole('region', { name: '1 ID waits for your decision' });
  await waiting.getByText(DEVICE).waitFor();
  const above = (await waiting.boundingBox()).y;
  assert.ok(above < (await page.getByRole('tablist').boundingBox()).y);
  await row.getByText('1 ID waits').waitFor();

  await waiting.getByRole('button', { name: `Approve ${DEVICE}` }).click();
  const dialog = page.getByRole('dialog', { name: `Approve the new ID of ${DEVICE}?` });
  await dialog.getByText('is replaced for ever: a device that still has it is shut out until its next power cut').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await waiting.count(), 1);

  await waiting.getByRole('button', { name: `Approve ${DEVICE}` }).click();
  await dialog.getByRole('button', { name: 'Approve', exact: true }).click();
  await page.getByText(/approved\. [0-9a-f]{16} is active/).waitFor();
  await waiting.waitFor({ state: 'detached' }).catch(() => waiting.waitFor({ state: 'hidden' }));
  await row.getByText('active', { exact: true }).waitFor();
  await row.click();
  await page.getByRole('complementary').getByText(/#\d+ \w+ by gate, \d+ bytes: \{"load1"/).waitFor();
  await page.getByRole('tab', { name: 'Alarms' }).click();
  await page.getByText('approved by an administrator').first().waitFor();
  assert.deepEqual(complaints, []);
});

test('deny, revoke, restore and name: each says what happens, and the plugin does it', { skip }, async (t) => {
  const { broker, powerOn } = await scene(t);
  await powerOn();
  const { page } = await enter(t, broker, 'root');
  const row = page.getByRole('grid', { name: 'Devices' }).getByRole('row').filter({ hasText: DEVICE });
  await row.getByText('active', { exact: true }).waitFor();
  await powerOn();
  const waiting = page.getByRole('region', { name: '1 ID waits for your decision' });
  await waiting.getByRole('button', { name: `Deny ${DEVICE}` }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText("'selkiectl device readmit' takes an ID back within 30 days").waitFor();
  await dialog.getByRole('button', { name: 'Deny', exact: true }).click();
  await page.getByText(`${DEVICE}: denied.`).waitFor();
  await waiting.waitFor({ state: 'hidden' });

  await row.click();
  const detail = page.getByRole('complementary');
  await detail.getByRole('button', { name: 'Revoke…' }).click();
  await dialog.getByText('All its frames are rejected until you restore it').waitFor();
  await dialog.getByRole('button', { name: 'Revoke', exact: true }).click();
  await row.getByText('revoked').waitFor();
  await page.getByRole('tab', { name: 'Rejected' }).click();
  await page.getByText(/Since this page was opened: .*(revoked|retired|denied)/).waitFor();
  await detail.getByRole('button', { name: 'Restore' }).click();
  await page.getByText('restored').waitFor();
  await detail.getByText('active', { exact: true }).waitFor();

  await detail.getByRole('button', { name: 'Name…' }).click();
  await dialog.getByLabel('Name').fill('kitchen <b>');
  await page.keyboard.press('Enter');
  await page.getByText('named kitchen <b>').waitFor();
});

test('two parties under one address: the page warns before an approval', { skip }, async (t) => {
  const { own, broker, powerOn } = await scene(t);
  await powerOn();
  const { page } = await enter(t, broker, 'root');
  await page.getByRole('grid', { name: 'Devices' }).getByText(DEVICE).waitFor();
  // The other party has a cable and a gateway of its own.
  const [device, line] = ['device-2', 'line-2'].map((name) => join(own.folder, name));
  own.start('socat', '/usr/bin/socat', [`pty,rawer,link=${device}`, `pty,rawer,link=${line}`]);
  await until('the other cable', () => existsSync(device) && existsSync(line));
  gatewayOn(own, broker, 'other', line);
  own.start('device', join(bin, 'selkie-device'), ['--port', device, '--public-key', join(own.folder, '1.pub.pem'), '--key-id', '1', '--address', DEVICE,
    '--bit-rate', '0', '--readings', '--interval', '5']);
  await page.getByText('Two parties send: the active ID was heard').waitFor();
  await page.getByRole('button', { name: `Approve ${DEVICE}` }).click();
  await page.getByRole('dialog').getByText('One of them may be an impostor').waitFor();
});

test('values come with the units of their model, and an administrator chooses another model', { skip }, async (t) => {
  const { broker, powerOn } = await scene(t, { models_dir: new URL('../../models/ready', import.meta.url).pathname });
  await powerOn();
  const { page, complaints } = await enter(t, broker, 'root');
  const row = page.getByRole('grid', { name: 'Devices' }).getByRole('row').filter({ hasText: DEVICE });
  await row.getByText('selkie-device-readings').waitFor();
  await row.getByText(/^[\d,]+ s$/).waitFor(); // uptime
  await row.click();
  const detail = page.getByRole('complementary');
  await detail.getByRole('img', { name: /lowest .* highest/ }).waitFor();
  await detail.getByRole('button', { name: 'Model…' }).click();
  const dialog = page.getByRole('dialog', { name: `Model of ${DEVICE}` });
  await dialog.getByLabel('Model').selectOption('selkie-sim-sensor');
  await dialog.getByRole('button', { name: 'Set the model' }).click();
  await page.getByText(`${DEVICE}: the model is selkie-sim-sensor.`).waitFor();
  await row.getByText('selkie-sim-sensor').waitFor();
  await detail.getByText('No values yet.').waitFor();
  await detail.getByText('a payload does not fit its model').waitFor();
  await detail.getByRole('button', { name: 'Model…' }).click();
  await dialog.getByLabel('Model').selectOption({ label: 'as its firmware says' });
  await dialog.getByRole('button', { name: 'Set the model' }).click();
  await row.getByText('selkie-device-readings').waitFor();
  await row.getByText(/^[\d,]+ s$/).waitFor();
  assert.deepEqual(complaints, []);
});

test('a reader looks, and the page says that he may change nothing', { skip }, async (t) => {
  const { broker, powerOn } = await scene(t);
  await powerOn();
  const { page } = await enter(t, broker, 'anna');
  await page.getByText('anna, reader').waitFor();
  const row = page.getByRole('grid', { name: 'Devices' }).getByRole('row').filter({ hasText: DEVICE });
  await row.getByText('active', { exact: true }).waitFor();
  await powerOn();
  await row.getByText('1 ID waits').waitFor();
  await page.getByText('1 ID waits for an administrator.').waitFor();
  await row.click();
  await page.getByRole('complementary').getByText(DEVICE).first().waitFor();
  for (const name of [/Approve/, /Deny/, /Revoke/, /Name…/, /Model…/]) assert.equal(await page.getByRole('button', { name }).count(), 0);
});

test('a reader of a part is told what he may not read', { skip }, async (t) => {
  const { broker, powerOn } = await scene(t);
  await powerOn();
  const { page } = await enter(t, broker, 'other');
  await page.getByRole('grid', { name: 'Devices' }).getByText(DEVICE).waitFor();
  await page.getByText("This user may not read: the plugin's statistics").waitFor();
});

test('the plugin refuses: its sentence is shown and stays', { skip }, async (t) => {
  const { broker, powerOn } = await scene(t);
  await powerOn();
  const { page } = await enter(t, broker, 'root');
  await page.getByRole('grid', { name: 'Devices' }).getByText(DEVICE).click();
  await page.getByRole('complementary').getByRole('button', { name: 'Name…' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('ä'.repeat(64));
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText(/The plugin refused it: /).waitFor();
});

test('all that wait are approved at once, in one message after the other', { skip }, async (t) => {
  const { own, broker } = await scene(t, { enrolment: 'approve' });
  const COUNT = 40;
  const air = join(own.folder, 'air');
  own.start('sim', join(bin, 'selkie-sim'), ['run', '--devices', String(COUNT), '--interval', '20', '--duration', '3600', '--bit-rate', '0',
    '--link', 'pty', '--line', air, '--gateways', 'yours', '--broker', broker.mqtt, '--username', 'root', '--password-file', own.write('sim.password', 'r'),
    '--key-id', '1', '--public-key', join(own.folder, '1.pub.pem')]);
  const line = await until("the simulator's line", () => [air, `${air}0`, `${air}-0`].find((path) => existsSync(path)));
  gatewayOn(own, broker, 'other', line);
  for (const options of [{ colorScheme: 'dark' }, { viewport: { width: 390, height: 800 } }]) {
    const { page } = await enter(t, broker, 'root', { ...options, bypassCSP: true });
    await page.getByText(`${COUNT} IDs wait for your decision`).waitFor({ timeout: 60_000 });
    assert.deepEqual(await faults(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'it scrolls sideways');
    assert.ok((await page.getByRole('grid', { name: 'Devices' }).boundingBox()).height > 200, 'what waits leaves no room for the devices');
    await page.getByRole('button', { name: /^Deny / }).first().click();
    await page.getByRole('dialog').waitFor();
    assert.deepEqual(await faults(page), []);
    if (process.env.SELKIE_SHOTS) await page.screenshot({ path: `${process.env.SELKIE_SHOTS}/waiting-${options.colorScheme ?? 'phone'}.png` });
    await page.getByRole('button', { name: 'Cancel' }).click();
    if (process.env.SELKIE_SHOTS) await page.screenshot({ path: `${process.env.SELKIE_SHOTS}/waiting2-${options.colorScheme ?? 'phone'}.png` });
  }
  const { page } = await enter(t, broker, 'root');
  await page.getByText(`${COUNT} IDs wait for your decision`).waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Approve all…' }).click();
  await page.getByRole('dialog').getByText('retired for ever').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: `Approve ${COUNT}` }).click();
  await page.getByText(`${COUNT} approved, 0 left for you.`).waitFor();
  await page.getByRole('region', { name: /decision/ }).waitFor({ state: 'hidden' });
  await page.getByLabel('State').selectOption('active');
  await until('all are active', async () => (await page.getByRole('grid', { name: 'Devices' }).getAttribute('aria-rowcount')) === String(COUNT + 1));
});
