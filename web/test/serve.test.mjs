// SPDX-License-Identifier: Apache-2.0
// How the page comes to a browser: from Mosquitto's http_dir, and from nginx with the snippet that the package has. What it asks
// for on the way: itself, and the broker.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { after, before, test } from 'node:test';
import http, { createServer } from 'node:http';
import https from 'node:https';
import { AsPlugin, Stage, freePort, lacking, logIn, openPage, pageFile, programs, until } from './kit.mjs';

const skip = lacking('mosquitto', 'chromium');
const snippet = new URL('../nginx.conf', import.meta.url).pathname;
const stage = new Stage();
let browser;
before(async () => { if (!skip) browser = await stage.browser(); });
after(() => stage.end());

async function scene(t, options) {
  const own = new Stage();
  t.after(() => own.end());
  const broker = await own.broker(options);
  const plugin = new AsPlugin(await own.client(broker));
  await plugin.model();
  await plugin.state(1, { name: 'kitchen', model: 'acme-th1' });
  return { own, broker, plugin };
}

async function works(t, url, plugin, options) {
  const opened = await openPage(browser, url, options);
  t.after(() => opened.context.close());
  await logIn(opened.page);
  await opened.page.getByText('kitchen').waitFor();
  await plugin.values(1, { temperature: 21.5 });
  await opened.page.getByText('21.5 °C').waitFor();
  return opened;
}

test('one file of at most 400 KB, with a policy that names its script and its style and permits WebSockets alone', () => {
  const html = readFileSync(pageFile, 'utf8');
  assert.ok(statSync(pageFile).size <= 400 * 1024);
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)[1];
  const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const [, script] = /<script>([^]*?)<\/script>/.exec(html);
  const [, style] = /<style>([^]*?)<\/style>/.exec(html);
  assert.deepEqual(policy.split('; '), ["default-src 'none'", `script-src ${hash(script)}`, `style-src ${hash(style)}`, 'connect-src ws: wss:', 'img-src data:',
    "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"]);
  assert.equal(html.match(/<script|<style|<link|<iframe|<img/g).length, 3); // the link is the icon: data:,
  assert.doesNotMatch(html.replace(script, '').replace(style, ''), /https?:/);
});

test("from Mosquitto's http_dir: it asks for itself and the broker, and for nothing else", { skip }, async (t) => {
  const { broker, plugin } = await scene(t);
  const { requests, complaints } = await works(t, broker.url, plugin);
  assert.deepEqual(requests, [broker.url, `ws://127.0.0.1:${broker.web}/mqtt`]);
  assert.deepEqual(complaints, []);
});

// Not the page itself: a libwebsockets with HTTP/2, such as Debian's, offers it, and Mosquitto's http_dir does not speak it.
test('by wss to a listener of Mosquitto with TLS, with the page from elsewhere', { skip: skip || lacking('openssl') }, async (t) => {
  const { broker: elsewhere } = await scene(t);
  const own = new Stage();
  t.after(() => own.end());
  const broker = await own.broker({ tls: await own.certificate() });
  const plugin = new AsPlugin(await own.client(broker));
  await plugin.model();
  await plugin.state(1, { name: 'vault', model: 'acme-th1' });
  const { page, context, requests, complaints } = await openPage(browser, elsewhere.url, { ignoreHTTPSErrors: true });
  t.after(() => context.close());
  await page.getByText('Broker and topics').click();
  await page.getByLabel('Broker', { exact: true }).fill(`wss://127.0.0.1:${broker.web}/mqtt`);
  await logIn(page);
  await page.getByText('vault').waitFor();
  await plugin.values(1, { temperature: 21.5 });
  await page.getByText('21.5 °C').waitFor();
  assert.deepEqual(requests, [elsewhere.url, `wss://127.0.0.1:${broker.web}/mqtt`]);
  assert.deepEqual(complaints, []);
});

