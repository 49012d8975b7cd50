// SPDX-License-Identifier: Apache-2.0
// The linter notices what must not be in the page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ESLint } from 'eslint';

const cwd = new URL('..', import.meta.url).pathname;

for (const line of [
  "document.body.innerHTML = name;", "document.body['outerHTML'] = name;", "document.body.insertAdjacentHTML('beforeend', name);", 'document.write(name);',
  "document.body.setAttribute('onclick', name);", "document.body.setAttribute('style', name);", "el('script', {}, name);", "el('iframe', {});",
  "new DOMParser();", 'eval(name);', "new Function(name);", "setTimeout('name', 1);", "localStorage.setItem('password', name);", 'document.cookie = name;',
  'document.createRange().createContextualFragment(name);', 'document.body.setHTMLUnsafe(name);',
])
  test(`the linter forbids ${line}`, async () => {
    const [result] = await new ESLint({ cwd }).lintText(`${line}\n`, { filePath: `${cwd}test/forbidden.ts` });
    assert.ok(result.errorCount > 0, JSON.stringify(result.messages));
  });

test('the linter lets text be set as text', async () => {
  const [result] = await new ESLint({ cwd }).lintText("document.body.textContent = String(1);\nsetTimeout(() => undefined, 1);\n", { filePath: `${cwd}test/forbidden.ts` });
  assert.deepEqual(result.messages, []);
});
