// SPDX-License-Identifier: Apache-2.0
// With the real plugin, a real gateway and a real device: an administrator decides after a reset, a reader may not, and what
// cannot be undone is asked before it is done.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Life, Stage, bin, faults, lacking, logIn, mqttPacket, openPage, until } from './kit.mjs';

const skip = lacking('mosquitto', 'chromium', 'passwd', 'socat') || (existsSync(join(bin, 'mosquitto_selkie.so')) ? false : `no plugin in ${bin}`);
const users = { root: 'r', anna: 'a', gate: 'g', other: 'o', partly: 'p' };
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
  const broker = await own.brokerWithPlugin({ admins: ['root'], readers: ['anna', { user: 'other', topics: ['selkie/device/+/state'] }, { user: 'partly', topics: ['selkie/device/+/values', 'selkie/gateway/gate/state'] }], ...config }, { users });
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

const ctlOptions = (broker, own) => ['--broker', broker.mqtt, '--username', 'root', '--password-file', own.write('root.password', users.root)];

/** The device as an administrator sees it. */
async function show(broker, own) {
  return JSON.parse(await own.run(join(bin, 'selkiectl'), ['device', 'show', DEVICE, '--json', ...ctlOptions(broker, own)]));
}

async function enter(t, broker, user, options = {}) {
  const opened = await openPage(browser, broker.url, options);
  t.after(() => opened.context.close());
  await logIn(opened.page, user, users[user]);
  return opened;
}

test('after a reset, what waits comes first; the administrator is asked, approves, and readings come', { skip }, async (t) => {
  const { own, broker, powerOn } = await scene(t);
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
  const pending = (await show(broker, own)).bindings.find((each) => each.status === 'pending').id;
  await dialog.getByText(new RegExp(`^ID ${pending}, last heard \\d+ (s|min) ago by gateway gate\\. It came \\d+ (s|min) ago \\(.*\\)\\.$`)).waitFor();
  await dialog.getByText('is replaced for ever: a device that still has it is shut out until its next power cut').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await waiting.count(), 1);

  await waiting.getByRole('button', { name: `Approve ${DEVICE}` }).click();
  await dialog.getByRole('button', { name: 'Approve', exact: true }).click();
  await page.getByText(/approved\. [0-9a-f]{16} is active/).waitFor();
  await waiting.waitFor({ state: 'hidden' });
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

/** A broker with the plugin, and a client that publishes as the gateway `gate`: what comes, and when, is the test's to say. */
async function air(t, config = {}) {
  const own = new Stage();
  t.after(() => own.end());
  const broker = await own.brokerWithPlugin({ admins: ['root'], ...config }, { users });
  const gate = await own.client(broker, { username: 'gate', password: users.gate, clientId: 'gate' });
  return { own, broker, life: (key) => new Life(own, gate, key) };
}

const ctl = (broker, own, ...args) => own.run(join(bin, 'selkiectl'), [...args, ...ctlOptions(broker, own)]);

test('a clone that stands: the page of who comes later shows it, and an administrator who has looked ends it', { skip }, async (t) => {
  const { own, broker, life } = await air(t);
  const device = life();
  await device.say(1, 'mine');
  await device.say(1, 'another one under the same counter');
  await until('the alarm stands', async () => (await show(broker, own).catch(() => null))?.bindings[0].alarm === 'clone');

  const { page, complaints } = await enter(t, broker, 'root');
  const row = page.getByRole('grid', { name: 'Devices' }).getByRole('row').filter({ hasText: DEVICE });
  await row.getByText('clone', { exact: true }).waitFor();
  await page.getByRole('tab', { name: /Alarms\s+1/ }).click();
  await page.getByText('1 alarm stands until an administrator has looked').waitFor();
  await page.getByRole('grid', { name: 'Alarms and events' }).getByText('clone: two parties hold its ID').click();
  const detail = page.getByRole('complementary');
  await detail.getByText('This stands until an administrator has looked and ends it.').waitFor();
  await detail.getByRole('button', { name: 'End the alarm…' }).click();
  const dialog = page.getByRole('dialog', { name: `End the alarm "clone" of ${DEVICE}?` });
  await dialog.getByText(new RegExp(`^ID ${device.id}, last heard`)).waitFor();
  await dialog.getByText('both are heard until the next power cut').waitFor();
  await dialog.getByRole('button', { name: 'End the alarm' }).click();
  await page.getByText(`${DEVICE}: the alarm is over. ${device.id} stays active.`).waitFor();
  await page.getByText('approved by an administrator').first().waitFor();
  await detail.getByText('active', { exact: true }).waitFor();
  await detail.getByRole('button', { name: 'End the alarm…' }).waitFor({ state: 'detached' });
  await page.getByRole('tab', { name: 'Devices' }).click();
  await row.getByText('active', { exact: true }).waitFor();
  assert.equal((await show(broker, own)).bindings[0].alarm, undefined);
  assert.deepEqual(complaints, []);
});

test('several IDs of one address wait: each row and each question names its ID, and no row moves under the pointer', { skip }, async (t) => {
  const { own, broker, life } = await air(t);
  await life().say(1, 'before');
  const [first, second] = [life(), life()];
  await first.say(1, 'one');
  await second.say(1, 'two');
  const { page } = await enter(t, broker, 'root');
  const waiting = page.getByRole('region', { name: '2 IDs wait for your decision' });
  await waiting.getByText('1 other ID of this address waits too').first().waitFor();
  const approve = (device) => page.getByRole('button', { name: `Approve ${DEVICE}, ID ${device.id}` });
  for (const device of [first, second]) {
    await approve(device).click();
    await page.getByRole('dialog', { name: `Approve the new ID of ${DEVICE}?` }).getByText(new RegExp(`^ID ${device.id}, last heard .* by gateway gate\\. It came .* ago`)).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
  }
  // The pointer is on the second one; another administrator decides about the first, and a third one comes.
  await approve(second).hover();
  const before = await approve(second).boundingBox();
  await ctl(broker, own, 'device', 'deny', DEVICE, first.id, '--yes');
  const third = life();
  await third.say(1, 'three');
  await page.getByText(`ID ${first.id} waits no longer.`).waitFor();
  await approve(third).waitFor();
  assert.deepEqual(await approve(second).boundingBox(), before);
  assert.ok((await approve(third).boundingBox()).y > before.y);
  await page.mouse.move(5, 5);
  await page.getByText(`ID ${first.id} waits no longer.`).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: `Deny ${DEVICE}, ID ${third.id}` }).click();
  await page.getByRole('dialog', { name: `Deny the new ID of ${DEVICE}?` }).getByText(new RegExp(`^ID ${third.id}, `)).waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Deny', exact: true }).click();
  await page.getByText(`${DEVICE}: denied. ${third.id} is shut out.`).waitFor();
  const bindings = (await show(broker, own)).bindings;
  assert.deepEqual(bindings.filter((each) => each.status === 'pending').map((each) => each.id), [second.id]);
});

