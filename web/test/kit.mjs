// SPDX-License-Identifier: Apache-2.0
// What the page's tests share: a real Mosquitto, with or without the plugin, a real Chromium, and clients that publish what
// the plugin would. Everything runs on the loopback, in a temporary folder, on ports that the system chose, and ends with the
// test.
import { spawn, spawnSync } from 'node:child_process';
import { constants, createHash, publicEncrypt, randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, connect as connectTcp } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import mqtt from 'mqtt';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
export const mqttPacket = createRequire(require.resolve('mqtt'))('mqtt-packet');

export const pageFile = process.env.SELKIE_PAGE ?? new URL('../dist/selkie.html', import.meta.url).pathname;
export const bin = process.env.SELKIE_BIN ?? new URL('../../build/bin', import.meta.url).pathname;
const plugin = join(bin, 'mosquitto_selkie.so');

function found(name, more = []) {
  const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/bin'].map((folder) => join(folder, name));
  return [...more, ...places].find((path) => existsSync(path));
}
export const programs = { mosquitto: found('mosquitto'), chromium: found('chromium'), nginx: found('nginx'), passwd: found('mosquitto_passwd'), socat: found('socat'), openssl: found('openssl') };

/** Why a test cannot run here, or false. */
export function lacking(...names) {
  const missing = names.filter((name) => !programs[name]);
  return missing.length === 0 ? false : `${missing.join(', ')} missing: scripts/setup --ci installs it`;
}

// Only a failure takes so long: what is waited for comes, however busy the machine is.
export const PATIENCE = 90_000;

export async function until(what, condition, limit = PATIENCE) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${limit} ms: ${what}`);
    await pause(20);
  }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const listens = (port) => new Promise((resolve) => {
  const socket = connectTcp(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
  socket.on('error', () => resolve(false));
});

/** Everything a test starts; `end` stops it and removes the folder. */
export class Stage {
  static #key;
  folder = mkdtempSync(join(tmpdir(), 'selkie-web-'));
  #endings = [];

  onEnd(ending) {
    this.#endings.unshift(ending);
  }

  async end() {
    for (const ending of this.#endings) await ending();
    if (!process.env.SELKIE_TEST_KEEP) rmSync(this.folder, { recursive: true, force: true });
  }

  write(name, text, mode = 0o600) {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode });
    return path;
  }

  /** Start a program; it ends with the stage. */
  start(name, program, args, options = {}) {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const log = { text: '' };
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => { log.text = (log.text + data).slice(-200_000); });
    const ended = new Promise((resolve) => { child.on('exit', resolve); child.on('error', resolve); });
    const running = { child, log, ended, alive: () => child.exitCode === null && child.signalCode === null };
    running.stop = async (signal = 'SIGTERM') => {
      if (running.alive()) child.kill(signal);
      await ended;
    };
    this.onEnd(() => running.stop('SIGKILL'));
    return running;
  }

  /**
   * A Mosquitto with a listener for MQTT and one for WebSockets that serves the page. `users` (name: password): whoever is not
   * among them is refused. `lines` go to the top of its configuration. `tls`: the page's listener has a certificate.
   */
  async broker({ lines = '', users, ports, tls } = {}) {
    const www = join(this.folder, 'www');
    mkdirSync(www, { recursive: true });
    copyFileSync(pageFile, join(www, 'index.html'));
    for (let tries = 0; tries < 5; tries++) {
      const [port, web] = ports ?? [await freePort(), await freePort()];
      if (ports) await until('the ports are free again', async () => !(await listens(port)) && !(await listens(web)));
      let access = 'allow_anonymous true\n';
      if (users) {
        const file = this.write('passwd', Object.entries(users).map(([user, password]) => `${user}:${password}\n`).join(''));
        spawnSync(programs.passwd, ['-U', file]);
        access = `allow_anonymous false\npassword_file ${file}\n`;
      }
      const config = this.write('mosquitto.conf', `user ${userInfo().username}
