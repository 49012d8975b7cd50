// SPDX-License-Identifier: Apache-2.0
// What others say is shown as text, and whatever they send, the page goes on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AsPlugin, Stage, address, entered, lacking, logIn, openPage, stateOf, until } from './kit.mjs';

const skip = lacking('mosquitto', 'chromium');
const stage = new Stage();
let browser, broker, plugin, client;
before(async () => {
  if (skip) return;
  browser = await stage.browser();
  broker = await stage.broker();
  client = await stage.client(broker);
  plugin = new AsPlugin(client);
});
after(() => stage.end());

async function enter(t) {
  const opened = await openPage(browser, broker.url);
  t.after(() => opened.context.close());
  await logIn(opened.page);
  await entered(opened.page);
  return opened;
}

/** Only this device is in the list. */
const only = (page, number) => page.getByLabel('Search').fill(address(number));

const MARKUP = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
const HOSTILE = [
  MARKUP, '"><svg/onload=window.pwned=1>', "'; window.pwned=1; //", '{{constructor.constructor("window.pwned=1")()}}', 'javascript:window.pwned=1',
  '</script><script>window.pwned=1</script>', '&lt;b&gt;&#x202e;', '__proto__', 'constructor', '\u202Ereversed\u202C', 'zero\u200Bwidth',
  'a\u0000\u0007\u001b[31mred', '\u2066isolated\u2069', 'e' + '\u0301'.repeat(200), '\u{E0041}tag', '\ud800lone', 'line\u2028end', '\u00a0\u3000', 'x'.repeat(3000),
];

test('names, firmware, models, gateways, values, events and rejections are text', { skip }, async (t) => {
  const { page, complaints } = await enter(t);
  for (const [index, evil] of HOSTILE.entries()) {
    await plugin.state(index, { name: evil, firmware: evil, model: evil, gateway: evil, status: evil, id: evil, form: evil });
    await plugin.values(index, { [evil.slice(0, 40)]: evil, __proto__: 1, constructor: evil, temperature: 20 });
    await plugin.publish(`device/${address(index)}/event`, { event: evil, time: Date.now(), details: evil, [evil.slice(0, 20)]: evil });
    await plugin.publish('rejected/replay', { reason: evil, gateway: evil, address: evil });
    await plugin.publish('models/acme', { model: evil, manufacturer: evil, fields: [{ name: 'temperature', unit: evil }] }, { retain: true });
    await plugin.publish(`gateway/g${index}/state`, { state: evil, storage: evil }, { retain: true });
  }
  await plugin.publish(`gateway/${MARKUP.slice(0, 24)}/state`, { state: 'online' }, { retain: true });
  await plugin.publish(`gateway/${MARKUP.slice(0, 24)}/stats`, { lines: [{ port: MARKUP, fault: MARKUP }], version: MARKUP, storage: { working: false, fault: MARKUP } });
  await plugin.stats();
  await page.getByText(MARKUP.slice(0, 60)).first().waitFor();
  for (let index = 0; index < HOSTILE.length; index++) {
    await only(page, index);
    await until('no other row', async () => (await page.getByRole('grid', { name: 'Devices' }).getAttribute('aria-rowcount')) === '2');
    await page.getByRole('row').filter({ hasText: address(index) }).first().click();
    await page.getByRole('complementary').getByText(address(index)).first().waitFor();
  }
  for (const tab of ['Gateways', 'Alarms', 'Rejected']) {
    await page.getByRole('tab', { name: tab }).click();
    await page.getByRole('tabpanel').getByText('onerror').or(page.getByRole('tabpanel').getByText('<img')).first().waitFor();
  }
  assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
  assert.equal(await page.locator('img, svg, iframe, a, link[rel=stylesheet]').count(), 0);
  assert.equal(await page.locator('script').count(), 1);
  // Nothing that steers the eye or hides from it is left in what the page shows.
  const seen = await page.evaluate(() => document.body.innerText);
  assert.doesNotMatch(seen, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u);
  assert.deepEqual(complaints, []);
});

test('letters that nobody sees are shown by their codes', { skip }, async (t) => {
  await plugin.state(100, { name: 'ok\u202Egpj.exe' });
  await plugin.state(101, { name: 'pin\u200Bg' });
  await plugin.state(102, { name: '\u00a0\u3000\u2800' });
  await plugin.state(103, { name: ' ' });
  await plugin.state(104, { name: 'a\u202E'.repeat(15_000) }); // 60 KB
  const { page } = await enter(t);
  await page.getByLabel('Search').fill('5e1c00000000006');
  await page.getByText('ok<U+202E>gpj.exe').waitFor();
  await page.getByText('pin<U+200B>g').waitFor();
  await page.getByText('<U+00A0><U+3000><U+2800>').waitFor();
  await page.getByText('(blank)').waitFor();
  const long = page.getByText('a<U+202E>'.repeat(32)).first();
  await long.waitFor();
  assert.ok((await long.innerText()).length < 400);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
});

test('names of right-to-left writing stay in their place and are not spoiled', { skip }, async (t) => {
  await plugin.state(110, { name: 'מטבח 3' });
  await plugin.state(111, { name: 'été ☀ 厨房' });
  const { page } = await enter(t);
  await only(page, 111);
  await page.getByText('été ☀ 厨房').waitFor();
  await only(page, 110);
  await page.getByText('מטבח 3').waitFor();
  assert.equal(await page.getByText('מטבח 3').evaluate((element) => getComputedStyle(element).unicodeBidi), 'isolate');
});

