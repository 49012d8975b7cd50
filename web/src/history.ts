// SPDX-License-Identifier: Apache-2.0
// What the page has received of one device's numbers, for its line. Bounded in time and in points: of the older half, every
// second point goes when there are too many.
import type { Value } from './parse';

const WINDOW_MS = 6 * 3600_000;
const POINTS_EACH = 600;
const POINTS_ALL = 1_500_000; // numbers of all devices together: 12 MB

let held = 0;

/** Numbers that all histories hold. */
export function historyHeld(): number {
  return held;
}

export class History {
  version = 0; // changes with every change
  readonly times: number[] = [];
  private readonly rows = new Map<string, (number | null)[]>();

  get fields(): string[] {
    return [...this.rows.keys()];
  }

  line(field: string): (number | null)[] {
    return this.rows.get(field) ?? [];
  }

  add(timeMs: number, values: Map<string, Value>): void {
    this.version++;
    const last = this.times[this.times.length - 1];
    if (last !== undefined && Math.abs(timeMs - last) > WINDOW_MS && timeMs > last) this.clear();
    let at = this.times.length;
    while (at > 0 && (this.times[at - 1] as number) > timeMs) at--;
    if (at === 0 && last !== undefined && last - timeMs > WINDOW_MS) return;
    const known = this.times[at - 1] === timeMs; // the same reading again, after a new connection
    for (const [name, value] of values) if (typeof value === 'number' && !this.rows.has(name)) this.open(name);
    if (!known) this.times.splice(at, 0, timeMs);
    for (const [name, row] of this.rows) {
      const value = values.get(name);
      row.splice(known ? at - 1 : at, known ? 1 : 0, typeof value === 'number' ? value : null);
    }
    if (!known) held += this.rows.size;
    this.limit();
  }

  clear(): void {
    this.version++;
    held -= this.times.length * this.rows.size;
    this.times.length = 0;
    this.rows.clear();
  }

  private open(name: string): void {
    this.rows.set(name, this.times.map(() => null));
    held += this.times.length;
  }

  private limit(): void {
    const newest = this.times[this.times.length - 1] ?? 0;
    let old = 0;
    while ((this.times[old] as number) < newest - WINDOW_MS) old++;
    if (old > 0) this.keep((_, index) => index >= old);
    const most = held > POINTS_ALL ? 30 : POINTS_EACH;
    const half = this.times.length / 2;
    if (this.times.length > most) this.keep((_, index) => index >= half || index % 2 === 0);
  }

  private keep(wanted: (value: unknown, index: number) => boolean): void {
    const before = this.times.length;
    const times = this.times.filter(wanted);
    this.times.splice(0, before, ...times);
    for (const [name, row] of this.rows) this.rows.set(name, row.filter(wanted));
    held -= (before - times.length) * this.rows.size;
  }
}
