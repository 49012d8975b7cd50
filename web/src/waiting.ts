// SPDX-License-Identifier: Apache-2.0
// What waits for an administrator's decision. It stands before all else on the page.
import { isContested, type Actions, type Pending } from './actions';
import { button, el, quoted, setClass, setHidden, setText } from './dom';
import { soon } from './frame';
import { VirtualList, type Row } from './list';
import { Steady, type Placed } from './steady';
import { named, plural, visible } from './text';
import { age, now, span } from './time';

const ROWS = 5;
const AGAIN_MS = 1000; // between two questions to the plugin
const SOON_MS = 200;
const SETTLE_MS = 700; // after rows moved, for who was about to press

const phone = matchMedia('(max-width: 760px)');
const rowHeight = (): number => (phone.matches ? 148 : 68);

class WaitingRow implements Row<Placed<Pending>> {
  readonly element = el('div', { class: 'row waiting' });
  private readonly name = quoted('', 'name');
  private readonly under = el('div', { class: 'soft' });
  private readonly what = el('div', { class: 'what', role: 'gridcell' });
  private readonly approve: HTMLButtonElement;
  private readonly deny: HTMLButtonElement;
  private pending: Pending | undefined;

  constructor(actions: Actions) {
    const act = (what: (pending: Pending) => Promise<void>) => (): void => {
      if (this.pending) void what(this.pending);
    };
    this.approve = button('Approve…', act((pending) => actions.approve(pending)), { class: 'primary' });
    this.deny = button('Deny…', act((pending) => actions.deny(pending)));
    this.element.append(el('div', { class: 'who', role: 'gridcell' }, this.name, this.under), this.what,
      el('div', { class: 'buttons', role: 'gridcell' }, this.approve, this.deny));
  }

  fill({ item: pending, gone }: Placed<Pending>): void {
    this.pending = gone ? undefined : pending;
    this.approve.disabled = this.deny.disabled = gone;
    setClass(this.element, 'gone', gone);
    const title = named(pending.name === '' ? pending.address : pending.name, 64);
    setText(this.name, title);
    setText(this.under, pending.name === '' ? '' : pending.address);
    const waits = pending.firstSeen === undefined ? '' : `waits ${span(now() - pending.firstSeen)}`;
    const parts = [`new ID ${visible(pending.id, 16)}`, waits, `heard ${age(pending.lastSeen)} by ${visible(pending.gateway, 64)}`,
      pending.parked > 0 ? `${plural(pending.parked, 'frame')} kept` : ''];
    const others = pending.others === 0 ? '' : ` ${plural(pending.others, 'other ID')} of this address ${pending.others === 1 ? 'waits' : 'wait'} too.`;
    const active = pending.active === '' ? '' : isContested(pending)
      ? `Two parties send: the active ID was heard ${age(pending.activeSeen)}.` : `The active ID was last heard ${age(pending.activeSeen)}.`;
    setText(this.what, gone ? `ID ${visible(pending.id, 16)} waits no longer.` : `${parts.filter((part) => part !== '').join(', ')}.${others} ${active}`);
    setClass(this.element, 'contested', !gone && isContested(pending));
    const whose = pending.others === 0 ? title : `${title}, ID ${visible(pending.id, 16)}`;
    this.approve.setAttribute('aria-label', `Approve ${whose}`);
    this.deny.setAttribute('aria-label', `Deny ${whose}`);
  }
}

export class WaitingView {
  readonly element: HTMLElement;
  private readonly heading = el('h2', { id: 'waiting' });
  private readonly list: VirtualList<Placed<Pending>>;
  private readonly explanation = el('p', {});
  private readonly steady = new Steady<Pending>((pending) => `${pending.address} ${pending.id}`);
  private pointed = false;
  private readonly all: HTMLButtonElement;
  private readonly progress = el('span', { class: 'soft', role: 'status' });
  private readonly coming = el('span', { class: 'soft' });
  private items: Pending[] = [];
  private total = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private askedAt = -AGAIN_MS;
  private asking = false;
  private again = false;

