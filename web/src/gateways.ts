// SPDX-License-Identifier: Apache-2.0
// Gateways: whether each is there, when it last received a frame, what waits in it, and what is broken. All of it is the
// gateway's own claim.
import { el, facts, quoted, setClass, setText } from './dom';
import type { Gateway, Line, Store } from './store';
import { named, plural, visible } from './text';
import { full, now, span } from './time';

const CARDS = 200; // in the document; the others are counted

function wrongWith(gateway: Gateway): string {
  if (gateway.state !== 'online') return gateway.state === '' ? '' : visible(gateway.state, 32);
  if (gateway.storage !== '') return `cannot store: ${visible(gateway.storage, 64)}`;
  if (gateway.lines.some((line) => !line.open || line.deaf !== undefined)) return 'a line is broken';
  if (gateway.lines.some((line) => line.fault !== '')) return 'a line has a fault';
  const silentFor = now() - gateway.heldAt;
  if (gateway.stats && gateway.fresh && silentFor > Math.max(60_000, 2000 * gateway.interval)) return `no word for ${span(silentFor)}`;
  return '';
}

function frameAge(gateway: Gateway, line: Line): string {
  if (line.frameAge === undefined) return 'no frame yet';
  // The stats are older than now: a frame may have come since.
  return `last frame at most ${span(line.frameAge * 1000 + Math.max(0, now() - gateway.heldAt))} ago`;
}

function lineText(gateway: Gateway, line: Line): string {
  const words = [line.open ? '' : 'missing', line.deaf === undefined ? '' : `bytes, but no frames for ${span(line.deaf * 1000)}`,
    line.fault === '' ? '' : visible(line.fault)].filter((word) => word !== '');
  return [frameAge(gateway, line), ...words].join('; ');
}

class Card {
  readonly element = el('li', { class: 'card' });
  private readonly name = quoted('', 'name');
  private readonly badge = el('span', { class: 'badge' });
  private readonly facts = el('dl', { class: 'facts' });
  private drawn = '';

  constructor() {
    this.element.append(el('div', { class: 'card-head' }, el('h2', {}, this.name), this.badge), this.facts);
  }

  fill(gateway: Gateway): void {
    const wrong = wrongWith(gateway);
    const online = gateway.state === 'online';
    setText(this.name, named(gateway.name, 64));
    setText(this.badge, wrong !== '' ? wrong : online ? 'online' : 'unknown');
    setClass(this.badge, 'good', online && wrong === '');
    setClass(this.badge, 'bad', wrong !== '');
    const rows = this.rows(gateway);
    const drawn = JSON.stringify(rows);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    facts(this.facts, rows);
  }

  private rows(gateway: Gateway): [string, string][] {
    if (!gateway.stats) return [['Stats', 'none yet']];
    return [
      ...gateway.lines.map((line): [string, string] => [visible(line.port.split('/').pop() ?? '', 64) || 'line', lineText(gateway, line)]),
      ['Queue', gateway.queue === 0 ? 'empty' : `${plural(gateway.queue, 'frame')}, the oldest ${span(gateway.oldest * 1000)} old`],
      ['Broken', `${plural(gateway.broken, 'frame')} of ${gateway.received.toLocaleString()} received`],
      ['Told', gateway.fresh ? `${span(now() - gateway.heldAt)} ago` : `kept by the broker, of ${full(gateway.heldAt)} by the gateway's clock`],
    ];
  }
}

export class GatewaysView {
  readonly element: HTMLElement;
  private readonly told = el('p', { class: 'soft told' });
  private readonly list = el('ul', { class: 'cards', 'aria-label': 'Gateways' });
  private readonly cards = new Map<string, Card>();

  constructor(private readonly store: Store) {
    this.element = el('div', { class: 'view scroll', tabindex: 0, role: 'region', 'aria-label': 'Gateways' }, this.told, this.list);
  }

  /** How many are not as they should be. */
  get wrong(): number {
    let count = 0;
    for (const gateway of this.store.gateways.values()) if (wrongWith(gateway) !== '') count++;
    return count;
  }

  draw(): void {
    const shown = [...this.store.gateways.values()]
      .sort((a, b) => Number(wrongWith(b) !== '') - Number(wrongWith(a) !== '') || (a.name < b.name ? -1 : 1)).slice(0, CARDS);
    const names = new Set(shown.map((gateway) => gateway.name));
    for (const [name, card] of this.cards) {
      if (names.has(name)) continue;
      card.element.remove();
      this.cards.delete(name);
    }
    shown.forEach((gateway, index) => this.place(gateway, index));
    const left = this.store.gateways.size - shown.length;
    setText(this.told, this.store.gateways.size === 0 ? 'No gateway yet.' : left > 0 ? `${plural(left, 'gateway')} more, not shown: those above come first because of what is wrong.` : '');
  }

  private place(gateway: Gateway, index: number): void {
    const card = this.cards.get(gateway.name) ?? new Card();
    this.cards.set(gateway.name, card);
    card.fill(gateway);
    if (this.list.children[index] !== card.element) this.list.insertBefore(card.element, this.list.children[index] ?? null);
  }
}
