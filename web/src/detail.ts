// SPDX-License-Identifier: Apache-2.0
// One device: what is known of it, its values and their line, its last payload, its events, and what an administrator can do.
import type { Actions } from './actions';
import { Chart, describe } from './chart';
import { button, el, facts, quoted, setClass, setHidden, setText } from './dom';
import type { Message } from './link';
import type { Device, Store } from './store';
import { named, payloadText, plural, visible } from './text';
import { age, full, short } from './time';
import { eventWords, fieldLabel, firstNumber, numberText, stateOf, unitOf, withUnit } from './words';

const EVENTS_SHOWN = 8;

export class DetailView {
  readonly element: HTMLElement;
  private readonly title = el('h2', { id: 'detail-title', tabindex: -1 });
  private readonly badge = el('span', { class: 'badge' });
  private readonly values = el('dl', { class: 'facts big' });
  private readonly valuesAt = el('p', { class: 'soft' });
  private readonly field = el('select', {});
  private readonly fieldLabel = el('label', {}, 'Line of ', this.field);
  private readonly plot = el('div', { class: 'plot', role: 'img' });
  private readonly under = el('p', { class: 'soft', 'aria-hidden': 'true' });
  private readonly thinned = el('p', { class: 'soft' });
  private readonly chart: Chart;
  private readonly payload = quoted('nothing since you opened this', 'payload');
  private readonly facts = el('dl', { class: 'facts' });
  private readonly events = el('ul', { class: 'plain' });
  private readonly alarm = el('p', { class: 'alarm' });
  private readonly acts = el('div', { class: 'buttons' });
  private device: Device | undefined;
  private drawnFacts = '';
  private drawnValues = '';
  private drawnEvents = '';
  private drawnFields = '';
  private drawnLine = '';

  constructor(private readonly store: Store, private readonly actions: () => Actions | undefined, close: () => void) {
    this.chart = new Chart(this.plot, (text) => setText(this.under, text));
    this.title.append(quoted(''));
    this.field.addEventListener('input', () => {
      this.chart.close();
      this.drawnLine = '';
      this.draw();
    });
    this.element = el('aside', { class: 'detail', 'aria-labelledby': 'detail-title', hidden: true },
      el('div', { class: 'detail-head' }, this.title, this.badge, button('Close', close, { class: 'small' })),
      this.alarm, this.acts, this.values, this.valuesAt,
      el('div', { class: 'chart' }, this.fieldLabel, this.plot, this.under, this.thinned),
      el('h3', {}, 'Last payload'), el('p', {}, this.payload),
      el('h3', {}, 'State'), this.facts,
      el('h3', {}, 'Events since this page was opened'), this.events);
  }

  get address(): string | undefined {
    return this.device?.address;
  }

  show(device: Device): void {
    const other = device !== this.device;
    this.device = device;
    if (other) {
      this.chart.close();
      this.drawnFacts = this.drawnValues = this.drawnEvents = this.drawnFields = this.drawnLine = '';
      this.field.replaceChildren();
      setText(this.payload, 'nothing since you opened this');
    }
    setHidden(this.element, false);
    this.draw();
    this.title.focus();
    this.element.scrollTop = 0;
  }

  hide(): void {
    this.device = undefined;
    setText(this.title.firstElementChild as Element, '');
    setHidden(this.element, true);
  }

  takePayload(message: Message): void {
    const details = [`#${message.property('counter') ?? '?'}`, message.property('form') ?? '', `by ${message.property('gateway') ?? '?'}`];
    setText(this.payload, `${visible(details.join(' '), 120)}, ${plural(message.payload.length, 'byte')}: ${payloadText(message.payload)}`);
  }

  draw(): void {
    const device = this.device;
    if (!device || this.element.hidden) return;
    setText(this.title.firstElementChild as Element, named(device.name === '' ? device.address : device.name, 64));
    const state = stateOf(device);
    setText(this.badge, state.word);
    for (const kind of ['good', 'warn', 'bad', 'none']) setClass(this.badge, kind, kind === state.kind);
    setText(this.alarm, device.alarm === '' ? '' : `${eventWords(device.alarm)}. This stands until an administrator has looked and ends it.`);
    setHidden(this.alarm, device.alarm === '');
    this.drawActs(device);
    this.drawValues(device);
    this.drawLine(device);
    this.drawFacts(device);
    this.drawEvents(device);
  }

