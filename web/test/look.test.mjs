// SPDX-License-Identifier: Apache-2.0
// A phone, dark and light, the keyboard alone, and what a screen reader is told (axe-core).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AsPlugin, Stage, address, entered, faults, lacking, logIn, openPage, until } from './kit.mjs';

const skip = lacking('mosquitto', 'chromium');
const stage = new Stage();
const ROOMS = 60;
let browser, broker, plugin;
before(async () => {
  if (skip) return;
  browser = await stage.browser();
  broker = await stage.broker();
  plugin = new AsPlugin(await stage.client(broker));
  await plugin.model();
  await plugin.publish('gateway/roof-1/state', { state: 'online' }, { retain: true });
  await plugin.publish('gateway/roof-1/stats', { time: Date.now(), interval: 30, queue: 2, oldest: 3, broken: 1, received: 9, lines: [{ port: '/dev/ttyS0', open: false, frame_age_s: 3, deaf_s: 9, fault: 'gone' }] }, { retain: true });
  for (let i = 1; i <= ROOMS; i++) {
    await plugin.state(i, { name: `room ${i}`, model: 'acme-th1', pending: i === 3 ? 1 : 0, silent: i === 4, status: i === 5 ? 'revoked' : 'active', ...(i === 6 ? { alarm: 'clone' } : {}) });
    await plugin.values(i, { temperature: 20 + i / 10, humidity: 40, a_rather_long_name_of_a_field: 'and a long value of it', open: true }, Date.now() - 60_000);
  }
});
after(() => stage.end());

async function enter(t, options = {}) {
  const opened = await openPage(browser, broker.url, options);
  t.after(() => opened.context.close());
  await logIn(opened.page);
  await allRooms(opened.page);
  return opened;
}

/** The list is complete: no row moves any more. */
async function allRooms(page) {
  await entered(page);
  await until('all rooms', async () => (await page.getByRole('grid', { name: 'Devices' }).getAttribute('aria-rowcount')) === String(ROOMS + 1));
  await page.getByRole('grid', { name: 'Devices' }).locator('[aria-rowindex="2"] .name').getByText('room 1', { exact: true }).waitFor();
}

const LOOKS = [['light', 1280], ['dark', 390], ['dark', 1280], ['light', 390]].map(([colorScheme, width]) => ({ colorScheme, viewport: { width, height: 800 } }));

/** axe-core on what is shown now: all rules in light and wide, and in dark and narrow; with `more` in the other two those of looks. */
async function expectNoFaults(page, what, { more = false } = {}) {
  for (const [index, { colorScheme, viewport }] of LOOKS.slice(0, more ? 4 : 2).entries()) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    await until('the colours are there', async () => (await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number)))[0] < 100 === (colorScheme === 'dark'));
    await until(`${what}: it does not scroll sideways at ${viewport.width} px`, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    assert.deepEqual(await faults(page, { looks: index > 1 }), [], `${what}, ${colorScheme}, ${viewport.width} px`);
    if (process.env.SELKIE_SHOTS) await page.screenshot({ path: `${process.env.SELKIE_SHOTS}/${what.replaceAll(' ', '-')}-${colorScheme}-${viewport.width}.png` });
  }
}

test('axe-core finds nothing in light and dark, wide and narrow, whatever is shown', { skip }, async (t) => {
  const { page, context } = await openPage(browser, broker.url, { bypassCSP: true, reducedMotion: 'reduce' }); // for axe's script alone; no colour half-way
  t.after(() => context.close());
  await expectNoFaults(page, 'log-in');
  await logIn(page);
  await entered(page);
  await page.getByText('room 1', { exact: true }).waitFor();
  await plugin.publish(`device/${address(2)}/event`, { event: 'reset', time: Date.now(), counter: 5, gateway: 'roof-1' });
  await plugin.publish('rejected/replay', { reason: 'replay', gateway: 'roof-1', rx: Date.now(), address: address(2) });
  await page.getByRole('tab', { name: /Rejected\s+1/ }).waitFor();
  await plugin.values(1, { temperature: 21, humidity: 41 });
  await page.getByText('21 °C').first().waitFor();
  for (const tab of ['Devices', 'Gateways', 'Alarms', 'Rejected']) {
    await page.getByRole('tab', { name: tab }).click();
    await page.getByRole('tab', { name: tab, selected: true }).waitFor();
    await expectNoFaults(page, tab, { more: tab === 'Devices' });
  }
  await page.getByRole('tab', { name: 'Devices' }).click();
  await page.getByLabel('Search').fill('room 1');
  await page.getByRole('grid', { name: 'Devices' }).getByText('room 1', { exact: true }).click();
  await page.getByRole('img', { name: /temperature/ }).waitFor();
  await expectNoFaults(page, 'one device', { more: true });
  await until('its line is inside the screen', async () => {
    const plot = await page.locator('.plot canvas').boundingBox();
    return plot && plot.x >= 0 && plot.x + plot.width <= 390;
  });
});

