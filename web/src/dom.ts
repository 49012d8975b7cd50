// SPDX-License-Identifier: Apache-2.0
// Elements. Text goes in as text, never as markup: eslint.config.mjs forbids all that would parse a string, and the policy of
// the page makes the browser refuse it as well.

type Attributes = Record<string, string | number | boolean>;
type Child = Node | string;

/** An element with attributes and children; strings are text. */
export function el<K extends keyof HTMLElementTagNameMap>(name: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, '');
    else if (value !== false) element.setAttribute(key, String(value));
  }
  element.append(...children);
  return element;
}

/** Set text only where it changed: an unchanged line costs no layout, and a screen reader does not repeat it. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setClass(element: Element, name: string, on: boolean): void {
  if (element.classList.contains(name) !== on) element.classList.toggle(name, on);
}

export function setHidden(element: HTMLElement, hidden: boolean): void {
  if (element.hidden !== hidden) element.hidden = hidden;
}

/** More is coming: a screen reader may wait with what it says. */
export function setBusy(element: HTMLElement, busy: boolean): void {
  if (element.ariaBusy !== String(busy)) element.ariaBusy = String(busy);
}

/** Text of others: isolated, so that its direction of writing moves nothing beside it. */
export function quoted(text: string, className = ''): HTMLElement {
  return el('bdi', className === '' ? {} : { class: className }, text);
}

export function button(label: string, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = el('button', { type: 'button', ...attributes }, label);
  made.addEventListener('click', act);
  return made;
}

/** Rows of a name and what it is, for a <dl>. */
export function facts(list: HTMLElement, rows: [string, Child][]): void {
  list.replaceChildren(...rows.flatMap(([name, what]) => [el('dt', {}, name), el('dd', {}, what)]));
}
