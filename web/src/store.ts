// SPDX-License-Identifier: Apache-2.0
// All that the page knows, made of messages. Every list is bounded; what exceeds a bound is counted. Nothing here touches the
// document: views read it when they draw.
import { History } from './history';
import * as parse from './parse';
import { named } from './text';
import { noteClock, now } from './time';

const DEVICES = 50_000;
const GATEWAYS = 1_000;
const MODELS = 1_000;
const NEWS = 500;
const REASONS = 64;

const ALARMS = new Set(['reset', 'clone', 'takeover', 'claim', 'silent']);
const STANDING = new Set(['clone', 'takeover']); // those that stand in the state until an administrator has decided

export interface Device {
  readonly address: string;
  name: string;
  status: string;
  pending: number;
  silent: boolean;
  model: string;
  firmware: string;
  gateway: string;
  id: string;
  form: string;
  keyId: number | undefined;
  counter: number | undefined;
  received: number;
  lost: number;
  lastSeen: number | undefined;
  rssi: number | undefined;
  rssiMean: number | undefined;
  values: Map<string, parse.Value>;
  valuesAt: number | undefined;
  alarm: string; // clone or takeover while that alarm stands, else empty
  known: boolean; // by its state, not by values or events alone
  turn: number; // of the connection that told its state
  sought: string; // what the search looks at
  readonly history: History;
}

export interface Line {
  port: string;
  open: boolean;
  frameAge: number | undefined; // seconds, when the stats came
  deaf: number | undefined;
  fault: string;
  broken: number;
}

export interface Gateway {
  readonly name: string;
  state: string; // online, offline, or empty: not told
  storage: string;
  heldAt: number; // arrival of its stats, by the broker's clock
  stats: boolean;
  fresh: boolean; // its stats came by this connection, not from what the broker had kept
  interval: number;
  queue: number;
  oldest: number;
  broken: number;
  received: number;
  version: string;
  lines: Line[];
}

export interface News {
  readonly number: number;
  readonly at: number;
  readonly address: string;
  readonly what: string; // the event or the reason
  readonly details: string;
  readonly alarm: boolean;
  readonly standing?: boolean; // no event: what stands in the device's state
}

export interface Stats {
  at: number; // arrival
  pending: number;
  working: boolean;
  damaged: boolean;
  refusedModels: number;
}

export type Part = 'devices' | 'order' | 'gateways' | 'events' | 'rejected' | 'models' | 'stats';

