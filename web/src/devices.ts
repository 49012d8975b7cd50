// SPDX-License-Identifier: Apache-2.0
// The list of devices: search, choice of a state, order, and rows.
import { Spark } from './chart';
import { el, quoted, setClass, setHidden, setText } from './dom';
import { VirtualList, type Row } from './list';
import type { Device, Store } from './store';
import { named, visible } from './text';
import { age, full } from './time';
import { fieldLabel, firstNumber, stateOf, withUnit } from './words';

const VALUES_SHOWN = 4;
const ORDER_MS = 500; // not more often, however many devices change

const phone = matchMedia('(max-width: 760px)');

type Choice = 'all' | 'alarm' | 'waits' | 'silent' | 'revoked' | 'active';

const CHOICES: [Choice, string][] = [['all', 'all'], ['active', 'active'], ['alarm', 'an alarm stands'], ['waits', 'an ID waits'], ['silent', 'silent'], ['revoked', 'revoked']];

function isChosen(device: Device, choice: Choice): boolean {
  switch (choice) {
    case 'alarm': return device.alarm !== '';
    case 'waits': return device.pending > 0;
    case 'silent': return device.silent;
    case 'revoked': return device.status === 'revoked';
    case 'active': return device.status === 'active';
    default: return true;
  }
}

const titleOf = (device: Device): string => (device.name === '' ? device.address : device.name);
const letters = new Intl.Collator(undefined, { numeric: true });

const ORDERS: Record<string, (a: Device, b: Device) => number> = {
  // Addresses are no numbers: 5e1c…0a comes after 5e1c…03.
  name: (a, b) => (a.name === '' && b.name === '' ? 0 : letters.compare(titleOf(a), titleOf(b))) || (a.address < b.address ? -1 : 1),
  seen: (a, b) => (b.lastSeen ?? 0) - (a.lastSeen ?? 0),
  unseen: (a, b) => (a.lastSeen ?? 0) - (b.lastSeen ?? 0),
  lost: (a, b) => b.lost - a.lost,
};

class DeviceRow implements Row<Device> {
  readonly element = el('div', { class: 'row device' });
  private readonly name = quoted('', 'name');
  private readonly under = el('div', { class: 'soft' });
  private readonly values = el('div', { class: 'values', role: 'gridcell' });
  private readonly spark: Spark;
  private readonly sparkCell = el('div', { class: 'spark', role: 'gridcell' });
  private readonly seen = el('div', { class: 'seen', role: 'gridcell' });
  private readonly badge = el('span', { class: 'badge' });
  private readonly chips: { all: HTMLElement; name: HTMLElement; value: HTMLElement }[] = [];

  constructor(private readonly store: Store) {
    this.spark = new Spark(this.sparkCell, 120, 36);
    this.element.append(
      el('div', { class: 'who', role: 'gridcell' }, this.name, this.under),
      this.values, this.sparkCell, this.seen, el('div', { class: 'state', role: 'gridcell' }, this.badge));
  }

  fill(device: Device): void {
    setText(this.name, named(titleOf(device), 64));
    const under = [device.name === '' ? '' : device.address, device.model === '' ? '' : visible(device.model, 64)].filter((part) => part !== '');
    setText(this.under, under.join(' · '));
    this.fillValues(device);
    const field = firstNumber(device);
    this.spark.show(device.history, field);
    setText(this.seen, age(device.lastSeen));
    this.seen.title = full(device.lastSeen);
    const state = stateOf(device);
    setText(this.badge, state.word);
    for (const kind of ['good', 'warn', 'bad', 'none']) setClass(this.badge, kind, kind === state.kind);
  }

  private fillValues(device: Device): void {
    let at = 0;
    for (const [name, value] of device.values) {
      if (at === VALUES_SHOWN) break;
      const chip = this.chip(at++);
      setText(chip.name, fieldLabel(name));
      setText(chip.value, withUnit(this.store, device, name, value));
    }
    this.chips.forEach((chip, index) => setHidden(chip.all, index >= at));
  }

  private chip(at: number): { all: HTMLElement; name: HTMLElement; value: HTMLElement } {
    const found = this.chips[at];
    if (found) return found;
    const name = quoted('', 'soft');
    const value = quoted('', 'value');
    const made = { all: el('span', { class: 'chip' }, name, ' ', value), name, value };
    this.chips.push(made);
    this.values.append(made.all);
    return made;
  }
}

export class DevicesView {
  readonly element: HTMLElement;
  private readonly list: VirtualList<Device>;
  private readonly search = el('input', { type: 'search', placeholder: 'name, address, model…', autocomplete: 'off', spellcheck: 'false' });
  private readonly choice = el('select', {}, ...CHOICES.map(([value, label]) => el('option', { value }, label)));
  private readonly order = el('select', {}, el('option', { value: 'name' }, 'name'), el('option', { value: 'seen' }, 'last seen first'),
    el('option', { value: 'unseen' }, 'longest unseen first'), el('option', { value: 'lost' }, 'most lost first'));
  private readonly told = el('p', { class: 'soft told', role: 'status' });
  private shown: Device[] = [];
  private orderedAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly store: Store, open: (device: Device) => void) {
    this.list = new VirtualList<Device>({
      label: 'Devices', columns: ['Device', 'Values', 'Last hours', 'Last seen', 'State'],
      height: () => (phone.matches ? 124 : 60), key: (device) => device.address, make: () => new DeviceRow(store), open,
    });
    for (const input of [this.search, this.choice, this.order]) input.addEventListener('input', () => this.reorder());
    phone.addEventListener('change', () => this.list.refresh());
    this.element = el('div', { class: 'view' },
      el('div', { class: 'tools' }, el('label', {}, 'Search', this.search), el('label', {}, 'State', this.choice), el('label', {}, 'Order', this.order)),
      this.told, this.list.element);
  }

  mark(address: string): void {
    this.list.mark(address);
  }

  refresh(): void {
    this.list.refresh();
  }

  /** Soon: many devices may change at once. */
  changedOrder(): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.reorder();
    }, Math.max(0, this.orderedAt + ORDER_MS - performance.now()));
  }

  private reorder(): void {
    const sought = this.search.value.trim().toLowerCase().split(/\s+/).filter((word) => word !== '');
    const choice = this.choice.value as Choice;
    this.shown = [...this.store.devices.values()]
      .filter((device) => isChosen(device, choice) && sought.every((word) => device.sought.includes(word)))
      .sort(ORDERS[this.order.value]);
    this.orderedAt = performance.now();
    this.list.set(this.shown);
    this.tell();
  }

  private tell(): void {
    const all = this.store.devices.size;
    const left = this.store.devicesLeftOut > 0 ? ' The page shows no more than 50,000: others are left out.' : '';
    if (all === 0) setText(this.told, 'No device yet. One appears with its first frame.');
    else if (this.shown.length === all) setText(this.told, left.trim());
    else setText(this.told, `${this.shown.length.toLocaleString()} of ${all.toLocaleString()}.${left}`);
  }
}