  private drawActs(device: Device): void {
    const actions = this.actions();
    const key = actions === undefined ? '' : device.status === 'revoked' ? 'revoked' : device.alarm === '' ? 'other' : 'alarm';
    setHidden(this.acts, key === '');
    if (this.acts.dataset['for'] === `${key} ${device.address}`) return;
    this.acts.dataset['for'] = `${key} ${device.address}`;
    if (!actions) return;
    const current = (act: (device: Device) => Promise<void>) => (): void => void (this.device && act(this.device));
    this.acts.replaceChildren(
      ...(key === 'alarm' ? [button('End the alarm…', current((each) => actions.endAlarm(each)), { class: 'primary' })] : []),
      button('Name…', current((each) => actions.rename(each))),
      button('Model…', current((each) => actions.chooseModel(each))),
      key === 'revoked' ? button('Restore', current((each) => actions.restore(each))) : button('Revoke…', current((each) => actions.revoke(each)), { class: 'danger' }));
  }

  private drawValues(device: Device): void {
    const rows = [...device.values].map(([name, value]): [string, string] => [fieldLabel(name), withUnit(this.store, device, name, value)]);
    const drawn = JSON.stringify(rows);
    if (drawn !== this.drawnValues) {
      this.drawnValues = drawn;
      facts(this.values, rows.map(([name, value]): [string, Node] => [name, quoted(value)]));
    }
    const none = device.model === '' ? 'No values: no model says what its bytes mean.' : 'No values yet.';
    setText(this.valuesAt, rows.length === 0 ? none : `Captured ${age(device.valuesAt)}, ${full(device.valuesAt)}`);
  }

  private drawLine(device: Device): void {
    const fields = device.history.fields;
    const key = JSON.stringify(fields);
    if (key !== this.drawnFields) {
      this.drawnFields = key;
      const chosen = this.field.value === '' ? firstNumber(device) ?? '' : this.field.value;
      this.field.replaceChildren(...fields.map((name) => el('option', { value: name }, fieldLabel(name))));
      if (fields.includes(chosen)) this.field.value = chosen;
      this.drawnLine = '';
    }
    const enough = device.history.times.length > 1 && fields.length > 0;
    setHidden(this.fieldLabel, !enough);
    setHidden(this.plot, !enough);
    setHidden(this.thinned, !enough || !device.history.thinned);
    if (!enough) {
      setText(this.under, fields.length === 0 ? '' : 'The line begins with the second reading: this page keeps what it received itself.');
      return;
    }
    setText(this.thinned, device.history.thinned ? 'Older points of this line are left out: the page keeps no more.' : '');
    const line = `${this.field.value} ${device.history.times.length} ${device.history.times[device.history.times.length - 1] ?? 0}`;
    if (line === this.drawnLine && !this.chart.blank) return;
    this.drawnLine = line;
    const unit = unitOf(this.store, device, this.field.value);
    this.chart.show(device.history, this.field.value, unit, numberText);
    this.plot.setAttribute('aria-label', `${fieldLabel(this.field.value)}${unit === '' ? '' : `, in ${unit}`}: ${describe(device.history, this.field.value, numberText)}`);
  }

  private drawFacts(device: Device): void {
    const model = this.store.models.get(device.model);
    const rows: [string, string][] = ([
      ['Address', device.address],
      ['Model', device.model === '' ? 'none' : [visible(device.model, 64), visible(model?.manufacturer ?? '', 64)].filter((part) => part !== '').join(', ')],
      ['Firmware', visible(device.firmware)],
      ['Last seen', `${full(device.lastSeen)}, ${age(device.lastSeen)}`],
      ['Gateway', visible(device.gateway, 64)],
      ['Signal', device.rssi === undefined ? '' : `${numberText(device.rssi)} dBm, mean ${numberText(device.rssiMean ?? device.rssi)} dBm`],
      ['Frames', `${device.received.toLocaleString()} received, ${device.lost.toLocaleString()} lost; the last has number ${device.counter?.toLocaleString() ?? '–'}`],
      ['Sealed', device.form === '' ? '' : `${visible(device.form, 16)}, key ${device.keyId ?? '?'}`],
      ['ID', visible(device.id, 16)],
    ] satisfies [string, string][]).filter(([, what]) => what !== '');
    const drawn = JSON.stringify(rows);
    if (drawn === this.drawnFacts) return;
    this.drawnFacts = drawn;
    facts(this.facts, rows.map(([name, what]): [string, Node] => [name, quoted(what)]));
  }

  private drawEvents(device: Device): void {
    const news = this.store.events.filter((each) => each.address === device.address).slice(-EVENTS_SHOWN).reverse();
    const drawn = `${device.address} ${news[0]?.number ?? 0}`;
    if (drawn === this.drawnEvents) return;
    this.drawnEvents = drawn;
    this.events.replaceChildren(...(news.length === 0 ? [el('li', { class: 'soft' }, 'none')] : news.map((each) =>
      el('li', each.alarm ? { class: 'alarm' } : {}, `${short(each.at)}  ${eventWords(each.what)}`))));
  }
}
