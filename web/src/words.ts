// SPDX-License-Identifier: Apache-2.0
// How devices and values are shown in words: states, events, numbers with their units.
import type { Value } from './parse';
import type { Device, Store } from './store';
import { plural, visible } from './text';

export const EVENTS: Record<string, string> = {
  registered: 'registered: its first frame was accepted',
  reset: 'sent under a new ID: a power cut, or an impostor',
  approved: 'approved by an administrator',
  denied: 'denied by an administrator',
  readmitted: 'readmitted by an administrator',
  revoked: 'revoked: its frames are rejected',
  clone: 'clone: two parties hold its ID',
  takeover: 'takeover: its former ID still sends, and the newcomer was retired',
  claim: 'many frames with a wrong claim',
  lost: 'frames were lost',
  silent: 'silent: nothing has come for too long',
  forgotten: 'forgotten',
  undecoded: 'a payload does not fit its model',
};

export function eventWords(what: string): string {
  return Object.hasOwn(EVENTS, what) ? (EVENTS[what] as string) : visible(what, 32);
}

export interface State {
  word: string;
  kind: 'good' | 'warn' | 'bad' | 'none';
}

export function stateOf(device: Device): State {
  if (device.status === 'revoked') return { word: 'revoked', kind: 'bad' };
  if (device.alarm !== '') return { word: visible(device.alarm, 16), kind: 'bad' };
  if (device.pending > 0) return { word: `${plural(device.pending, 'ID')} ${device.pending === 1 ? 'waits' : 'wait'}`, kind: 'warn' };
  if (device.silent) return { word: 'silent', kind: 'warn' };
  if (device.status === 'active') return { word: 'active', kind: 'good' };
  return { word: device.status === 'listed' ? 'not heard yet' : visible(device.status, 16) || 'unknown', kind: 'none' };
}

const numbers = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 7 });
const large = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }); // with all digits before the point: counters

export function numberText(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e15 || size < 1e-4)) return value.toExponential(3);
  return (size < 1e6 ? numbers : large).format(value);
}

export function valueText(value: Value): string {
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return visible(value, 64);
}

export function fieldLabel(name: string): string {
  return visible(name, 64).replaceAll('_', ' ');
}

export function unitOf(store: Store, device: Device, field: string): string {
  return visible(store.models.get(device.model)?.fields.get(field)?.unit ?? '', 16);
}

export function withUnit(store: Store, device: Device, field: string, value: Value): string {
  const unit = unitOf(store, device, field);
  return unit === '' ? valueText(value) : `${valueText(value)} ${unit}`;
}

/** The field whose line is drawn first: the first number. */
export function firstNumber(device: Device): string | undefined {
  for (const [name, value] of device.values) if (typeof value === 'number') return name;
  return device.history.fields[0];
}
