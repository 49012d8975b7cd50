// SPDX-License-Identifier: Apache-2.0
// Messages into values. Whatever is not as PROTOCOL.md (section 8) says is left out, and never a reason to stop.
import { isTime } from './time';

const LONGEST = 64 * 1024; // bytes of a message that the page reads; of answers, see control.ts
const FIELDS = 64;
const decoder = new TextDecoder('utf-8');

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object that the payload is, or undefined. */
export function object(payload: Uint8Array, longest = LONGEST): Json | undefined {
  if (payload.length === 0 || payload.length > longest) return undefined;
  try {
    const value: unknown = JSON.parse(decoder.decode(payload));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function text(value: unknown, longest = 256): string {
  return typeof value === 'string' ? value.slice(0, longest) : '';
}

export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function count(value: unknown): number {
  const given = number(value);
  return given !== undefined && given > 0 ? given : 0;
}

export function time(value: unknown): number | undefined {
  return isTime(value) && value > 0 ? value : undefined;
}

export type Value = number | string | boolean;

/** A device's values in the order of its model, at most 64 and none that is no value. */
export function values(given: Json): Map<string, Value> {
  const taken = new Map<string, Value>();
  for (const [name, value] of Object.entries(given)) {
    if (taken.size === FIELDS) break;
    if (typeof value === 'string') taken.set(name.slice(0, 64), value.slice(0, 256));
    else if (typeof value === 'boolean' || number(value) !== undefined) taken.set(name.slice(0, 64), value as Value);
  }
  return taken;
}

export interface Field {
  name: string;
  unit: string;
  deviceClass: string;
}

export interface Model {
  name: string;
  manufacturer: string;
  fields: Map<string, Field>;
}

export function model(name: string, given: Json): Model {
  const fields = new Map<string, Field>();
  const list: unknown[] = Array.isArray(given['fields']) ? given['fields'].slice(0, FIELDS) : [];
  for (const each of list) {
    if (!isObject(each)) continue;
    const field = { name: text(each['name'], 64), unit: text(each['unit'], 16), deviceClass: text(each['device_class'], 64) };
    if (field.name !== '') fields.set(field.name, field);
  }
  return { name, manufacturer: text(given['manufacturer'], 64), fields };
}
