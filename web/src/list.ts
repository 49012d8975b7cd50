// SPDX-License-Identifier: Apache-2.0
// A list of any length of which only the rows on the screen are in the document. One stop of the Tab key: arrows move the
// mark, Enter opens the row. Screen readers hear how many rows there are, and which one is marked.
import { el, setClass } from './dom';
import { soon } from './frame';

const SPARE = 3; // rows above and below what is seen

export interface Row<T> {
  element: HTMLElement;
  fill(item: T): void;
}

export interface ListOptions<T> {
  label: string;
  columns: string[];
  height(): number; // of a row, in px
  key(item: T): string;
  make(): Row<T>; // cells have role "gridcell"
  open?(item: T): void;
}

let lists = 0;

export class VirtualList<T> {
  readonly element: HTMLElement;
  private readonly body: HTMLElement;
  private readonly name = `list-${++lists}`;
  private readonly rows: { row: Row<T>; index: number; top: number; key: string }[] = [];
  private items: readonly T[] = [];
  private marked = '';
  private stale = false;

  constructor(private readonly options: ListOptions<T>) {
    const head = el('div', { role: 'row', class: 'head', 'aria-rowindex': 1 },
      ...options.columns.map((column) => el('div', { role: 'columnheader' }, column)));
    this.body = el('div', { role: 'rowgroup', class: 'rows' });
    this.element = el('div', { role: 'grid', class: 'list', tabindex: 0, 'aria-label': options.label, 'aria-colcount': options.columns.length },
      el('div', { role: 'rowgroup', class: 'head-group' }, head), this.body);
    this.element.addEventListener('scroll', () => this.refresh(), { passive: true });
    this.element.addEventListener('keydown', (event) => this.key(event));
    this.body.addEventListener('click', (event) => this.click(event));
    new ResizeObserver(() => this.refresh()).observe(this.element);
  }

  /** `added`: so many came before the first. A reader who has scrolled down keeps his place. */
  set(items: readonly T[], added = 0): void {
    this.items = items;
    if (added > 0 && this.element.scrollTop > 0) this.element.scrollTop += added * this.options.height();
    this.refresh();
  }

  /** Fill the rows again before the next picture. */
  refresh(): void {
    this.stale = true;
    soon(this.draw);
  }

  mark(key: string): void {
    this.marked = key;
    this.refresh();
  }

  private readonly draw = (): void => {
    if (!this.stale || !this.element.isConnected || this.element.clientHeight === 0) return;
    this.stale = false;
    const height = this.options.height();
    const total = `${this.items.length * height}px`;
    if (this.body.style.height !== total) this.body.style.height = total;
    this.element.setAttribute('aria-rowcount', String(this.items.length + 1));
    const first = Math.max(0, Math.floor(this.element.scrollTop / height) - SPARE);
    const last = Math.min(this.items.length, first + Math.ceil(this.element.clientHeight / height) + 2 * SPARE);
    this.pool(last - first);
    const active = this.fillRows(first, last, height);
    if (active === '') this.element.removeAttribute('aria-activedescendant');
    else this.element.setAttribute('aria-activedescendant', active);
  };

  private pool(count: number): void {
    while (this.rows.length < count) {
      const row = this.options.make();
      row.element.setAttribute('role', 'row');
      row.element.id = `${this.name}-${this.rows.length}`;
      this.rows.push({ row, index: -1, top: -1, key: '' });
      this.body.append(row.element);
    }
    for (const slot of this.rows.splice(count)) slot.row.element.remove();
  }

  private fillRows(first: number, last: number, height: number): string {
    let active = '';
    for (let at = first; at < last; at++) {
      const item = this.items[at] as T;
      const slot = this.rows[at % this.rows.length] as (typeof this.rows)[number];
      if (slot.top !== at * height) {
        slot.top = at * height; // a row is higher on a narrow screen
        slot.row.element.style.transform = `translateY(${slot.top}px)`;
      }
      if (slot.index !== at) {
        slot.index = at;
        slot.row.element.setAttribute('aria-rowindex', String(at + 2));
      }
      slot.row.element.style.height = `${height}px`;
      slot.key = this.options.key(item);
      slot.row.fill(item);
      setClass(slot.row.element, 'marked', slot.key === this.marked);
      slot.row.element.setAttribute('aria-selected', String(slot.key === this.marked));
      if (slot.key === this.marked) active = slot.row.element.id;
    }
    return active;
  }

  private indexOfMarked(): number {
    return this.items.findIndex((item) => this.options.key(item) === this.marked);
  }

  private click(event: MouseEvent): void {
    const target = event.target as Element;
    if (target.closest('button')) return;
    const slot = this.rows.find((each) => each.row.element.contains(target));
    const item = slot && this.items[slot.index];
    if (slot === undefined || item === undefined) return;
    this.mark(slot.key);
    this.options.open?.(item);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.element || this.items.length === 0) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.options.height()) - 1);
    const at = this.indexOfMarked();
    const steps: Record<string, number> = {
      ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.items.length - 1,
    };
    const to = steps[event.key];
    if (to !== undefined) this.moveTo(Math.min(Math.max(to, 0), this.items.length - 1));
    else if (event.key === 'Enter' && at >= 0) this.options.open?.(this.items[at] as T);
    else return;
    event.preventDefault();
  }

  private moveTo(at: number): void {
    const height = this.options.height();
    const seen = this.element.clientHeight - this.body.offsetTop - height;
    const top = at * height;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top > this.element.scrollTop + seen) this.element.scrollTop = top - seen;
    this.mark(this.options.key(this.items[at] as T));
  }
}