test('what is not understood is counted and left out', { skip }, async (t) => {
  const { page, complaints } = await enter(t);
  const topics = ['device/5e1c00000000aaaa/state', 'device/5e1c00000000aaaa/values', 'device/5e1c00000000aaaa/event', 'rejected/replay', 'gateway/g/state', 'gateway/g/stats', 'stats', 'models/x'];
  const deep = '['.repeat(20_000);
  for (const topic of topics)
    for (const payload of ['{', 'null', '[]', '42', '"text"', deep, '{"a":'.repeat(5000), Uint8Array.of(0xff, 0xfe, 0x00), '{"name":{"toString":1},"pending":"1e9","last_seen":1e300,"lines":{"a":1},"fields":3,"devices":[],"time":"x"}'])
      await plugin.publish(topic, payload);
  await plugin.publish('device/nobody/state', stateOf(1));
  await plugin.publish('device/5E1C00000000AAAB/state', stateOf(1));
  await plugin.publish('device/5e1c00000000aaac/values', { temperature: 1e308, big: -1e-300, nan: null, list: [1], object: {}, many: 'x'.repeat(5000) });
  await plugin.state(120, { name: 'after it' });
  await only(page, 120);
  await page.getByText('after it').waitFor();
  await page.getByText(/\d+ messages could not be understood/).waitFor();
  assert.equal(await page.getByText('5E1C00000000AAAB').count(), 0);
  await page.getByLabel('Search').fill('5e1c00000000aaa');
  await page.getByText('5e1c00000000aaac').waitFor();
  assert.deepEqual(complaints, []);
});

test('giant messages pass without harm', { skip }, async (t) => {
  const { page } = await enter(t);
  // Mosquitto sends large messages by WebSocket slowly, 4 KB in each turn of its loop.
  const giant = JSON.stringify({ status: 'active', name: 'x'.repeat(80_000) });
  for (let i = 0; i < 2; i++) await plugin.publish(`device/${address(130)}/state`, giant);
  await plugin.publish(`device/${address(130)}/state`, JSON.stringify({ name: 'y'.repeat(8_000_000) })); // above what the page takes at all
  await plugin.state(131, { name: 'after the giants' });
  await only(page, 131);
  await page.getByText('after the giants').waitFor();
  await only(page, 130);
  await page.getByText('1 of ').or(page.getByText('0 of ')).first().waitFor();
  assert.equal(await page.getByText(/[xy]{65}/).count(), 0);
  await page.getByText('2 messages could not be understood').waitFor();
});

test('a flood of rejections is counted, the newest are kept, and the page answers', { skip }, async (t) => {
  const { page } = await enter(t);
  const FLOOD = 10_000;
  for (let i = 0; i < FLOOD; i += 1000) {
    const some = [];
    for (let j = i; j < i + 1000; j++)
      some.push(client.publishAsync(`selkie/rejected/${j % 300 === 0 ? `reason-${j}` : 'replay'}`, JSON.stringify({ reason: 'replay', gateway: 'roof-1', rx: j, address: address(j) }), { qos: 0 }));
    await Promise.all(some);
  }
  await plugin.state(140, { name: 'after the flood' });
  await only(page, 140);
  await page.getByText('after the flood').waitFor();
  await page.getByRole('tab', { name: 'Rejected' }).click();
  await until('all are counted', async () => /Rejected\s+10,000/.test(await page.getByRole('tab', { name: 'Rejected' }).innerText()));
  const rows = await page.getByRole('grid', { name: 'Rejected frames' }).getAttribute('aria-rowcount');
  assert.ok(Number(rows) <= 602, rows);
  assert.ok((await page.locator('.panel:visible .row').count()) < 60);
});

test("a clock that is wrong, here or there, changes no age and is told", { skip }, async (t) => {
  const opened = await openPage(browser, broker.url);
  t.after(() => opened.context.close());
  const { page } = opened;
  await page.clock.install({ time: new Date('2019-03-03T12:00:00Z') });
  await page.reload();
  await logIn(page);
  await plugin.state(150, { name: 'by the clock', last_seen: Date.now() - 180_000 });
  await plugin.state(151, { name: 'from the future', last_seen: Date.now() + 40 * 86_400_000 });
  await plugin.state(152, { name: 'no time', last_seen: 0 });
  await plugin.state(153, { name: 'nonsense', last_seen: 9e15 });
  await entered(page);
  await page.getByLabel('Search').fill('5e1c00000000009');
  await page.getByText('nonsense').waitFor();
  await plugin.stats();
  await page.clock.runFor(3000);
  await page.getByText(/clock is \d+ days behind the broker's/).waitFor();
  const seen = (name) => page.getByRole('row').filter({ hasText: name }).locator('.seen').innerText();
  await until('the ages are right', async () => /^[3-5] min ago$/.test(await seen('by the clock')));
  await until('one that is to come', async () => (await seen('from the future')) === 'in 40 days');
  await until('none', async () => (await seen('no time')) === 'never' && (await seen('nonsense')) === 'never');
});
