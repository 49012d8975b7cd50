// SPDX-License-Identifier: Apache-2.0
// What an administrator can do. Each question says what happens, in selkiectl's words (ctl/decide.c, ctl/waiting.c).
import { ask, note } from './ask';
import type { Control } from './control';
import { el } from './dom';
import { count, isObject, text, time, type Json } from './parse';
import type { Device, Store } from './store';
import { named, plural, visible } from './text';
import { age, full } from './time';

const PAGE = 200; // Mosquitto sends a large message by WebSocket slowly: 4 KB in each turn of its loop, some 40 KB/s
const PAGES = 250;
const REFUSALS_SHOWN = 3;

const REPLACED = 'The ID that was active before, if there was one, is replaced for ever: a device that still has it is shut out until its next power cut.';
const DENIED = "If a device that runs has a denied ID, it is shut out until its next power cut. 'selkiectl device readmit' takes an ID back within 30 days.";
const ALARMED: Record<string, string> = {
  clone: 'Two parties hold this ID, or a gateway held frames back. If it is a clone, it stays one: both are heard until the next power cut of the device, which gives it a new ID.',
  takeover: 'This ID was replaced by another one, and was heard again: it is active, and the newcomer was retired.',
};
const LOOKED = 'Ending the alarm says that you have looked. Earlier IDs of the device that could still come back are retired for ever, and IDs that wait and were silent since this one came are denied.';
const REVOKED = 'All its frames are rejected until you restore it, and what it sends meanwhile is lost.';

/** An ID that waits for a decision. */
export interface Pending {
  address: string;
  name: string;
  id: string;
  firmware: string;
  gateway: string;
  firstSeen: number | undefined;
  lastSeen: number | undefined;
  parked: number;
  active: string;
  activeSeen: number | undefined;
  last: boolean; // the newest of its address
  others: number; // IDs of its address that wait as well
}

/** Another ID of the address was heard since this one came: two parties send. */
export function isContested(pending: Pending): boolean {
  return pending.activeSeen !== undefined && pending.firstSeen !== undefined && pending.activeSeen > pending.firstSeen;
}

function pendingOf(given: Json): Pending {
  return {
    address: text(given['address'], 16), name: text(given['name']), id: text(given['id'], 16), firmware: text(given['firmware']),
    gateway: text(given['gateway'], 64), firstSeen: time(given['first_seen']), lastSeen: time(given['last_seen']),
    parked: count(given['parked']), active: text(given['active'], 16), activeSeen: time(given['active_seen']), last: true, others: 0,
  };
}

/** Which of an address is the newest, and how many wait beside each. */
function compare(list: Pending[]): void {
  const counts = new Map<string, number>();
  for (const each of list) counts.set(each.address, (counts.get(each.address) ?? 0) + 1);
  list.forEach((each, index) => {
    each.last = list[index + 1]?.address !== each.address;
    each.others = (counts.get(each.address) ?? 1) - 1;
  });
}

/** Which ID a question is about: an address may have several that wait. */
function identity(pending: Pending): string {
  const came = pending.firstSeen === undefined ? '' : ` It came ${age(pending.firstSeen)} (${full(pending.firstSeen)}).`;
  const address = pending.name === '' ? '' : ` of ${pending.address}`;
  return `ID ${visible(pending.id, 16)}${address}, last heard ${age(pending.lastSeen)} by gateway ${named(pending.gateway, 64)}.${came}`;
}

export class Actions {
  constructor(private readonly control: Control, private readonly store: Store, private readonly changed: () => void) {}

  /** All IDs that wait, in the order of their addresses and, of one address, of their arrival. `some` hears each page. */
  async listPending(some: (list: Pending[], total: number) => void): Promise<Pending[]> {
    const list: Pending[] = [];
    for (let page = 0; page < PAGES; page++) {
      const after = list[list.length - 1]?.address;
      const data = await this.control.ask({ command: 'listPending', limit: PAGE, ...(after === undefined ? {} : { after }) });
      const given = Array.isArray(data['pending']) ? data['pending'].filter(isObject).map(pendingOf) : [];
      if (given.length === 0 || (after !== undefined && (given[0] as Pending).address <= after)) break;
      list.push(...given);
      compare(list);
      some(list, count(data['total']));
    }
    return list;
  }

  private async run(command: Json, done: (data: Json) => string): Promise<void> {
    try {
      note(done(await this.control.ask(command)));
    } catch (error) {
      note(`${this.store.title(text(command['address']))}: ${error instanceof Error ? visible(error.message, 400) : 'failed'}`, true);
    }
    this.changed();
  }

  async approve(pending: Pending): Promise<void> {
    const title = this.titleOf(pending);
    const warning = isContested(pending)
      ? [`Two parties send: the active ID was heard ${age(pending.activeSeen)}, after this one came. One of them may be an impostor.`] : [];
    const replaced = pending.active === '' ? [] : [REPLACED];
    const others = pending.others === 0 ? [] : ['Other IDs of this address that wait, and were silent since this one came, are denied.'];
    const paragraphs = [identity(pending), ...warning, ...replaced, ...others];
    if (!(await ask({ title: `Approve the new ID of ${title}?`, text: paragraphs, yes: 'Approve', danger: warning.length > 0 }))) return;
    await this.run({ command: 'approveDevice', address: pending.address, id: pending.id }, (data) => {
      const denied = Array.isArray(data['denied']) ? data['denied'].length : 0;
      return `${title}: approved. ${visible(text(data['id'], 16))} is active${denied > 0 ? `; ${plural(denied, 'other ID')} that was silent since is denied` : ''}.`;
    });
  }