test("commands say that they are JSON, as selkiectl's do", { skip }, async (t) => {
  const { own, broker } = await air(t);
  const published = { page: [], selkiectl: [] };
  const parserFor = (list) => {
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    parser.on('packet', (packet) => { if (packet.cmd === 'publish') list.push(packet); });
    return (data) => parser.parse(data);
  };
  const proxy = createServer((from) => {
    const to = connect(broker.port, '127.0.0.1');
    const parse = parserFor(published.selkiectl);
    from.on('data', (data) => { to.write(data); parse(data); });
    to.on('data', (data) => from.write(data));
    for (const [a, b] of [[from, to], [to, from]]) { a.on('error', () => {}); a.on('close', () => b.destroy()); }
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => proxy.close());
  await ctl({ mqtt: `mqtt://127.0.0.1:${proxy.address().port}` }, own, 'key', 'list');

  const { page, context } = await openPage(browser, broker.url);
  t.after(() => context.close());
  const parse = parserFor(published.page);
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => parse(Buffer.from(payload))));
  await logIn(page, 'root', users.root);
  await page.getByText('root, administrator').waitFor();
  await until('the commands', () => published.page.length > 0 && published.selkiectl.length > 0);
  for (const packet of published.page)
    assert.deepEqual([packet.topic, packet.qos, packet.retain, { ...packet.properties }], [published.selkiectl[0].topic, published.selkiectl[0].qos, false, { ...published.selkiectl[0].properties }]);
  assert.deepEqual({ ...published.page[0].properties }, { payloadFormatIndicator: true, contentType: 'application/json' });
});

