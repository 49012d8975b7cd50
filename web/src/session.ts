// SPDX-License-Identifier: Apache-2.0
// One log-in: the connection, what it subscribes to, whether the user is an administrator, and where each message goes.
import { Actions } from './actions';
import { Control, RESPONSE } from './control';
import { Link, type Login, type Message, type Phase } from './link';
import { Store, type Part } from './store';

const SWEEP_MS = 10_000; // without a state after a new connection, until those that are gone go

export type Rights = 'unknown' | 'reader' | 'admin' | 'unanswered';

export interface SessionListener {
  phase(phase: Phase, reason: string): void;
  changed(part: Part, address?: string): void;
  rights(rights: Rights): void;
  waiting(): void; // what waits for a decision may have changed
  payload(message: Message): void;
}

// Not …/up of all devices: after a start, the plugin holds payloads back until somebody reads them all, and this page stores none.
const FEEDS: [string, string][] = [
  ['models/+', 'models'], ['stats', "the plugin's statistics"], ['gateway/+/state', 'gateways'], ['gateway/+/stats', "gateways' stats"],
  ['device/+/state', 'devices'], ['device/+/values', 'values'],
  ['device/+/values/late', 'late values'], ['device/+/event', 'events'], ['rejected/+', 'rejections'],
];

export class Session {
  readonly store: Store;
  readonly unread: string[] = []; // what the broker does not let this user read
  begun = false; // it has answered to each subscription of this connection
  actions: Actions | undefined;
  lastMessageAt = Date.now();
  received = 0;
  private readonly link: Link;
  private readonly control: Control;
  private readonly topic: string;
  private opened: string | undefined;
  private sweeper: ReturnType<typeof setTimeout> | undefined;
  private renewed = false;

  constructor(readonly login: Login, private readonly listener: SessionListener) {
    this.topic = `${login.root}/`;
    this.store = new Store((part, address) => listener.changed(part, address));
    this.control = new Control((topic, payload) => this.link.publish(topic, payload));
    this.link = new Link(login, { phase: (phase, reason) => this.phase(phase, reason), message: (message) => this.take(message) });
  }

  private phase(phase: Phase, reason: string): void {
    this.begun = false;
    if (phase !== 'connected') {
      clearTimeout(this.sweeper);
      this.control.lost();
    }
    this.listener.phase(phase, reason);
    if (phase === 'connected') void this.begin();
  }

  private async begin(): Promise<void> {
    this.store.turn++;
    this.store.stats = undefined;
    this.lastMessageAt = Date.now();
    this.renewed = false;
    const asked = FEEDS.map(([filter, what]) => this.link.subscribe(this.topic + filter, 0).then((may) => (may ? '' : what)));
    if (this.opened !== undefined) void this.link.subscribe(this.payloadTopic(this.opened), 0);
    const rights = this.findRights();
    this.unread.splice(0, this.unread.length, ...(await Promise.all(asked)).filter((what) => what !== ''));
    this.begun = this.link.connected;
    this.listener.changed('stats');
    if (this.store.turn > 1) this.sweepLater();
    await rights;
  }

  /** A reader may not subscribe to the answers. An administrator gets one. */
  private async findRights(): Promise<void> {
    if (!(await this.link.subscribe(RESPONSE, 1))) {
      if (this.link.connected) this.setRights('reader');
      return;
    }
    try {
      await this.control.ask({ command: 'listKeys' });
      this.setRights('admin');
    } catch {
      if (this.link.connected) this.setRights('unanswered');
    }
  }

  private setRights(rights: Rights): void {
    this.actions = rights === 'admin' ? this.actions ?? new Actions(this.control, this.store, () => this.listener.waiting()) : undefined;
    this.listener.rights(rights);
    if (rights === 'admin') this.listener.waiting();
  }

  private sweepLater(): void {
    clearTimeout(this.sweeper);
    this.sweeper = setTimeout(() => this.store.sweep(), SWEEP_MS);
  }

  private take(message: Message): void {
    this.received++;
    this.lastMessageAt = Date.now();
    if (message.topic === RESPONSE) {
      this.control.take(message.payload);
      return;
    }
    if (!message.topic.startsWith(this.topic)) return;
    const [family, name, leaf, more, rest] = message.topic.slice(this.topic.length).split('/');
    if (family === 'device' && name !== undefined && leaf === 'values' && more === 'late' && rest === undefined) this.takeValues(name, message, true);
    if (more !== undefined) return;
    if (family === 'device' && name !== undefined) this.takeDevice(name, leaf, message);
    else if (family === 'gateway' && name !== undefined && leaf === 'state') this.store.takeGatewayState(name, message.payload);
    else if (family === 'gateway' && name !== undefined && leaf === 'stats') this.store.takeGatewayStats(name, message.payload, message.retained);
    else if (family === 'rejected' && name !== undefined) this.store.takeRejected(name, message.payload);
    else if (family === 'models' && name !== undefined) this.store.takeModel(name, message.payload);
    else if (family === 'stats') this.takeStats(message);
  }

  private takeDevice(address: string, leaf: string | undefined, message: Message): void {
    if (leaf === 'state') {
      const before = this.store.devices.get(address)?.pending ?? 0;
      this.store.takeState(address, message.payload);
      if (message.retained && this.sweeper !== undefined) this.sweepLater();
      if ((this.store.devices.get(address)?.pending ?? 0) !== before) this.listener.waiting();
    } else if (leaf === 'values') {
      this.takeValues(address, message, false);
    } else if (leaf === 'event') {
      this.store.takeEvent(address, message.payload);
      this.listener.waiting();
    } else if (leaf === 'up' && address === this.opened) {
      this.listener.payload(message);
    }
  }

  private takeValues(address: string, message: Message, late: boolean): void {
    this.store.takeValues(address, message.payload, message.property('rx'), message.retained, late);
  }

  private takeStats(message: Message): void {
    const before = this.store.stats?.pending;
    this.store.takeStats(message.payload, message.retained);
    if (this.store.stats && this.store.stats.pending !== before) this.listener.waiting();
  }

  /** Read the payloads of this device alone, or of none. */
  open(address: string | undefined): void {
    if (address === this.opened) return;
    if (this.opened !== undefined) this.link.unsubscribe(this.payloadTopic(this.opened));
    this.opened = address;
    if (address !== undefined && this.link.connected) void this.link.subscribe(this.payloadTopic(address), 0);
  }

  private payloadTopic(address: string): string {
    return `${this.topic}device/${address}/up`;
  }

  /** Nothing has come for long although something should: perhaps the network is gone without a word. Try once. */
  renew(): void {
    if (this.renewed) return;
    this.renewed = true;
    this.link.renew();
  }

  end(): void {
    this.link.end();
  }
}