  async deny(pending: Pending): Promise<void> {
    const title = this.titleOf(pending);
    if (!(await ask({ title: `Deny the new ID of ${title}?`, text: [identity(pending), DENIED], yes: 'Deny', danger: true }))) return;
    await this.run({ command: 'denyDevice', address: pending.address, id: pending.id }, () => `${title}: denied. ${visible(pending.id, 16)} is shut out.`);
  }

  /** The newest ID of each address. The plugin refuses where another ID was heard since: those stay for a decision of their own. */
  async approveAll(list: Pending[], progress: (text: string) => void): Promise<void> {
    const chosen = list.filter((each) => each.last);
    const question = {
      title: `Approve ${plural(chosen.length, 'ID')} that ${chosen.length === 1 ? 'waits' : 'wait'}?`,
      text: ["Their devices' earlier IDs are retired for ever.", 'Where two parties send under one address, nothing is approved: that stays for you to decide.'],
      yes: `Approve ${chosen.length.toLocaleString()}`, danger: true,
    };
    if (!(await ask(question))) return;
    const commands = chosen.map((each) => ({ command: 'approveDevice', address: each.address, id: each.id, newest: true }));
    try {
      const responses = await this.control.askAll(commands, (done) => progress(`${done.toLocaleString()} of ${commands.length.toLocaleString()}`));
      const refused = responses.flatMap((each, index) =>
        'error' in each ? [`${this.titleOf(chosen[index] as Pending)}: ${visible(each.error)}`] : []);
      note(`${responses.length - refused.length} approved, ${refused.length} left for you.`);
      if (refused.length > 0) note(`Not approved: ${refused.slice(0, REFUSALS_SHOWN).join('; ')}${refused.length > REFUSALS_SHOWN ? '; …' : '.'}`, true);
    } catch (error) {
      note(error instanceof Error ? visible(error.message, 400) : 'failed', true);
    }
    progress('');
    this.changed();
  }

  async revoke(device: Device): Promise<void> {
    const title = this.store.title(device.address);
    if (!(await ask({ title: `Revoke ${title}?`, text: [REVOKED], yes: 'Revoke', danger: true }))) return;
    await this.run({ command: 'revokeDevice', address: device.address }, () => `${title}: revoked.`);
  }

  restore(device: Device): Promise<void> {
    const title = this.store.title(device.address);
    return this.run({ command: 'restoreDevice', address: device.address }, () => `${title}: restored. Frames that were rejected meanwhile are lost.`);
  }

  async rename(device: Device): Promise<void> {
    const input = el('input', { type: 'text', maxlength: 64, autocomplete: 'off' });
    input.value = device.name;
    const label = el('label', {}, 'Name', input);
    if (!(await ask({ title: `Name ${device.address}`, text: ['The name stands in its state, which all readers of the broker see.'], yes: 'Set the name', input: label }))) return;
    await this.change(device, { name: input.value.trim() }, `${device.address}: named ${named(input.value, 64)}.`);
  }

  private change(device: Device, what: Json, done: string): Promise<void> {
    return this.run({ command: 'setDevice', address: device.address, ...what }, () => done);
  }

  /** End an alarm that stands: the operator says that he has looked (selkiectl device approve ADDRESS ID). */
  async endAlarm(device: Device): Promise<void> {
    const { address, alarm, id } = device;
    const title = this.store.title(address);
    const heard = `ID ${visible(id, 16)}, last heard ${age(device.lastSeen)} by gateway ${named(device.gateway, 64)}.`;
    const text = [heard, ALARMED[alarm] ?? '', LOOKED];
    if (!(await ask({ title: `End the alarm "${visible(alarm, 16)}" of ${title}?`, text, yes: 'End the alarm', danger: true }))) return;
    await this.run({ command: 'approveDevice', address, id }, () => `${title}: the alarm is over. ${visible(id, 16)} stays active.`);
  }

  async chooseModel(device: Device): Promise<void> {
    const names = await this.modelNames();
    const chosen = await this.chosenModel(device);
    if (chosen === undefined) return;
    if (chosen !== '' && !names.includes(chosen)) names.push(chosen);
    const select = el('select', {}, el('option', { value: '' }, 'as its firmware says'), ...names.map((name) => el('option', { value: name }, visible(name, 64))));
    select.value = chosen;
    const title = this.store.title(device.address);
    const text = ['The model says what the bytes of a payload mean. The values that the broker keeps are cleared; the next reading brings new ones.'];
    if (!(await ask({ title: `Model of ${title}`, text, yes: 'Set the model', input: el('label', {}, 'Model', select) }))) return;
    if (select.value === chosen) note(`${title}: the model stays.`);
    else await this.change(device, { model: select.value === '' ? null : select.value }, `${title}: the model is ${select.value === '' ? 'what its firmware says' : visible(select.value, 64)}.`);
  }

  /** The model that an operator chose, or '' where the firmware says it. What the state names may be either. */
  private async chosenModel(device: Device): Promise<string | undefined> {
    try {
      const data = await this.control.ask({ command: 'getDevice', address: device.address });
      return data['model_chosen'] === true ? text(data['model'], 64) : '';
    } catch (error) {
      note(`${this.store.title(device.address)}: ${error instanceof Error ? visible(error.message, 400) : 'failed'}`, true);
      return undefined;
    }
  }

  private async modelNames(): Promise<string[]> {
    try {
      const data = await this.control.ask({ command: 'listModels' });
      const models: unknown[] = Array.isArray(data['models']) ? data['models'] : [];
      return models.filter(isObject).map((each) => text(each['model'], 64)).filter((name) => name !== '').sort();
    } catch {
      return [...this.store.models.keys()].sort();
    }
  }

  private titleOf(pending: Pending): string {
    return pending.name === '' ? this.store.title(pending.address) : named(pending.name, 64);
  }
}
