// SPDX-License-Identifier: Apache-2.0
// The page of a reader: log-in, readings, the loss of the connection and its return, what he may not do.
import assert from 'node:assert/strict';
import { createServer, connect } from 'node:net';
import { after, before, test } from 'node:test';
import { AsPlugin, Stage, address, entered, lacking, logIn, openPage, stateOf, until } from './kit.mjs';

const skip = lacking('mosquitto', 'chromium', 'passwd');
const stage = new Stage();
let browser;
before(async () => { if (!skip) browser = await stage.browser(); });
after(() => stage.end());

/** A broker of its own with the messages of one device. */
async function scene(t, options) {
  const own = new Stage();
  t.after(() => own.end());
  const broker = await own.broker(options);
  const plugin = new AsPlugin(await own.client(broker, options?.users ? { username: 'plugin', password: 'p' } : {}));
  await plugin.model();
  await plugin.state(1, { name: 'kitchen', model: 'acme-th1' });
  return { own, broker, plugin };
}

async function enter(t, broker, ...login) {
  const opened = await openPage(browser, broker.url);
  t.after(() => opened.context.close());
  await logIn(opened.page, ...login);
  return opened;
}

test('a reading appears within a second of its publication, with its units', { skip }, async (t) => {
  const { broker, plugin } = await scene(t);
  const { page, complaints } = await enter(t, broker);
  await page.getByText('kitchen').waitFor();
  // The machine may be busy. If the page itself took a second, none of these would be faster.
  const times = [];
  await until('three readings, each within a second', async () => {
    const temperature = times.length / 8 - 7.25;
    const began = Date.now();
    await plugin.values(1, { temperature, humidity: 50 });
    await page.getByText(`${temperature} °C`, { exact: true }).waitFor();
    times.push(Date.now() - began);
    return times.filter((took) => took < 1000).length === 3;
  });
  t.diagnostic(`${times.join(', ')} ms`);
  await page.getByText('50 %').waitFor();
  assert.deepEqual(complaints, []);
});

test('a counter is shown to its last digit', { skip }, async (t) => {
  const { broker, plugin } = await scene(t);
  const { page } = await enter(t, broker);
  const cases = [[123456789, '123,456,789'], [987654321098, '987,654,321,098'], [12345678.9, '12,345,678.9'], [1234.56789, '1,234.568'], [0.1 + 0.2, '0.3'], [-7.25, '-7.25'], [2e15, '2.000e+15']];
  for (const [humidity, shown] of cases) {
    await plugin.values(1, { temperature: 20, humidity });
    await page.getByText(`${shown} %`, { exact: true }).waitFor();
  }
});

test('a wrong password is refused in words, and a second try with the right one enters', { skip }, async (t) => {
  const { broker } = await scene(t, { users: { plugin: 'p', anna: 'secret' } });
  const { page, complaints } = await enter(t, broker, 'anna', 'wrong');
  await page.getByRole('alert').getByText('The broker refused this user and password.').waitFor();
  assert.equal(await page.getByText('kitchen').count(), 0);
  await logIn(page, 'anna', 'secret');
  await page.getByText('kitchen').waitFor();
  assert.equal(await page.locator('input[type=password]').count(), 0);
  const stored = await page.evaluate(async () => [localStorage.length, sessionStorage.length, document.cookie, (await indexedDB.databases()).length]);
  assert.deepEqual(stored, [0, 0, '', 0]);
  assert.deepEqual(complaints, []);
});

test('no broker where the page looks for one: it says so and takes another address', { skip }, async (t) => {
  const { broker } = await scene(t);
  const { page, context } = await openPage(browser, broker.url);
  t.after(() => context.close());
  await page.getByText('Broker and topics').click();
  await page.getByLabel('Broker', { exact: true }).fill('http://127.0.0.1/');
  await logIn(page);
  await page.getByText('begins with ws:// or wss://').waitFor();
  const closed = createServer((socket) => socket.destroy());
  await new Promise((resolve) => closed.listen(0, '127.0.0.1', resolve));
  t.after(() => closed.close());
  await page.getByLabel('Broker', { exact: true }).fill(`ws://127.0.0.1:${closed.address().port}/mqtt`);
  await logIn(page);
  await page.getByText('No answer from ws://127.0.0.1').waitFor();
  await page.getByLabel('Broker', { exact: true }).fill(`ws://127.0.0.1:${broker.web}/mqtt`);
  await logIn(page);
  await page.getByText('kitchen').waitFor();
});

test('the broker ends and comes back: the page says both, and shows what is true then', { skip }, async (t) => {
  const { own, broker, plugin } = await scene(t);
  await plugin.state(2, { name: 'removed meanwhile' });
  const { page } = await enter(t, broker);
  await page.getByText('removed meanwhile').waitFor();
  await broker.stop();
  await page.getByText('lost. Trying again').waitFor();
  await page.getByText('what you see is what was known before').waitFor();
  const again = await own.broker({ ports: [broker.port, broker.web] });
  const next = new AsPlugin(await own.client(again));
  await next.state(1, { name: 'kitchen', model: 'acme-th1' });
  await next.values(1, { temperature: 3 });
  await page.getByText('Connected to').waitFor();
  await page.getByText('temperature 3').waitFor();
  await page.getByText('removed meanwhile').waitFor({ state: 'detached' });
  assert.equal(await page.getByText('kitchen').count(), 1);
});