test('a phone: nothing is cut off, one device fills the screen, and the way back is there', { skip }, async (t) => {
  const { page } = await enter(t, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  const row = page.getByRole('row').filter({ has: page.getByText('room 3', { exact: true }) });
  for (const part of ['.name', '.badge', '.seen']) {
    await row.locator(part).waitFor();
    const box = await row.locator(part).boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 360 && box.height > 0, part);
  }
  if (process.env.SELKIE_SHOTS) await page.screenshot({ path: `${process.env.SELKIE_SHOTS}/phone.png` });
  await row.tap();
  const detail = page.getByRole('complementary');
  await detail.waitFor();
  const box = await detail.boundingBox();
  assert.deepEqual([box.x, box.width], [0, 360]);
  await detail.getByRole('button', { name: 'Close' }).tap();
  await detail.waitFor({ state: 'hidden' });
});

test('rows stay one below the other when the screen is turned or the window becomes wide', { skip }, async (t) => {
  const { page } = await enter(t, { viewport: { width: 390, height: 800 } });
  const grid = page.getByRole('grid', { name: 'Devices' });
  for (const width of [390, 1280, 390]) {
    await page.setViewportSize({ width, height: 800 });
    await until(`no gap at ${width} px`, async () => {
      const boxes = await Promise.all([2, 3, 4].map((index) => grid.locator(`[aria-rowindex="${index}"]`).boundingBox()));
      return boxes.every((box, index) => box && (index === 0 || Math.abs(box.y - boxes[index - 1].y - boxes[index - 1].height) < 1)) && boxes[0].height > 100 === width < 760;
    });
  }
});

test('the keyboard alone: log in, choose a device, read it, go back, change the view', { skip }, async (t) => {
  const { page, context } = await openPage(browser, broker.url);
  t.after(() => context.close());
  await until('the first field has the focus', () => page.evaluate(() => document.activeElement.name === 'username'));
  await page.keyboard.type('anna');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await allRooms(page);
  const grid = page.getByRole('grid', { name: 'Devices' });
  for (let i = 0; i < 12 && !(await grid.evaluate((element) => element === document.activeElement)); i++) await page.keyboard.press('Tab');
  for (const key of ['ArrowDown', 'End', 'PageUp', 'Home', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
  const row = grid.locator('[aria-rowindex="4"][aria-selected="true"]'); // the third device, below the head
  await row.waitFor();
  assert.equal(await grid.getAttribute('aria-activedescendant'), await row.getAttribute('id'));
  const name = await row.locator('.name').innerText();
  await page.keyboard.press('Enter');
  await page.getByRole('complementary', { name }).waitFor();
  await until('its name has the focus', async () => (await page.evaluate(() => document.activeElement.textContent)) === name);
  await page.keyboard.press('Escape');
  await page.getByRole('complementary').waitFor({ state: 'hidden' });
  await until('the list has the focus again', () => grid.evaluate((element) => element === document.activeElement));
  await page.getByRole('tab', { name: 'Devices' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('tab', { name: 'Gateways', selected: true }).waitFor();
  await page.getByText('a line is broken').waitFor();
});

test('sorting and choosing: what waits, what is silent, what was not seen for long', { skip }, async (t) => {
  const { page } = await enter(t);
  const grid = page.getByRole('grid', { name: 'Devices' });
  const only = async (label, rows) => {
    await page.getByLabel('State').selectOption({ label });
    await until(label, async () => (await grid.getAttribute('aria-rowcount')) === String(rows + 1));
  };
  await only('an ID waits', 1);
  await only('silent', 1);
  await only('revoked', 1);
  await only('an alarm stands', 1);
  await only('all', 60);
  await plugin.state(42, { name: 'room 42', model: 'acme-th1', last_seen: Date.now() - 86_400_000 * 3 });
  await page.getByLabel('Order').selectOption('unseen');
  await until('it is first', async () => (await grid.locator('[aria-rowindex="2"] .name').innerText()) === 'room 42');
  await grid.locator('[aria-rowindex="2"]').getByText('3 days ago').waitFor();
});
