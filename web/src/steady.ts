// SPDX-License-Identifier: Apache-2.0
// An order in which rows stay where they are while somebody reads them: what is new comes at the end, and what is gone keeps its
// place, marked as gone, until nobody points at the list.

export interface Placed<T> {
  readonly key: string;
  item: T;
  gone: boolean;
}

export class Steady<T> {
  private rows: Placed<T>[] = [];

  constructor(private readonly key: (item: T) => string) {}

  get shown(): readonly Placed<T>[] {
    return this.rows;
  }

  /** Take what there is now; what is missing is gone if they are all. Returns whether a row moved up into the place of another one. */
  set(items: readonly T[], held: boolean, all = true): boolean {
    const next = new Map(items.map((item) => [this.key(item), item]));
    for (const row of this.rows) {
      const item = next.get(row.key);
      row.gone = item === undefined && (all || row.gone);
      if (item !== undefined) row.item = item;
      next.delete(row.key);
    }
    const added = [...next].map(([key, item]) => ({ key, item, gone: false }));
    const kept = held && items.length > 0 ? this.rows : this.rows.filter((row) => !row.gone);
    const moved = kept.some((row, index) => row !== this.rows[index]);
    this.rows = [...kept, ...added];
    return moved;
  }
}