log_dest stderr
log_type all
${access}max_queued_messages 100000
${lines}
listener ${port} 127.0.0.1
listener ${web} 127.0.0.1
socket_domain ipv4
protocol websockets
http_dir ${www}
${tls ? `certfile ${tls.certificate}\nkeyfile ${tls.key}\n` : ''}`);
      const running = this.start('mosquitto', programs.mosquitto, ['-c', config]);
      // Not who answers at the port: another program may have taken it, of which this Mosquitto is about to complain.
      await until('Mosquitto runs', () => !running.alive() || /mosquitto version \S+ running/.test(running.log.text));
      if (running.alive())
        return { ...running, port, web, url: `${tls ? 'https' : 'http'}://127.0.0.1:${web}/`, lines, users, mqtt: `mqtt://127.0.0.1:${port}` };
      if (!/Address already in use|Unable to create websockets/.test(running.log.text)) throw new Error(`Mosquitto does not start: ${running.log.text}`);
    }
    throw new Error('no free port for Mosquitto');
  }

  /** The same with the plugin. The key is the tests' own. */
  async brokerWithPlugin(config = {}, options = {}) {
    const state = join(this.folder, 'state');
    if (!existsSync(state)) {
      mkdirSync(state, { mode: 0o700 });
      await this.run(join(bin, 'selkiectl'), ['registry', 'create', state]);
      await this.takeKey();
    }
    const file = this.write('plugin.json', JSON.stringify({
      state_dir: state, keys: [{ id: 1, file: join(this.folder, '1.key.pem') }], gateways: 'any', replay_wait: 0, ...config,
    }));
    return this.broker({ ...options, lines: `plugin ${plugin}\nplugin_opt_config_file ${file}\n${options.lines ?? ''}` });
  }

  /** A certificate for this machine, which nobody but the test trusts. */
  async certificate() {
    const [key, certificate] = ['tls.key', 'tls.crt'].map((name) => join(this.folder, name));
    await this.run(programs.openssl, ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate,
      '-days', '30', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']);
    return { key, certificate };
  }

  /** A private key with the ID 1, made once for all stages of a test: that takes long. */
  async takeKey() {
    Stage.#key ??= (async () => {
      await this.run(join(bin, 'selkiectl'), ['keygen', '--id', '1', '--out', this.folder]);
      return ['1.key.pem', '1.pub.pem'].map((name) => [name, readFileSync(join(this.folder, name), 'utf8')]);
    })();
    for (const [name, text] of await Stage.#key) this.write(name, text);
  }

  /** Run a program to its end. Not spawnSync: the broker would wait for somebody who reads its log. */
  async run(program, args) {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].on('data', (data) => { out[name] += data; });
    const status = await new Promise((resolve) => { child.on('close', resolve); child.on('error', resolve); });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${out.stderr}`);
    return out.stdout;
  }

  async client(broker, options = {}) {
    const client = await mqtt.connectAsync(broker.mqtt, { protocolVersion: 5, reconnectPeriod: 0, ...options });
    this.onEnd(() => client.endAsync(true));
    return client;
  }

  /** One Chromium for the stage. */
  async browser() {
    const browser = await chromium.launch({
      executablePath: programs.chromium,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    this.onEnd(() => browser.close());
    return browser;
  }
}

/**
 * A page in a context of its own. `requests` has all that it asked for, `complaints` what the console said: a breach of the
 * policy, an error that nobody caught.
 */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const requests = [];
  const complaints = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('websocket', (socket) => requests.push(socket.url()));
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => { complaints.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  await page.goto(url);
  return { page, context, requests, complaints };
}

export async function logIn(page, user = 'anna', password = '') {
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** The page is there, and the broker has answered to all that it subscribes to: what is published from now on reaches it. */
export const entered = (page) => page.locator('.page[aria-busy="false"]').waitFor();

export const address = (number) => `5e1c${number.toString(16).padStart(12, '0')}`;

export function stateOf(number, more = {}) {
  return {
    status: 'active', pending: 0, id: '0011223344556677', counter: 7, received: 7, lost: 0, last_seen: Date.now() - 5000,
    gateway: 'roof-1', key_id: 1, form: 'session', firmware: 'acme-th1 1.2', run: 4711, ...more,
  };
}

/** Publish as the plugin would. */
export class AsPlugin {
  constructor(client) {
    this.client = client;
  }

  publish(topic, value, { retain = false, properties } = {}) {
    const payload = typeof value === 'string' || value instanceof Uint8Array ? Buffer.from(value) : JSON.stringify(value);
    return this.client.publishAsync(`selkie/${topic}`, payload, { qos: 1, retain, properties: properties ? { userProperties: properties } : {} });
  }

  state(number, more) {
    return this.publish(`device/${address(number)}/state`, stateOf(number, more), { retain: true });
  }

  values(number, values, rx = Date.now()) {
    return this.publish(`device/${address(number)}/values`, values, { retain: true, properties: { counter: '7', gateway: 'roof-1', rx: String(rx), clock: 'age', form: 'session' } });
  }

  late(number, values, rx) {
    return this.publish(`device/${address(number)}/values/late`, values, { properties: { counter: '6', gateway: 'roof-1', rx: String(rx), clock: 'age', form: 'session' } });
  }

  model() {
    return this.publish('models/acme-th1', {
      model: 'acme-th1', manufacturer: 'Acme', firmware: ['acme-th1 *'], format: 'packed',
      fields: [{ name: 'temperature', unit: '°C', device_class: 'temperature', state_class: 'measurement' }, { name: 'humidity', unit: '%' }],
    }, { retain: true });
  }

  stats(more = {}) {
    return this.publish('stats', { time: Date.now(), started: 1, storage: { working: true, damaged: false }, devices: { pending: 0 }, ...more }, { retain: true });
  }
}

/** One life of the device 5e1c1e0000000001, from one power cut to the next: its frames reach the plugin through a bare gateway. */
export class Life {
  static #sent = 0;
  #secret = randomBytes(32);

  constructor(stage, gateway) {
    this.gateway = gateway;
    this.key = readFileSync(join(stage.folder, '1.pub.pem'), 'utf8');
  }

  /** As the registry and the page name the ID. */
  get id() {
    return createHash('sha256').update(this.#secret).digest('hex').slice(0, 16);
  }

  /** A SEALED frame with a DATA message (PROTOCOL.md, sections 3 and 4). */
  say(counter, payload) {
    const device = Buffer.from('5e1c1e0000000001', 'hex');
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    const message = Buffer.concat([Buffer.of(2), device, this.#secret, number, Buffer.from(payload)]);
    const sealed = publicEncrypt({ key: this.key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, message);
    const userProperties = { seq: String(++Life.#sent), instance: '1', rx: String(Date.now()), age: '0', port: 'test' };
    return this.gateway.publishAsync('selkie/gateway/gate/up', Buffer.concat([Buffer.of(0x10, 1), device, sealed]), { qos: 1, properties: { userProperties } });
  }
}

const axe = () => readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const STANDARDS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const OF_LOOKS = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'link-in-text-block'];

/**
 * What axe-core finds wrong for screen readers and eyes; with `looks` only what colours and widths can change. The page must
 * have been opened with bypassCSP: for axe's script alone.
 */
export async function faults(page, { looks = false } = {}) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe());
  const result = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly }), looks ? { type: 'rule', values: OF_LOOKS } : { type: 'tag', values: STANDARDS });
  return result.violations.map((each) => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.failureSummary ?? ''}`).join(' | ')}`);
}
