// SPDX-License-Identifier: Apache-2.0
// What MQTT.js and readable-stream use of Node's `process` and `Buffer`.
import { Buffer } from 'buffer';

const process = {
  browser: true,
  version: '',
  versions: {},
  env: {},
  argv: [],
  nextTick(task: (...args: unknown[]) => void, ...args: unknown[]): void {
    queueMicrotask(() => task(...args));
  },
};

export { Buffer, process };
export const { browser, version, versions, env, argv, nextTick } = process;
export default process;
