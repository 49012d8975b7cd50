// SPDX-License-Identifier: Apache-2.0
// Questions before what cannot be undone, and short notes about what was done.
import { button, el } from './dom';

const NOTE_MS = 12_000;
const NOTES = 4;

let opened = 0;

interface Question {
  title: string;
  text: string[]; // paragraphs: what happens
  yes: string; // what the button does, as a verb
  danger?: boolean;
  input?: HTMLElement;
}

/** True if the operator says yes. Escape, "Cancel" and the loss of the page are a no. */
export function ask(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const title = `ask-${++opened}`;
    const text = `${title}-text`;
    const dialog = el('dialog', { 'aria-labelledby': title, 'aria-describedby': text });
    const form = el('form', { method: 'dialog' });
    const yes = el('button', { type: 'submit', class: question.danger === true ? 'danger' : 'primary' }, question.yes);
    const no = button('Cancel', () => dialog.close());
    form.append(
      el('h2', { id: title }, question.title),
      el('div', { id: text }, ...question.text.map((paragraph) => el('p', {}, paragraph))),
      ...(question.input ? [question.input] : []),
      el('div', { class: 'buttons' }, no, yes),
    );
    // The policy permits no form to be sent, and none is: what was chosen stays in the page.
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      dialog.close('yes');
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    dialog.append(form);
    document.body.append(dialog);
    dialog.showModal();
    if (!question.input) no.focus();
  });
}

const done = el('div', { class: 'notes', role: 'status', 'aria-live': 'polite' });
const failed = el('div', { class: 'notes', role: 'alert' });

export const notes = el('div', { class: 'all-notes' }, failed, done);

/** A note at the edge of the page; a failure stays until it is closed. */
export function note(text: string, failure = false): void {
  const place = failure ? failed : done;
  const made = el('div', { class: failure ? 'note failure' : 'note' }, el('span', {}, text));
  made.append(button('Close', () => made.remove(), { class: 'small' }));
  place.append(made);
  while (place.childElementCount > NOTES) place.firstElementChild?.remove();
  if (!failure) setTimeout(() => made.remove(), NOTE_MS);
}
