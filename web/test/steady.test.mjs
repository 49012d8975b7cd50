// SPDX-License-Identifier: Apache-2.0
// Rows of what waits keep their places while somebody points at them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from 'esbuild';

const { outputFiles } = await build({ entryPoints: [new URL('../src/steady.ts', import.meta.url).pathname], bundle: true, write: false, format: 'esm' });
const { Steady } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);

const shown = (steady) => steady.shown.map((row) => (row.gone ? `(${row.item})` : row.item)).join(' ');
const begin = (...items) => {
  const steady = new Steady((item) => item.toLowerCase());
  assert.equal(steady.set(items, false), false);
  return steady;
};

test('what is new comes at the end, wherever it is in the list', () => {
  const steady = begin('b', 'd');
  assert.equal(steady.set(['a', 'b', 'c', 'd'], false), false);
  assert.equal(shown(steady), 'b d a c');
});

test('what is gone keeps its place while the list is held, and leaves afterwards', () => {
  const steady = begin('a', 'b', 'c');
  assert.equal(steady.set(['B', 'c', 'd'], true), false);
  assert.equal(shown(steady), '(a) B c d');
  assert.equal(steady.set(['B', 'c', 'd'], false), true);
  assert.equal(shown(steady), 'B c d');
  assert.equal(steady.set(['B', 'c'], false), false, 'only the last row left: nothing moved');
});

test('where nothing waits any more, nothing is held', () => {
  const steady = begin('a', 'b');
  steady.set([], true);
  assert.equal(shown(steady), '');
});

test('a list that is not complete yet says of nothing that it is gone', () => {
  const steady = begin('a', 'b', 'c');
  assert.equal(steady.set(['a', 'aa'], false, false), false);
  assert.equal(shown(steady), 'a b c aa');
  assert.equal(steady.set(['a', 'aa', 'c'], false), true);
  assert.equal(shown(steady), 'a c aa');
});