const detailsOf = (given: parse.Json, without: string[]): string =>
  Object.entries(given)
    .filter(([name, value]) => !without.includes(name) && (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'))
    .slice(0, 8)
    .map(([name, value]) => `${name.slice(0, 32)}: ${String(value).slice(0, 100)}`)
    .join(', ');

export class Store {
  readonly devices = new Map<string, Device>();
  readonly gateways = new Map<string, Gateway>();
  readonly models = new Map<string, parse.Model>();
  readonly events: News[] = []; // oldest first
  readonly rejected: News[] = [];
  readonly reasons = new Map<string, number>();
  stats: Stats | undefined;
  devicesLeftOut = 0;
  notUnderstood = 0;
  rejections = 0;
  readonly alarmed = new Set<string>(); // addresses of devices whose alarm stands
  alarms = 0; // heard since the page was opened, without those that the state tells
  turn = 0;
  private numbered = 0;

  constructor(private readonly changed: (part: Part, address?: string) => void) {}

  device(address: string): Device | undefined {
    const found = this.devices.get(address);
    if (found) return found;
    if (!/^[0-9a-f]{16}$/.test(address)) return undefined;
    if (this.devices.size >= DEVICES) {
      this.devicesLeftOut++;
      return undefined;
    }
    const made: Device = {
      address, name: '', status: '', pending: 0, silent: false, model: '', firmware: '', gateway: '', id: '', form: '',
      keyId: undefined, counter: undefined, received: 0, lost: 0, lastSeen: undefined, rssi: undefined, rssiMean: undefined,
      values: new Map(), valuesAt: undefined, alarm: '', known: false, turn: this.turn, sought: address, history: new History(),
    };
    this.devices.set(address, made);
    this.changed('order');
    return made;
  }

  /** The name that an operator gave, else the address. */
  title(address: string): string {
    const name = this.devices.get(address)?.name ?? '';
    return name === '' ? address : named(name, 64);
  }

  takeState(address: string, payload: Uint8Array): void {
    if (payload.length === 0) {
      this.drop(address);
      return;
    }
    const given = this.read(payload);
    const device = given && this.device(address);
    if (!given || !device) return;
    device.name = parse.text(given['name']);
    device.status = parse.text(given['status'], 16);
    device.pending = parse.count(given['pending']);
    device.silent = given['silent'] === true;
    device.model = parse.text(given['model'], 64);
    device.firmware = parse.text(given['firmware']);
    device.gateway = parse.text(given['gateway'], 64);
    device.id = parse.text(given['id'], 16);
    device.form = parse.text(given['form'], 16);
    device.keyId = parse.number(given['key_id']);
    device.counter = parse.number(given['counter']);
    device.received = parse.count(given['received']);
    device.lost = parse.count(given['lost']);
    device.lastSeen = parse.time(given['last_seen']);
    device.rssi = parse.number(given['rssi']);
    device.rssiMean = parse.number(given['rssi_mean']);
    this.setAlarm(device, parse.text(given['alarm'], 16));
    device.known = true;
    device.turn = this.turn;
    const sought = `${device.address} ${device.name} ${device.model} ${device.gateway} ${device.firmware}`.toLowerCase();
    if (sought !== device.sought) device.sought = sought;
    this.changed('devices', address);
    this.changed('order');
  }

  private setAlarm(device: Device, alarm: string): void {
    if (alarm === device.alarm) return;
    device.alarm = alarm;
    if (alarm === '') this.alarmed.delete(device.address);
    else this.alarmed.add(device.address);
    this.changed('events', device.address);
    this.changed('devices', device.address);
    this.changed('order');
  }

  takeValues(address: string, payload: Uint8Array, rx: string | undefined, retained: boolean, late: boolean): void {
    const device = this.devices.get(address);
    if (payload.length === 0) {
      if (!device || late) return;
      device.values = new Map();
      device.valuesAt = undefined;
      device.history.clear();
      this.changed('devices', address);
      return;
    }
    const given = this.read(payload);
    const taker = given && (device ?? this.device(address));
    if (!given || !taker) return;
    const at = parse.time(Number(rx)) ?? (retained ? taker.lastSeen : undefined) ?? now();
    taker.turn = this.turn;
    const values = parse.values(given);
    taker.history.add(at, values);
    if (!late) {
      taker.values = values;
      taker.valuesAt = at;
    }
    this.changed('devices', address);
  }

  takeEvent(address: string, payload: Uint8Array): void {
    const given = this.read(payload);
    if (!given) return;
    const what = parse.text(given['event'], 32);
    const alarm = ALARMS.has(what);
    const device = this.devices.get(address);
    if (device && STANDING.has(what)) this.setAlarm(device, what); // its state says the same, and says when it is over
    else if (alarm) this.alarms++;
    else if (device?.known === false && what === 'approved') this.setAlarm(device, ''); // who may not read its state
    this.note(this.events, { at: parse.time(given['time']) ?? now(), address, what, alarm, details: detailsOf(given, ['event', 'time']) });
    this.changed('events', address);
  }

  takeRejected(reason: string, payload: Uint8Array): void {
    const given = this.read(payload);
    if (!given) return;
    const what = reason.slice(0, 32);
    this.rejections++;
    if (this.reasons.has(what) || this.reasons.size < REASONS) this.reasons.set(what, (this.reasons.get(what) ?? 0) + 1);
    const address = parse.text(given['address'], 16);
    this.note(this.rejected, { at: now(), address, what, alarm: false, details: detailsOf(given, ['reason', 'address', 'rx']) });
    this.changed('rejected');
  }

  private gateway(name: string): Gateway | undefined {
    const found = this.gateways.get(name);
    if (found || name.length > 64 || this.gateways.size >= GATEWAYS) return found;
    const made: Gateway = {
      name, state: '', storage: '', heldAt: 0, stats: false, fresh: false, interval: 30, queue: 0, oldest: 0, broken: 0,
      received: 0, version: '', lines: [],
    };
    this.gateways.set(name, made);
    return made;
  }

  takeGatewayState(name: string, payload: Uint8Array): void {
    if (payload.length === 0) {
      this.gateways.delete(name);
      this.changed('gateways');
      return;
    }
    const given = this.read(payload);
    const gateway = given && this.gateway(name);
    if (!given || !gateway) return;
    gateway.state = parse.text(given['state'], 32);
    gateway.storage = parse.text(given['storage'], 64);
    this.changed('gateways');
  }

  takeGatewayStats(name: string, payload: Uint8Array, retained: boolean): void {
    if (payload.length === 0) {
      this.gateways.delete(name);
      this.changed('gateways');
      return;
    }
    const given = this.read(payload);
    const gateway = given && this.gateway(name);
    if (!given || !gateway) return;
    const lines = parse.isObject(given['lines']) ? Object.values(given['lines']) : Array.isArray(given['lines']) ? given['lines'] : [];
    const storage = parse.isObject(given['storage']) ? given['storage'] : {};
    gateway.stats = true;
    gateway.fresh = !retained;
    // What the broker had kept is of an unknown age by its clock; the gateway's own clock is all there is.
    gateway.heldAt = retained ? parse.time(given['time']) ?? now() : now();
    gateway.interval = parse.count(given['interval']);
    gateway.queue = parse.count(given['queue']);
    gateway.oldest = parse.count(given['oldest']);
    gateway.broken = parse.count(given['broken']);
    gateway.received = parse.count(given['received']);
    gateway.version = parse.text(given['version'], 32);
    if (storage['working'] === false) gateway.storage = parse.text(storage['fault']) || 'failing';
    gateway.lines = lines.slice(0, 16).filter(parse.isObject).map((line) => ({
      port: parse.text(line['port'], 128), open: line['open'] !== false, frameAge: parse.number(line['frame_age_s']),
      deaf: parse.number(line['deaf_s']), fault: parse.text(line['fault']), broken: parse.count(line['sets_broken']),
    }));
    this.changed('gateways');
  }

  takeModel(name: string, payload: Uint8Array): void {
    if (payload.length === 0) {
      this.models.delete(name);
    } else {
      const given = this.read(payload);
      if (!given || (!this.models.has(name) && this.models.size >= MODELS)) return;
      this.models.set(name, parse.model(name.slice(0, 64), given));
    }
    this.changed('models');
    this.changed('devices');
  }

  takeStats(payload: Uint8Array, retained: boolean): void {
    const given = this.read(payload);
    if (!given || retained) return; // kept by the broker: of a plugin that may not run
    const time = parse.time(given['time']);
    if (time !== undefined) noteClock(time);
    const storage = parse.isObject(given['storage']) ? given['storage'] : {};
    const devices = parse.isObject(given['devices']) ? given['devices'] : {};
    this.stats = {
      at: Date.now(), pending: parse.count(devices['pending']), working: storage['working'] !== false,
      damaged: storage['damaged'] === true, refusedModels: parse.count(given['models_refused']),
    };
    this.changed('stats');
  }

  /** A device without a state since the connection came back is gone. */
  sweep(): void {
    for (const device of this.devices.values()) if (device.turn !== this.turn) this.drop(device.address);
  }

  private drop(address: string): void {
    this.devices.get(address)?.history.clear();
    if (this.alarmed.delete(address)) this.changed('events');
    if (this.devices.delete(address)) this.changed('order');
  }

  private note(list: News[], news: Omit<News, 'number'>): void {
    list.push({ number: ++this.numbered, ...news });
    if (list.length > NEWS + 100) list.splice(0, list.length - NEWS);
  }

  private read(payload: Uint8Array): parse.Json | undefined {
    const given = parse.object(payload);
    if (given === undefined) {
      this.notUnderstood++;
      this.changed('stats');
    }
    return given;
  }
}