test('a network that goes without a word is noticed, because the plugin is silent', { skip }, async (t) => {
  const { own, broker, plugin } = await scene(t);
  const pairs = new Set();
  const proxy = createServer((from) => {
    const to = connect(broker.web, '127.0.0.1');
    for (const [a, b] of [[from, to], [to, from]]) { a.on('data', (data) => b.write(data)); a.on('error', () => {}); a.on('close', () => b.destroy()); }
    pairs.add([from, to]);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address();
  own.onEnd(() => { proxy.close(); for (const pair of pairs) for (const socket of pair) socket.destroy(); });
  const { page, context } = await openPage(browser, `http://127.0.0.1:${port}/`);
  t.after(() => context.close());
  await logIn(page);
  await page.getByText('kitchen').waitFor();
  await entered(page);
  await plugin.stats({ models_refused: 1 });
  await page.getByText('1 model refused').waitFor(); // the page has heard the plugin
  for (const pair of pairs) for (const socket of pair) socket.pause();
  const before = pairs.size;
  await page.getByText('Nothing has come from the plugin').waitFor();
  await until('a new connection', () => pairs.size > before);
  await plugin.values(1, { temperature: 17 });
  await page.getByText('temperature 17').waitFor();
});

test("events and rejections come as they happen, in the browser's zone", { skip }, async (t) => {
  const { broker, plugin } = await scene(t);
  const { page } = await enter(t, broker);
  await page.getByText('kitchen').waitFor();
  await entered(page);
  await page.getByText('Europe/Berlin, UTC+0').waitFor();
  const at = new Date();
  await plugin.publish(`device/${address(1)}/event`, { event: 'clone', time: at.getTime(), counter: 5, gateway: 'roof-1' });
  await plugin.publish('rejected/replay', { reason: 'replay', gateway: 'roof-1', rx: Date.now(), address: address(1) });
  await page.getByRole('tab', { name: /Alarms\s+1/ }).click();
  const row = page.getByRole('row').filter({ hasText: 'clone: two parties hold its ID' });
  await row.getByText('kitchen').waitFor();
  await row.getByText(at.toLocaleTimeString('en-GB', { timeZone: 'Europe/Berlin' })).waitFor();
  await page.getByRole('tab', { name: /Rejected\s+1/ }).click();
  await page.getByText('Since this page was opened: replay 1').waitFor();
  await page.getByRole('tab', { name: 'Devices' }).click();
  await page.getByRole('row').filter({ hasText: 'kitchen' }).getByText('clone').waitFor();
});

test('a gateway shows its state, the age of its last frame, its queue and what is broken', { skip }, async (t) => {
  const { broker, plugin } = await scene(t);
  const { page } = await enter(t, broker);
  await page.getByRole('tab', { name: 'Gateways' }).click();
  await page.getByText('No gateway yet').waitFor();
  const stats = {
    version: '0.1.0', time: Date.now(), interval: 30, queue: 12, oldest: 90, broken: 3, received: 40,
    lines: [{ port: '/dev/selkie/A50285BI', open: true, frame_age_s: 7, deaf_s: null }], storage: { working: true },
  };
  await plugin.publish('gateway/roof-1/state', { state: 'online', instance: 1 }, { retain: true });
  await plugin.publish('gateway/roof-1/stats', stats, { retain: true });
  const card = page.getByRole('listitem').filter({ hasText: 'roof-1' });
  await card.getByText('online').waitFor();
  const frameAge = async () => Number(/last frame at most (\d+) s ago/.exec(await card.innerText())?.[1]);
  const first = await until('the age of the last frame', frameAge);
  assert.ok(first >= 7 && first <= 8 + (Date.now() - stats.time) / 1000, `${first} s`);
  await card.getByText('12 frames, the oldest 90 s old').waitFor();
  await card.getByText('3 frames of 40 received').waitFor();
  await until('the age goes on without a message', async () => (await frameAge()) >= first + 2);
  await plugin.publish('gateway/roof-1/stats', { ...stats, lines: [{ ...stats.lines[0], deaf_s: 200 }] }, { retain: true });
  await card.getByText('a line is broken').waitFor();
  await card.getByText('bytes, but no frames for 3 min').waitFor();
  await plugin.publish('gateway/roof-1/state', { state: 'offline', instance: 1 }, { retain: true });
  await card.getByText('offline').waitFor();
  for (const topic of ['state', 'stats']) await plugin.publish(`gateway/roof-1/${topic}`, '', { retain: true });
  await page.getByText('No gateway yet').waitFor();
});

test('one device: values, line, state, and its payload while it is open', { skip }, async (t) => {
  const { broker, plugin } = await scene(t);
  const { page } = await enter(t, broker);
  await entered(page);
  await page.getByText('kitchen').click();
  const detail = page.getByRole('complementary');
  await detail.getByText('No values yet').waitFor();
  for (let i = 10; i > 0; i--) await plugin.values(1, { temperature: 20 + i, humidity: 50 - i }, Date.now() - i * 60_000);
  await detail.getByText('21 °C').waitFor();
  await detail.getByRole('img', { name: /temperature, in °C: .* lowest 21, highest 30, last 21/ }).waitFor();
  await detail.getByLabel('Line of').selectOption('humidity');
  await detail.getByRole('img', { name: /humidity, in %: .* lowest 40, highest 49, last 49/ }).waitFor();
  // A reading that came late stands in its place of the line, and not as the newest value, whatever a gateway's clock says.
  await plugin.late(1, { temperature: 99, humidity: 1 }, Date.now() - 330_000);
  await detail.getByRole('img', { name: /humidity, in %: .* lowest 1, highest 49, last 49/ }).waitFor();
  await plugin.late(1, { temperature: 99, humidity: 2 }, Date.now());
  await detail.getByRole('img', { name: /humidity, in %: .* lowest 1, highest 49, last 2/ }).waitFor();
  assert.equal(await detail.getByText('99 °C').count(), 0);
  const properties = { counter: '8', gateway: 'roof-1', form: 'session' };
  await until('its payload is shown', async () => {
    await plugin.publish(`device/${address(1)}/up`, 'hello', { properties });
    return (await detail.getByText('#8 session by roof-1, 5 bytes: hello').count()) > 0;
  });
  await detail.getByRole('button', { name: 'Close' }).click();
  await detail.waitFor({ state: 'hidden' });
});

test("the page never subscribes to all payloads: it would end the plugin's wait for a real reader", { skip }, async (t) => {
  const { broker } = await scene(t);
  const { page } = await enter(t, broker);
  await page.getByText('kitchen').click();
  await until('it reads this device', () => broker.log.text.includes(`selkie/device/${address(1)}/up`));
  assert.ok(broker.log.text.includes('selkie/device/+/values'));
  assert.ok(!/selkie\/(device\/\+\/up|device\/#|#|\+)/.test(broker.log.text));
});

test('a device that goes takes its page with it', { skip }, async (t) => {
  const { broker, plugin } = await scene(t);
  await plugin.state(2, stateOf(2, { name: 'cellar' }));
  const { page } = await enter(t, broker);
  await page.getByText('kitchen').click();
  await page.getByRole('complementary').waitFor();
  await plugin.publish(`device/${address(1)}/state`, '', { retain: true });
  await page.getByRole('complementary').waitFor({ state: 'hidden' });
  await page.getByText('kitchen').waitFor({ state: 'detached' });
  await page.getByText('cellar').waitFor();
});

test('logging out ends the connection and leaves nothing', { skip }, async (t) => {
  const { broker } = await scene(t);
  const { page } = await enter(t, broker);
  await page.getByText('kitchen').waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  assert.equal(await page.getByLabel('User').inputValue(), '');
  assert.equal(await page.getByText('kitchen').count(), 0);
  await until('the broker sees it go', () => /Client selkie-web-\S+ (closed its connection|disconnected)/.test(broker.log.text));
});

test('an alarm that stands is shown to who comes later: in the list, in the device, among the alarms; and goes when it is over', { skip }, async (t) => {
  const { broker, plugin } = await scene(t);
  await plugin.state(2, { name: 'cellar', alarm: 'takeover' });
  await plugin.state(1, { name: 'kitchen', model: 'acme-th1', alarm: 'clone' });
  const { page } = await enter(t, broker);
  const row = page.getByRole('grid', { name: 'Devices' }).getByRole('row').filter({ hasText: 'kitchen' });
  await row.getByText('clone', { exact: true }).waitFor();
  await page.getByLabel('State').selectOption({ label: 'an alarm stands' });
  await page.getByText('2 of 2.').or(page.getByText('cellar')).first().waitFor();
  await page.getByRole('tab', { name: /Alarms\s+2/ }).click();
  const alarms = page.getByRole('grid', { name: 'Alarms and events' });
  await alarms.getByRole('row').filter({ hasText: 'kitchen' }).getByText('clone: two parties hold its ID').waitFor();
  await alarms.getByRole('row').filter({ hasText: 'cellar' }).getByText('stands').first().waitFor();
  await alarms.getByText('kitchen').click();
  const detail = page.getByRole('complementary');
  await detail.getByText('This stands until an administrator has looked and ends it.').waitFor();
  await page.reload();
  await logIn(page);
  await row.getByText('clone', { exact: true }).waitFor();
  await plugin.state(1, { name: 'kitchen', model: 'acme-th1' });
  await row.getByText('active', { exact: true }).waitFor();
  await page.getByRole('tab', { name: /Alarms\s+1/ }).waitFor();
});
