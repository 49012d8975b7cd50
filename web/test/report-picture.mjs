// SPDX-License-Identifier: Apache-2.0
// scripts/pictures runs this: a picture of two parts of a report that selkie-sim wrote: its figures with the first expectations, and
// the chart of delivery.
//
//   node test/report-picture.mjs REPORT.html PICTURE.png
import { pathToFileURL } from 'node:url';
import { Stage, lacking } from './kit.mjs';

const EXPECTATIONS = 6;
const [report, picture] = process.argv.slice(2);
const obstacle = lacking('chromium');
if (!picture || obstacle) throw new Error(obstacle || 'usage: node test/report-picture.mjs REPORT.html PICTURE.png');

const stage = new Stage();
try {
  const browser = await stage.browser();
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 }, colorScheme: 'light' });
  await page.goto(pathToFileURL(report).href);
  const title = await page.title();
  await page.addStyleTag({ content: `table:first-of-type tr:nth-of-type(n + ${EXPECTATIONS + 1}) { display: none } body { margin-top: 0 }` });
  const chart = page.getByRole('heading', { name: /^Delivery/ }).locator('xpath=following-sibling::*[name()="svg"][1]');
  const end = await chart.evaluate((svg) => svg.getBoundingClientRect().bottom + window.scrollY);
  await page.screenshot({ path: picture, fullPage: true, clip: { x: 0, y: 0, width: 1000, height: Math.ceil(end) + 8 } });
  console.log(`${title}: ${(await page.locator('.tile').allInnerTexts()).map((text) => text.replaceAll('\n', ' ')).join(', ')}`);
} finally {
  await stage.end();
}
