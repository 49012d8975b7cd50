// SPDX-License-Identifier: Apache-2.0
// Alarms and events, and rejections, as they come, newest first. Nothing is kept beyond the newest 500 of each.
import { el, quoted, setClass, setText } from './dom';
import { VirtualList, type Row } from './list';
import type { News, Store } from './store';
import { plural, visible } from './text';
import { full, short } from './time';
import { eventWords } from './words';

const STANDING = 500;

const phone = matchMedia('(max-width: 760px)');

class NewsRow implements Row<News> {
  readonly element = el('div', { class: 'row news' });
  private readonly at = el('div', { class: 'at', role: 'gridcell' });
  private readonly whom = el('div', { class: 'whom', role: 'gridcell' });
  private readonly name = quoted('');
  private readonly what = el('div', { class: 'what', role: 'gridcell' });
  private readonly details = el('div', { class: 'soft details', role: 'gridcell' });
  private readonly detailText = quoted('');

  constructor(private readonly store: Store, private readonly words: (what: string) => string) {
    this.whom.append(this.name);
    this.details.append(this.detailText);
    this.element.append(this.at, this.whom, this.what, this.details);
  }

  fill(news: News): void {
    setText(this.at, news.at === 0 ? 'stands' : short(news.at));
    this.at.title = news.at === 0 ? '' : full(news.at);
    setText(this.name, news.address === '' ? 'no address' : visible(this.store.title(news.address), 64));
    setText(this.what, this.words(news.what));
    setText(this.detailText, visible(news.details, 300));
    setClass(this.element, 'alarm', news.alarm);
  }
}

class NewsView {
  readonly element: HTMLElement;
  protected readonly told = el('p', { class: 'soft told' });
  private readonly list: VirtualList<News>;
  private newest = 0;
  private above: News[] = [];

  constructor(protected readonly store: Store, private readonly from: News[], label: string, third: string, words: (what: string) => string, open: (address: string) => void) {
    this.list = new VirtualList<News>({
      label, columns: ['Time', 'Device', third, 'Details'], height: () => (phone.matches ? 92 : 44), key: (news) => (news.standing ? news.address : String(news.number)),
      make: () => new NewsRow(store, words), open: (news) => open(news.address),
    });
    this.element = el('div', { class: 'view' }, this.told, this.list.element);
  }

  refresh(): void {
    const before = this.above.length;
    this.above = this.standing();
    const above = new Set(this.above.map((news) => news.number));
    const items = this.from.filter((news) => !above.has(news.number)).reverse();
    const added = items.findIndex((news) => news.number <= this.newest);
    this.newest = items[0]?.number ?? 0;
    this.list.set([...this.above, ...items], Math.max(0, added) + Math.max(0, this.above.length - before));
    this.tell();
  }

  /** What stands above the news. */
  protected standing(): News[] {
    return [];
  }

  protected tell(): void {
    setText(this.told, this.from.length === 0 ? 'Nothing since this page was opened.' : '');
  }
}

export class EventsView extends NewsView {
  constructor(store: Store, open: (address: string) => void) {
    super(store, store.events, 'Alarms and events', 'What', eventWords, open);
  }

  protected override standing(): News[] {
    const { alarmed, events, devices } = this.store;
    const heard = new Map(events.filter((each) => devices.get(each.address)?.alarm === each.what).map((each) => [each.address, each]));
    return [...alarmed].slice(0, STANDING).map((address) => {
      const event = heard.get(address);
      const details = ['stands until an administrator has looked', event?.details ?? ''].filter((part) => part !== '').join('; ');
      return { number: event?.number ?? 0, at: event?.at ?? 0, address, what: devices.get(address)?.alarm ?? '', details, alarm: true, standing: true };
    });
  }

  protected override tell(): void {
    const { alarmed, events } = this.store;
    const left = alarmed.size > STANDING ? ` Of them, ${STANDING} are shown: choose the state "an alarm stands" among the devices for all.` : '';
    setText(this.told, alarmed.size === 0 ? (events.length === 0 ? 'No alarm stands, and nothing came since this page was opened.' : '')
      : `${plural(alarmed.size, 'alarm')} ${alarmed.size === 1 ? 'stands' : 'stand'} until an administrator has looked.${left}`);
  }
}

export class RejectedView extends NewsView {
  constructor(store: Store, open: (address: string) => void) {
    super(store, store.rejected, 'Rejected frames', 'Reason', (reason) => visible(reason, 32), open);
  }

  protected override tell(): void {
    const reasons = [...this.store.reasons].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${visible(reason, 32)} ${count.toLocaleString()}`);
    setText(this.told, reasons.length === 0 ? 'No frame was rejected since this page was opened.'
      : `Since this page was opened: ${reasons.join(', ')}. An address here is what the frame names: nothing proves it.`);
  }
}
