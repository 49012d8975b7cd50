// SPDX-License-Identifier: Apache-2.0
// scripts/pictures runs this: two pictures of the page, from a simulated village behind a real gateway and the real plugin.
//
//   node test/page-pictures.mjs FOLDER
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Stage, bin, lacking, logIn, openPage, until } from './kit.mjs';

const folder = process.argv[2];
const obstacle = lacking('mosquitto', 'chromium', 'passwd');
if (!folder || obstacle) throw new Error(obstacle || 'usage: node test/page-pictures.mjs FOLDER');

const PLACES = ['kitchen', 'cellar', 'barn', 'well', 'greenhouse north', 'greenhouse south', 'school, room 1', 'school, room 2', 'town hall', 'mill', 'church tower', 'bakery', 'dairy', 'bridge',
  'station', 'fire house', 'orchard', 'meadow', 'library', 'post office'];
const DEVICES = PLACES.length;
const users = { ruth: 'r', roof: 'g' };
const stage = new Stage();

async function fleet(broker, line, devices) {
  const sim = stage.start('sim', join(bin, 'selkie-sim'), ['run', '--devices', String(devices), '--interval', '4', '--duration', '3600', '--bit-rate', '0', '--seed', '7', '--session', '1',
    '--link', 'pty', '--line', line, '--gateways', 'yours', '--broker', broker.mqtt, '--username', 'ruth', '--password-file', stage.write('ruth.password', users.ruth),
    '--key-id', '1', '--public-key', join(stage.folder, '1.pub.pem')]);
  const path = await until("the simulator's line", () => [line, `${line}0`, `${line}-0`].find((each) => existsSync(each)));
  const gateway = stage.start('gateway', join(bin, 'selkie-gateway'), ['--config', stage.write('gateway.json', JSON.stringify({
    gateway: 'roof', broker: { uri: broker.mqtt, username: 'roof', password_file: stage.write('roof.password', users.roof) },
    serial: [{ device: path }], spool: { path: join(stage.folder, 'spool.db') },
  }))]);
  return async () => { await sim.stop('SIGINT'); await gateway.stop(); };
}

try {
  const broker = await stage.brokerWithPlugin({ admins: ['ruth'], models_dir: new URL('../../models/ready', import.meta.url).pathname }, { users });
  const air = join(stage.folder, 'air');
  const powerCut = await fleet(broker, air, DEVICES);
  const browser = await stage.browser();
  const { page } = await openPage(browser, broker.url, { viewport: { width: 1360, height: 760 } });
  await logIn(page, 'ruth', users.ruth);
  const grid = page.getByRole('grid', { name: 'Devices' });
  await until('all devices', async () => (await grid.getAttribute('aria-rowcount')) === String(DEVICES + 1), 120_000);

  // Names, as an administrator gives them with selkiectl.
  const ctl = ['--broker', broker.mqtt, '--username', 'ruth', '--password-file', join(stage.folder, 'ruth.password')];
  const devices = JSON.parse(await stage.run(join(bin, 'selkiectl'), ['device', 'list', '--json', ...ctl])).devices;
  for (const [index, device] of devices.entries())
    await stage.run(join(bin, 'selkiectl'), ['device', 'set', device.address, '--name', PLACES[index], ...ctl]);
  await page.getByRole('grid', { name: 'Devices' }).locator('[aria-rowindex="2"]').getByText('bakery').waitFor();
  await page.waitForTimeout(1500); // the list is in the order of the names
  await page.getByText('greenhouse north', { exact: true }).click();
  await page.mouse.move(5, 755);
  await page.waitForTimeout(60_000); // a minute of readings for the lines
  await page.screenshot({ path: join(folder, 'page-devices.png') });

  await page.getByRole('button', { name: 'Close' }).first().click();
  await page.emulateMedia({ colorScheme: 'dark' });
  await powerCut();
  const end = await fleet(broker, air, 4); // four of them come back, under new IDs
  await page.getByText('4 IDs wait for your decision').waitFor({ timeout: 60_000 });
  await page.waitForTimeout(3000);
  await page.getByRole('tab', { name: /Alarms/ }).click();
  await page.getByText('sent under a new ID').first().waitFor();
  await page.screenshot({ path: join(folder, 'page-waiting.png') });
  await end();
} finally {
  await stage.end();
}
