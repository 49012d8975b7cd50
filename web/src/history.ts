// SPDX-License-Identifier: Apache-2.0
// What the page has received of one device's numbers, for its line. Bounded in time and in points of one device, and in numbers
// of all devices together. When there are too many points, every second one of the older half goes; when there are too many
// numbers, every second point of the devices that were heard longest ago.
import type { Value } from './parse';

const WINDOW_MS = 6 * 3600_000;
const POINTS_EACH = 600;
const FEW = 4; // points that are not worth thinning out

/** All histories, those that were heard longest ago first. Times count as numbers. */
export class HistoryPool {
  held = 0;
  private readonly members = new Set<History>();

  constructor(private readonly most = 1_500_000) {} // 12 MB

  heard(history: History): void {
    this.members.delete(history);
    this.members.add(history);
    for (const oldest of this.members) {
      if (this.held <= this.most) break;
      oldest.thin();
      if (oldest.times.length === 0) this.members.delete(oldest);
      else this.later(oldest);
    }
  }

  /** Behind the others, so that each gives something before one gives twice. */
  private later(history: History): void {
    this.members.delete(history);
    this.members.add(history);
  }

  forget(history: History): void {
    this.members.delete(history);
  }
}

const everybody = new HistoryPool();

export class History {
  version = 0; // changes with every change
  thinned = false; // points of it are left out
  readonly times: number[] = [];
  private readonly rows = new Map<string, (number | null)[]>();

  constructor(private readonly pool = everybody) {}

  get fields(): string[] {
    return [...this.rows.keys()];
  }

  line(field: string): (number | null)[] {
    return this.rows.get(field) ?? [];
  }

  add(timeMs: number, values: Map<string, Value>): void {
    this.version++;
    const last = this.times[this.times.length - 1];
    if (last !== undefined && timeMs - last > WINDOW_MS) this.clear();
    if (last !== undefined && last - timeMs > WINDOW_MS) return;
    for (const [name, value] of values) if (typeof value === 'number' && !this.rows.has(name)) this.open(name);
    if (this.rows.size === 0) return; // no numbers: no line
    let at = this.times.length;
    while (at > 0 && (this.times[at - 1] as number) > timeMs) at--;
    const known = this.times[at - 1] === timeMs; // the same reading again, after a new connection
    if (!known) this.times.splice(at, 0, timeMs);
    for (const [name, row] of this.rows) {
      const value = values.get(name);
      row.splice(known ? at - 1 : at, known ? 1 : 0, typeof value === 'number' ? value : null);
    }
    if (!known) this.pool.held += this.width;
    this.limit();
    this.pool.heard(this);
  }

  clear(): void {
    this.version++;
    this.pool.held -= this.times.length * this.width;
    this.pool.forget(this);
    this.times.length = 0;
    this.rows.clear();
    this.thinned = false;
  }

  /** Every second point goes; of a few, all. */
  thin(): void {
    if (this.times.length <= FEW) this.clear();
    else this.keep((_, index) => index % 2 === 0);
    this.version++;
    this.thinned = true;
  }

  /** Numbers of one point, its time included. */
  private get width(): number {
    return this.rows.size + 1;
  }

  private open(name: string): void {
    this.rows.set(name, this.times.map(() => null));
    this.pool.held += this.times.length;
  }

  private limit(): void {
    const newest = this.times[this.times.length - 1] ?? 0;
    let old = 0;
    while ((this.times[old] as number) < newest - WINDOW_MS) old++;
    if (old > 0) this.keep((_, index) => index >= old);
    if (this.times.length <= POINTS_EACH) return;
    const half = this.times.length / 2;
    this.keep((_, index) => index >= half || index % 2 === 0);
    this.thinned = true;
  }

  private keep(wanted: (value: unknown, index: number) => boolean): void {
    const before = this.times.length;
    const times = this.times.filter(wanted);
    this.times.splice(0, before, ...times);
    for (const [name, row] of this.rows) this.rows.set(name, row.filter(wanted));
    this.pool.held -= (before - times.length) * this.width;
  }
}