test('values come with the units of their model, and an administrator chooses another model', { skip }, async (t) => {
  const { own, broker, powerOn } = await scene(t, { models_dir: new URL('../../models/ready', import.meta.url).pathname });
  await powerOn();
  const { page, complaints } = await enter(t, broker, 'root');
  const row = page.getByRole('grid', { name: 'Devices' }).getByRole('row').filter({ hasText: DEVICE });
  await row.getByText('selkie-device-readings').waitFor();
  await row.getByText(/^[\d,]+ s$/).waitFor(); // uptime
  await row.click();
  const detail = page.getByRole('complementary');
  await detail.getByRole('img', { name: /lowest .* highest/ }).waitFor();
  const dialog = page.getByRole('dialog', { name: `Model of ${DEVICE}` });
  const chosen = () => dialog.getByLabel('Model').evaluate((select) => select.selectedOptions[0].textContent);
  // Who only looks and confirms chooses nothing: the firmware goes on to say which model it is.
  await detail.getByRole('button', { name: 'Model…' }).click();
  await dialog.waitFor();
  assert.equal(await chosen(), 'as its firmware says');
  await dialog.getByRole('button', { name: 'Set the model' }).click();
  await page.getByText(`${DEVICE}: the model stays.`).waitFor();
  assert.equal((await show(broker, own)).model_chosen, false);
  await detail.getByRole('button', { name: 'Model…' }).click();
  await dialog.getByLabel('Model').selectOption('selkie-sim-sensor');
  await dialog.getByRole('button', { name: 'Set the model' }).click();
  await page.getByText(`${DEVICE}: the model is selkie-sim-sensor.`).waitFor();
  await row.getByText('selkie-sim-sensor').waitFor();
  await detail.getByText('No values yet.').waitFor();
  await detail.getByText('a payload does not fit its model').waitFor();
  assert.equal((await show(broker, own)).model_chosen, true);
  await detail.getByRole('button', { name: 'Model…' }).click();
  await dialog.waitFor();
  assert.equal(await chosen(), 'selkie-sim-sensor');
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
  await page.getByText("This user may not read: the plugin's statistics, gateways, gateways' stats, values, late values, events, rejections.").waitFor();

  // Of gateways he may read one: then gateways are not among what he may not read, and he sees that one.
  const { page: second } = await enter(t, broker, 'partly');
  await second.getByText("This user may not read: the plugin's statistics, gateways' stats, devices, events, rejections.").waitFor();
  await second.getByRole('tab', { name: 'Gateways' }).click();
  await second.getByRole('listitem').filter({ hasText: 'gate' }).getByText('online').waitFor();
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
  const COUNT = 24;
  const air = join(own.folder, 'air');
  own.start('sim', join(bin, 'selkie-sim'), ['run', '--devices', String(COUNT), '--interval', '20', '--duration', '3600', '--bit-rate', '0',
    '--link', 'pty', '--line', air, '--gateways', 'yours', '--broker', broker.mqtt, '--username', 'root', '--password-file', own.write('sim.password', 'r'),
    '--key-id', '1', '--public-key', join(own.folder, '1.pub.pem')]);
  const line = await until("the simulator's line", () => [air, `${air}0`, `${air}-0`].find((path) => existsSync(path)));
  gatewayOn(own, broker, 'other', line);
  const { page } = await enter(t, broker, 'root', { bypassCSP: true, reducedMotion: 'reduce' });
  await page.getByText(`${COUNT} IDs wait for your decision`).waitFor();
  await page.getByText('Each of these devices is new here').waitFor(); // nobody pretends to be a device that nobody knows
  for (const [colorScheme, width] of [['dark', 1280], ['light', 390]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    await until('it does not scroll sideways', () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    assert.deepEqual(await faults(page), []);
    await until('what waits leaves room for the devices', async () => (await page.getByRole('grid', { name: 'Devices' }).boundingBox()).height > 200);
    await page.getByRole('button', { name: /^Deny / }).first().click();
    await page.getByRole('dialog').waitFor();
    assert.deepEqual(await faults(page), []);
    if (process.env.SELKIE_SHOTS) await page.screenshot({ path: `${process.env.SELKIE_SHOTS}/question-${colorScheme}-${width}.png` });
    await page.getByRole('button', { name: 'Cancel' }).click();
    if (process.env.SELKIE_SHOTS) await page.screenshot({ path: `${process.env.SELKIE_SHOTS}/waiting-${colorScheme}-${width}.png` });
  }
  await page.getByRole('button', { name: 'Approve all…' }).click();
  await page.getByRole('dialog').getByText('retired for ever').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: `Approve ${COUNT}` }).click();
  await page.getByText(`${COUNT} approved, 0 left for you.`).waitFor();
  await page.getByRole('region', { name: /decision/ }).waitFor({ state: 'hidden' });
  await page.getByLabel('State').selectOption('active');
  await until('all are active', async () => (await page.getByRole('grid', { name: 'Devices' }).getAttribute('aria-rowcount')) === String(COUNT + 1));
});