  constructor(private readonly actions: Actions, private readonly failed: (why: string) => void) {
    this.list = new VirtualList<Placed<Pending>>({
      label: 'IDs that wait for a decision', columns: ['Device', 'What waits', 'Decision'], height: rowHeight,
      key: (row) => row.key, make: () => new WaitingRow(actions),
      open: (row) => {
        if (!row.gone) void actions.approve(row.item);
      },
    });
    this.hold();
    this.all = button('Approve all…', () => void actions.approveAll(this.items, (text) => setText(this.progress, text)));
    this.element = el('section', { class: 'waiting-view', 'aria-labelledby': 'waiting', hidden: true },
      el('div', { class: 'waiting-head' }, this.heading, this.coming, this.progress, this.all),
      this.explanation, this.list.element);
    phone.addEventListener('change', () => this.draw());
  }

  /** Ask the plugin soon what waits. */
  changed(): void {
    if (this.asking) this.again = true;
    if (this.asking || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.load();
    }, Math.max(SOON_MS, this.askedAt + AGAIN_MS - performance.now()));
  }

  private async load(): Promise<void> {
    this.asking = true;
    this.again = false;
    this.askedAt = performance.now();
    try {
      const before = this.items;
      const list = await this.actions.listPending((some, total) => {
        // The first page at once; while a long list comes, the one before stays until the new one is longer.
        this.total = total;
        if (some.length >= before.length || before.length === 0) this.show([...some]);
      });
      this.total = list.length;
      this.show(list);
    } catch (error) {
      this.failed(error instanceof Error ? error.message : 'failed');
    }
    this.asking = false;
    if (this.again) this.changed();
  }

  refresh(): void {
    this.list.refresh();
  }

  private show(list: Pending[]): void {
    this.items = list;
    this.draw();
  }

  /** No row becomes another one under a pointer, or while the keyboard is in the list. */
  private hold(): void {
    const { element } = this.list;
    const point = (on: boolean) => (): void => {
      this.pointed = on;
      if (!on) this.draw();
    };
    element.addEventListener('pointerenter', point(true));
    element.addEventListener('pointerleave', point(false));
    element.addEventListener('focusout', () => soon(() => this.draw()));
  }

  private get held(): boolean {
    const { element } = this.list;
    return this.pointed || element.matches(':focus-visible') || element.querySelector(':focus-visible') !== null;
  }

  /** Where nothing was shown before what moved, such as on a phone: a press in this moment was meant for another row. */
  private settle(): void {
    const { element } = this.list;
    element.inert = true;
    setTimeout(() => { element.inert = false; }, SETTLE_MS);
  }

  private explain(): void {
    const replacing = this.items.filter((each) => each.active !== '').length;
    const what = replacing === this.items.length
      ? 'Each of these devices sends under a new ID: after a power cut, or because somebody pretends to be it.'
      : replacing === 0 ? 'Each of these devices is new here: no ID of its address is active.'
        : 'Some of these devices send under a new ID, after a power cut or because somebody pretends to be them. Others are new here.';
    setText(this.explanation, `${what} Until you decide, nothing of the IDs that wait is published.`);
  }

  private draw(): void {
    const all = Math.max(this.total, this.items.length);
    setHidden(this.element, this.items.length === 0);
    setText(this.heading, `${plural(all, 'ID')} ${all === 1 ? 'waits' : 'wait'} for your decision`);
    setText(this.coming, all > this.items.length ? `${this.items.length.toLocaleString()} read so far` : '');
    setHidden(this.all, this.items.length < 2 || all > this.items.length);
    this.explain();
    if (this.steady.set(this.items, this.held, all === this.items.length)) this.settle();
    const { shown } = this.steady;
    this.list.element.style.height = `${Math.min(ROWS, shown.length) * rowHeight() + 2}px`;
    this.list.set(shown);
  }
}