test('the policy holds: no request by HTTP, no other broker after the log-in, no markup from a string, no script', { skip }, async (t) => {
  const { broker, plugin } = await scene(t);
  const asked = [];
  const elsewhere = createServer((request, response) => { asked.push(request.url); response.end(); });
  elsewhere.on('upgrade', (request, socket) => { asked.push(request.url); socket.destroy(); });
  await new Promise((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  t.after(() => elsewhere.close());
  const { page, complaints } = await works(t, broker.url, plugin);
  const tried = await page.evaluate(async (port) => {
    const outcome = {};
    const breaches = new Set();
    addEventListener('securitypolicyviolation', (event) => breaches.add(event.effectiveDirective));
    const attempt = async (name, act) => { try { outcome[name] = String(await act()); } catch (error) { outcome[name] = error.name; } };
    await attempt('fetch', () => fetch(`http://127.0.0.1:${port}/fetch`, { mode: 'no-cors' }));
    await attempt('same', () => fetch(location.href));
    await attempt('beacon', () => navigator.sendBeacon(`http://127.0.0.1:${port}/beacon`, 'x'));
    await attempt('socket', () => new Promise((resolve) => { const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`); socket.onerror = () => resolve('refused'); socket.onopen = () => resolve('open'); }));
    await attempt('markup', () => { document.createElement('div').innerHTML = '<b>x</b>'; return 'set'; });
    await attempt('script', () => { const script = document.createElement('script'); script.textContent = 'globalThis.ran = 1'; document.body.append(script); return 'set'; });
    await attempt('eval', () => globalThis.eval('1'));
    const image = document.createElement('img');
    image.src = `http://127.0.0.1:${port}/image`;
    document.body.append(image);
    const style = document.createElement('style');
    style.textContent = `body { background: url(http://127.0.0.1:${port}/style) }`;
    document.head.append(style);
    const form = document.createElement('form');
    form.action = `http://127.0.0.1:${port}/form`;
    document.body.append(form);
    form.submit();
    const needed = ['connect-src', 'img-src', 'style-src-elem', 'form-action'];
    while (!needed.every((each) => breaches.has(each))) await new Promise((resolve) => setTimeout(resolve, 20)); // each was refused
    outcome.ran = String(globalThis.ran);
    return outcome;
  }, elsewhere.address().port);
  assert.equal(tried.fetch, 'TypeError');
  assert.equal(tried.same, 'TypeError');
  assert.equal(tried.socket, 'refused');
  assert.equal(tried.markup, 'TypeError');
  assert.equal(tried.script, 'TypeError');
  assert.notEqual(tried.eval, '1');
  assert.equal(tried.ran, 'undefined');
  assert.deepEqual(asked, []);
  assert.ok(complaints.length > 0);
});

test('inside another page it shows no button', { skip }, async (t) => {
  const { broker } = await scene(t);
  const outer = createServer((_, response) => { response.setHeader('content-type', 'text/html'); response.end(`<iframe src="${broker.url}" width=800 height=600></iframe>`); });
  await new Promise((resolve) => outer.listen(0, '127.0.0.1', resolve));
  t.after(() => outer.close());
  const { page, context } = await openPage(browser, `http://127.0.0.1:${outer.address().port}/`);
  t.after(() => context.close());
  const frame = page.frameLocator('iframe');
  await frame.getByText('does not work inside another page').waitFor();
  assert.equal(await frame.getByRole('button').count(), 0);
});

/** The answer to a GET, whoever signed the certificate. */
function get(url) {
  return new Promise((resolve, reject) => {
    (url.startsWith('https') ? https : http).get(url, { rejectUnauthorized: false, agent: false }, (answer) => { answer.resume(); resolve(answer); }).on('error', reject);
  });
}

/** nginx with the snippet of the package, on a port that was free: another program may take it meanwhile. */
async function nginxBefore(own, broker, secure) {
  const www = join(own.folder, 'selkie-web');
  mkdirSync(www);
  copyFileSync(pageFile, join(www, 'index.html'));
  const site = readFileSync(snippet, 'utf8').replaceAll('/usr/share/selkie-web', www).replaceAll('127.0.0.1:9001', `127.0.0.1:${broker.web}`);
  const tls = secure ? await own.certificate() : undefined;
  for (let tries = 0; tries < 5; tries++) {
    const port = await freePort();
    const config = own.write('nginx.conf', `daemon off; master_process off; pid ${own.folder}/nginx.pid; error_log stderr; user ${userInfo().username};
events {}
http {
  access_log off; types { text/html html; }
  client_body_temp_path ${own.folder}/t1; proxy_temp_path ${own.folder}/t2; fastcgi_temp_path ${own.folder}/t3; uwsgi_temp_path ${own.folder}/t4; scgi_temp_path ${own.folder}/t5;
  server { listen 127.0.0.1:${port}${tls ? ` ssl; ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key}` : ''};
${site}
  }
}
`);
    const nginx = own.start('nginx', programs.nginx, ['-c', config, '-p', own.folder, '-e', 'stderr']);
    const url = `${secure ? 'https' : 'http'}://127.0.0.1:${port}/`;
    await until('nginx answers', async () => !nginx.alive() || (await get(url).catch(() => undefined)));
    if (nginx.alive()) return { url, port };
    if (!/Address already in use/.test(nginx.log.text)) throw new Error(`nginx does not start: ${nginx.log.text}`);
  }
  throw new Error('no free port for nginx');
}

for (const secure of [false, true])
  test(`from nginx${secure ? ' with TLS' : ''}: the page with its headers, and the broker behind /mqtt`, { skip: skip || lacking('nginx', 'openssl') }, async (t) => {
  const { own, broker, plugin } = await scene(t);
  const { url, port } = await nginxBefore(own, broker, secure);
  const answer = await get(url);
  assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8');
  assert.match(answer.headers['content-security-policy'], /frame-ancestors 'none'/);
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers['cache-control'], 'no-cache');
  assert.equal((await get(`${url}nothing`)).statusCode, 404);
  const { requests, complaints } = await works(t, url, plugin, { ignoreHTTPSErrors: secure });
  assert.deepEqual(requests, [url, `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}/mqtt`]);
  assert.deepEqual(complaints, []);
});
