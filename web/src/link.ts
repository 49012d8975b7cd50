// SPDX-License-Identifier: Apache-2.0
// The connection: MQTT 5 over a WebSocket. Comes back by itself; what it subscribes to, it asks for again each time.
import { MqttClient, type IClientOptions, type IPublishPacket } from 'mqtt';
import { browserStreamBuilder } from 'mqtt-websocket';

const LARGEST = 5 * 1024 * 1024; // an answer on $CONTROL has at most 4 MiB and the last command's
const RETRY_MS = 2000;
const CONNECT_MS = 10_000;
// Browsers run timers of pages in the background once a minute. A ping that is a minute late must not be too late.
const KEEPALIVE_S = 180;

export interface Login {
  url: URL;
  user: string;
  password: string;
  root: string;
}

export type Phase = 'connecting' | 'connected' | 'lost' | 'refused';

export interface Message {
  topic: string;
  payload: Uint8Array;
  retained: boolean;
  property(name: string): string | undefined;
}

export interface Listener {
  phase(phase: Phase, reason: string): void;
  message(message: Message): void;
}

function optionsOf(login: Login): IClientOptions {
  const secure = login.url.protocol === 'wss:';
  const number = crypto.getRandomValues(new Uint32Array(2));
  return {
    protocol: secure ? 'wss' : 'ws',
    hostname: login.url.hostname,
    port: Number(login.url.port) || (secure ? 443 : 80),
    path: login.url.pathname + login.url.search,
    protocolId: 'MQTT',
    protocolVersion: 5,
    clientId: `selkie-web-${[...number].map((part) => part.toString(36)).join('')}`,
    clean: true,
    username: login.user,
    password: login.password,
    keepalive: KEEPALIVE_S,
    reconnectPeriod: RETRY_MS,
    connectTimeout: CONNECT_MS,
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: 'native',
    properties: { maximumPacketSize: LARGEST, sessionExpiryInterval: 0 },
  };
}

// Reasons of CONNACK after which a new try with the same words would fail as well.
const REFUSALS: Record<number, string> = {
  133: 'The broker does not take this client ID.',
  134: 'The broker refused this user and password.',
  135: 'The broker refused this user and password.',
  138: 'The broker has banned this user.',
  140: 'The broker wants another way to log in.',
};

function property(packet: IPublishPacket, name: string): string | undefined {
  const given = packet.properties?.userProperties?.[name];
  return typeof given === 'string' ? given : Array.isArray(given) ? given[0] : undefined;
}

export class Link {
  private readonly client: MqttClient;
  private refused = false;
  private was = false; // connected once

  constructor(login: Login, private readonly listener: Listener) {
    const options = optionsOf(login);
    this.client = new MqttClient((client) => browserStreamBuilder(client, { ...options }), options);
    this.client.on('connect', () => {
      this.was = true;
      listener.phase('connected', '');
    });
    this.client.on('close', () => {
      if (!this.refused) listener.phase(this.was ? 'lost' : 'connecting', this.was ? '' : `No answer from ${login.url.href}. Trying again.`);
    });
    this.client.on('error', (error: Error & { code?: unknown }) => this.failed(error.code));
    this.client.on('message', (topic, payload, packet) => {
      listener.message({ topic, payload, retained: packet.retain, property: (name) => property(packet, name) });
    });
  }

  get connected(): boolean {
    return this.client.connected;
  }

  private failed(code: unknown): void {
    const why = typeof code === 'number' ? REFUSALS[code] : undefined;
    if (why === undefined) return; // "close" follows
    this.refused = true;
    this.client.end(true);
    this.listener.phase('refused', why);
  }

  /** Whether the broker lets this user read it. False as well where the connection was lost meanwhile. */
  subscribe(filter: string, qos: 0 | 1): Promise<boolean> {
    return new Promise((resolve) => {
      this.client.subscribe(filter, { qos }, (error, granted) => {
        resolve(!error && (granted ?? []).every((each) => each.qos < 128));
      });
    });
  }

  unsubscribe(filter: string): void {
    if (this.client.connected) this.client.unsubscribe(filter);
  }

  /** Publish JSON. Rejects where the broker refused it or the connection was lost. */
  publish(topic: string, payload: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.client.connected) {
        reject(new Error('There is no connection to the broker.'));
        return;
      }
      const properties = { payloadFormatIndicator: true, contentType: 'application/json' };
      this.client.publish(topic, payload, { qos: 1, properties }, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Give this connection up for a new one: nothing comes, and nobody said that it ended. */
  renew(): void {
    this.client.stream.destroy();
  }

  end(): void {
    this.refused = true;
    this.client.end(true);
  }
}
