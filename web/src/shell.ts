// SPDX-License-Identifier: Apache-2.0
// All views together, after the log-in: what waits first, then the tabs, and one device beside them.
import { note, notes } from './ask';
import { DetailView } from './detail';
import { DevicesView } from './devices';
import { button, el, setBusy, setClass, setHidden, setText } from './dom';
import { paced, soon } from './frame';
import { GatewaysView } from './gateways';
import type { Message, Phase } from './link';
import { EventsView, RejectedView } from './news';
import type { Rights, Session } from './session';
import type { Part } from './store';
import { plural } from './text';
import { clockError, span, zone } from './time';
import { Tabs } from './tabs';
import { WaitingView } from './waiting';

const SECOND_MS = 1000;
const QUIET_MS = 20_000; // the plugin publishes its stats every 5 s
const DEAD_MS = 30_000;

const RIGHTS: Record<Rights, string> = {
  unknown: '', reader: 'reader', admin: 'administrator', unanswered: 'the plugin gives no answer',
};
const RIGHTS_TOLD: Record<Rights, string> = {
  unknown: 'Asking whether this user is an administrator.',
  reader: 'This user may look, and change nothing. Administrators stand in "admins" of the plugin\'s configuration.',
  admin: 'This user may approve, deny, revoke and name devices.',
  unanswered: 'The broker took the question whether this user is an administrator, and no answer came: does the plugin run?',
};

export class Shell {
  readonly element: HTMLElement;
  private readonly status = el('span', { class: 'status', role: 'status' });
  private readonly who = el('span', { class: 'soft' });
  private readonly zone = el('span', { class: 'soft', title: 'All times on this page are in this zone.' });
  private readonly banner = el('div', { class: 'banner', role: 'alert', hidden: true });
  private readonly spoken = el('p', { class: 'spoken', role: 'status' });
  private readonly devices: DevicesView;
  private readonly gateways: GatewaysView;
  private readonly events: EventsView;
  private readonly rejected: RejectedView;
  private readonly detail: DetailView;
  private readonly tabs: Tabs;
  private readonly waitingPlace = el('div', {});
  private waitingView: WaitingView | undefined;
  private connected = false;
  private given: Rights = 'unknown';
  private readonly stale = new Set<Part>();
  private alarmsTold = 0;

