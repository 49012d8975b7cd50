// SPDX-License-Identifier: Apache-2.0
// Tabs, as WAI-ARIA's pattern has them: one stop of the Tab key, arrows choose.
import { el, setClass, setHidden, setText } from './dom';

export class Tabs {
  readonly element: HTMLElement;
  private readonly tabs: HTMLButtonElement[] = [];
  private readonly counts: HTMLElement[] = [];
  private readonly panels: HTMLElement[] = [];
  private chosen = 0;

  constructor(parts: [string, HTMLElement][], private readonly shown: () => void) {
    const bar = el('div', { role: 'tablist', 'aria-label': 'Views', class: 'tabs' });
    parts.forEach(([label, content], index) => {
      const count = el('span', { class: 'count' });
      const tab = el('button', { type: 'button', role: 'tab', id: `tab-${index}`, 'aria-controls': `panel-${index}` }, label, ' ', count);
      tab.addEventListener('click', () => this.choose(index));
      this.tabs.push(tab);
      this.counts.push(count);
      this.panels.push(el('div', { role: 'tabpanel', id: `panel-${index}`, 'aria-labelledby': `tab-${index}`, class: 'panel' }, content));
      bar.append(tab);
    });
    bar.addEventListener('keydown', (event) => this.key(event));
    this.element = el('div', { class: 'tabbed' }, bar, ...this.panels);
    this.choose(0);
  }

  count(index: number, count: number, loud = false): void {
    const place = this.counts[index] as HTMLElement;
    setText(place, count === 0 ? '' : count.toLocaleString());
    setClass(place, 'loud', loud);
  }

  focusPanel(): void {
    this.panels[this.chosen]?.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  private choose(index: number): void {
    this.chosen = index;
    this.tabs.forEach((tab, at) => {
      tab.setAttribute('aria-selected', String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
      setHidden(this.panels[at] as HTMLElement, at !== index);
    });
    this.shown();
  }

  private key(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowRight: this.chosen + 1, ArrowLeft: this.chosen - 1, Home: 0, End: this.tabs.length - 1 };
    const to = steps[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.choose((to + this.tabs.length) % this.tabs.length);
    this.tabs[this.chosen]?.focus();
  }
}
