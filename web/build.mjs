// SPDX-License-Identifier: Apache-2.0
// Build the page: one HTML file with script, style and a Content-Security-Policy that names both by their hashes.
//
//   node build.mjs [FILE]     FILE: dist/selkie.html
//
// The policy permits connections by WebSocket and nothing else: no request by HTTP, no other script, no markup from strings.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2] ?? join(here, 'dist', 'selkie.html');
const LIMIT = 400 * 1024;

// MQTT.js's bundle for browsers has every transport. The page needs its client and its WebSocket: so only these are taken.
const mqttLib = join(here, 'node_modules/mqtt/build/lib');
const parts = {
  mqtt: `export { default as MqttClient } from ${JSON.stringify(join(mqttLib, 'client.js'))};`,
  'mqtt-websocket': `export { browserStreamBuilder } from ${JSON.stringify(join(mqttLib, 'connect/ws.js'))};`,
  ws: 'module.exports = undefined;',
  // Worker timers need a script from a blob, which the policy forbids.
  'worker-timers': 'module.exports = {};',
  debug: 'module.exports = () => Object.assign(() => {}, { enabled: false });',
};
const take = {
  name: 'take',
  setup(setup) {
    setup.onResolve({ filter: /^(mqtt|mqtt-websocket|ws|worker-timers|debug)$/ }, (ask) => ({ path: ask.path, namespace: 'take' }));
    setup.onResolve({ filter: /^process\/?$/ }, () => ({ path: join(here, 'src/process.ts') }));
    setup.onLoad({ filter: /.*/, namespace: 'take' }, (ask) => ({ contents: parts[ask.path], resolveDir: here, loader: 'js' }));
  },
};

async function bundle(entry) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    charset: 'ascii', // Mosquitto's http_dir names no character set
    legalComments: 'none',
    define: { global: 'globalThis', 'process.env.NODE_ENV': '"production"' },
    inject: entry.endsWith('.ts') ? [join(here, 'src/process.ts')] : [],
    plugins: [take],
  });
  return result.outputFiles[0].text.trim();
}

const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const script = await bundle('src/main.ts');
const style = await bundle('src/style.css');
if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style)) throw new Error('the bundle has text that would end its element');

const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  'connect-src ws: wss:',
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');
const parcel = { POLICY: policy, STYLE: style, SCRIPT: script };
const html = readFileSync(join(here, 'src/index.html'), 'utf8').replace(/@([A-Z]+)@/g, (_, name) => parcel[name]);
const bytes = Buffer.byteLength(html);
if (bytes > LIMIT) throw new Error(`the page has ${bytes} bytes, and ${LIMIT} are the most`);

mkdirSync(dirname(output), { recursive: true });
writeFileSync(`${output}.part`, html);
renameSync(`${output}.part`, output);
console.log(`${output}: ${bytes} bytes`);
