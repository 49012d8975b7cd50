// SPDX-License-Identifier: Apache-2.0
// What the page keeps of values for its lines is bounded, however many devices and fields there are, and what it keeps is right.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from 'esbuild';

const { outputFiles } = await build({ entryPoints: [new URL('../src/history.ts', import.meta.url).pathname], bundle: true, write: false, format: 'esm' });
const { History, HistoryPool } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);

const reading = (fields, value) => new Map(Array.from({ length: fields }, (_, i) => [`field_${i}`, value]));
const numbersOf = (histories) => histories.reduce((sum, each) => sum + each.times.length * (each.fields.length + (each.fields.length > 0 ? 1 : 0)), 0);

test('numbers of all devices together never exceed the bound, and each device keeps its newest', () => {
  const MOST = 20_000;
  const pool = new HistoryPool(MOST);
  const histories = Array.from({ length: 1000 }, () => new History(pool));
  for (let round = 0; round < 60; round++) {
    histories.forEach((each, index) => {
      each.add(1e12 + round * 60_000 + index, reading(1 + (index % 16), round));
      assert.ok(pool.held <= MOST, `${pool.held} numbers`);
      assert.deepEqual([each.times.at(-1), each.line('field_0').at(-1)], [1e12 + round * 60_000 + index, round]);
    });
  }
  assert.equal(pool.held, numbersOf(histories));
  assert.ok(pool.held > MOST / 2, `only ${pool.held} numbers are left`);
  assert.ok(histories.some((each) => each.thinned));
  for (const each of histories) each.clear();
  assert.equal(pool.held, 0);
});

test('more devices than the bound has numbers: it holds all the same', () => {
  const pool = new HistoryPool(100);
  const histories = Array.from({ length: 500 }, () => new History(pool));
  for (let round = 0; round < 3; round++) for (const each of histories) each.add(1e12 + round, reading(8, round));
  assert.ok(pool.held <= 100);
  assert.equal(pool.held, numbersOf(histories));
});

test('text alone makes no line and costs nothing; fields that come later are empty before', () => {
  const pool = new HistoryPool(1000);
  const history = new History(pool);
  history.add(1e12, new Map([['door', 'open']]));
  assert.deepEqual([pool.held, history.times.length], [0, 0]);
  history.add(1e12 + 1, new Map([['a', 1]]));
  history.add(1e12 + 3, new Map([['a', 3], ['b', 30]]));
  history.add(1e12 + 2, new Map([['a', 2]])); // late
  history.add(1e12 + 3, new Map([['a', 3], ['b', 30]])); // again, after a new connection
  assert.deepEqual([history.times.map((ms) => ms - 1e12), history.line('a'), history.line('b')], [[1, 2, 3], [1, 2, 3], [null, null, 30]]);
  assert.equal(pool.held, numbersOf([history]));
});

test('one device keeps at most 600 points of six hours', () => {
  const pool = new HistoryPool(1e6);
  const history = new History(pool);
  for (let i = 0; i < 5000; i++) history.add(1e12 + i * 1000, reading(1, i));
  assert.ok(history.times.length <= 600 && history.times.length > 300 && history.thinned);
  for (let i = 0; i < 400; i++) history.add(1e12 + 5e6 + i * 60_000, reading(1, i));
  assert.ok(history.times.at(-1) - history.times[0] <= 6 * 3600_000);
  assert.equal(pool.held, numbersOf([history]));
});