  constructor(private readonly session: Session) {
    const store = session.store;
    const openAddress = (address: string): void => this.open(address);
    this.devices = new DevicesView(store, (device) => this.open(device.address));
    this.gateways = new GatewaysView(store);
    this.events = new EventsView(store, openAddress);
    this.rejected = new RejectedView(store, openAddress);
    this.detail = new DetailView(store, () => session.actions, () => this.close());
    this.tabs = new Tabs([['Devices', this.devices.element], ['Gateways', this.gateways.element], ['Alarms', this.events.element],
      ['Rejected', this.rejected.element]], () => this.all());
    setText(this.zone, zone());
    const header = el('header', {}, el('h1', {}, 'Selkie'), this.status, this.who, this.zone, button('Log out', () => this.logOut(), { class: 'small' }));
    this.element = el('div', { class: 'page' }, header, this.banner,
      el('main', {}, this.waitingPlace, el('div', { class: 'split' }, this.tabs.element, this.detail.element)), this.spoken, notes);
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.detail.address !== undefined && !event.defaultPrevented) this.close();
    });
    setInterval(() => this.second(), SECOND_MS);
  }

  phase(phase: Phase, reason: string): void {
    this.connected = phase === 'connected';
    const where = this.session.login.url.host;
    setText(this.status, phase === 'connected' ? `Connected to ${where}` : phase === 'refused' ? reason : `Connection to ${where} lost. Trying again.`);
    setClass(this.status, 'bad', !this.connected);
    setClass(this.element, 'lost', !this.connected);
    if (phase === 'refused') note(`${reason} Log out, and in again.`, true);
    if (this.connected) this.session.open(this.detail.address);
    this.drawBanner();
  }

  rights(rights: Rights): void {
    this.given = rights;
    const user = this.session.login.user;
    setText(this.who, [user, RIGHTS[rights]].filter((part) => part !== '').join(', '));
    this.who.title = RIGHTS_TOLD[rights];
    const actions = this.session.actions;
    if (actions && !this.waitingView) {
      this.waitingView = new WaitingView(actions, (why) => {
        if (this.connected) note(`What waits for a decision is not known: ${why}`, true);
      });
      this.waitingPlace.replaceChildren(this.waitingView.element);
    } else if (!actions && rights !== 'unknown') {
      this.waitingView = undefined;
      this.waitingPlace.replaceChildren();
    }
    this.detail.draw();
  }

  waiting(): void {
    if (this.session.actions) this.waitingView?.changed();
  }

  payload(message: Message): void {
    this.detail.takePayload(message);
  }

  changed(part: Part, address?: string): void {
    if (part === 'order') this.devices.changedOrder();
    this.stale.add(part);
    if (address !== undefined && address === this.detail.address) this.drawDetailSoon();
    this.drawSoon();
  }

  private readonly drawSoon = paced(() => this.draw());
  private readonly drawDetailSoon = paced(() => this.detail.draw());
  private readonly drawDetail = (): void => this.detail.draw();

  private readonly draw = (): void => {
    if (this.stale.has('devices') || this.stale.has('models')) this.devices.refresh();
    if (this.stale.has('gateways')) this.gateways.draw();
    if (this.stale.has('events')) this.events.refresh();
    if (this.stale.has('rejected')) this.rejected.refresh();
    if (this.stale.has('stats')) this.drawBanner();
    this.stale.clear();
    this.drawCounts();
    const opened = this.detail.address;
    if (opened !== undefined && !this.session.store.devices.has(opened)) this.close();
  };

  private drawCounts(): void {
    const store = this.session.store;
    this.tabs.count(0, store.devices.size);
    this.tabs.count(1, store.gateways.size, this.gateways.wrong > 0);
    const alarms = store.alarmed.size + store.alarms;
    this.tabs.count(2, alarms, alarms > 0);
    this.tabs.count(3, store.rejections);
  }

  private all(): void {
    for (const part of ['devices', 'gateways', 'events', 'rejected', 'stats'] as const) this.stale.add(part);
    soon(this.draw);
  }

  private second(): void {
    if (document.hidden) return;
    this.devices.refresh();
    this.waitingView?.refresh();
    this.stale.add('gateways');
    soon(this.draw);
    soon(this.drawDetail);
    this.drawBanner();
    this.speak();
    if (this.connected && this.session.store.stats && Date.now() - this.session.lastMessageAt > DEAD_MS) this.session.renew();
  }

  /** For those who do not see the list: at most once a second, and only how many. */
  private speak(): void {
    const alarms = this.session.store.alarms + this.session.store.alarmed.size;
    if (alarms > this.alarmsTold) setText(this.spoken, `${plural(alarms - this.alarmsTold, 'new alarm')}`);
    this.alarmsTold = alarms;
  }

  private drawBanner(): void {
    const { stats, notUnderstood } = this.session.store;
    setBusy(this.element, this.connected && !this.session.begun);
    const quiet = stats ? Date.now() - stats.at : 0;
    const sentences = [
      this.connected ? '' : 'The connection is lost: what you see is what was known before.',
      this.connected && quiet > QUIET_MS ? `Nothing has come from the plugin for ${span(quiet)}: does it run?` : '',
      stats?.damaged === true ? 'The registry is damaged: the plugin decides nothing, and frames wait at their gateways. Restore it from a backup.' : '',
      stats && !stats.working && !stats.damaged ? 'The plugin cannot store: the disk is full or broken, and frames wait at their gateways.' : '',
      stats && stats.refusedModels > 0 ? `${plural(stats.refusedModels, 'model')} refused: Mosquitto's log says why.` : '',
      clockError() === 0 ? '' : `This computer's clock is ${span(Math.abs(clockError()))} ${clockError() > 0 ? 'ahead of' : 'behind'} the broker's. Ages here are by the broker's.`,
      this.session.unread.length > 0 ? `This user may not read: ${this.session.unread.join(', ')}.` : '',
      this.given === 'reader' && stats && stats.pending > 0 ? `${plural(stats.pending, 'ID')} ${stats.pending === 1 ? 'waits' : 'wait'} for an administrator.` : '',
      this.given === 'unanswered' ? RIGHTS_TOLD.unanswered : '',
      notUnderstood > 0 ? `${plural(notUnderstood, 'message')} could not be understood, and ${notUnderstood === 1 ? 'is' : 'are'} left out.` : '',
    ].filter((sentence) => sentence !== '');
    setHidden(this.banner, sentences.length === 0);
    setText(this.banner, sentences.join(' '));
  }

  private open(address: string): void {
    const device = this.session.store.devices.get(address);
    if (!device) return;
    setClass(this.element, 'with-detail', true);
    this.session.open(address);
    this.devices.mark(address);
    this.detail.show(device);
  }

  private close(): void {
    this.session.open(undefined);
    this.detail.hide();
    setClass(this.element, 'with-detail', false);
    this.tabs.focusPanel();
  }

  private logOut(): void {
    this.session.end();
    location.reload();
  }
}
