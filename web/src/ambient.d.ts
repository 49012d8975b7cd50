// SPDX-License-Identifier: Apache-2.0
// Modules that build.mjs makes, or that have no types of their own.
declare module 'mqtt-websocket' {
  import type { IClientOptions, MqttClient, StreamBuilder } from 'mqtt';
  export function browserStreamBuilder(client: MqttClient, options: IClientOptions): ReturnType<StreamBuilder>;
}
declare module 'buffer' {
  export const Buffer: unknown;
}
