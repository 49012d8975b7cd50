// SPDX-License-Identifier: Apache-2.0
// Lines of values: a small one in a row of the list, and one with axes for one device.
import uPlot from 'uplot';
import type { History } from './history';
import { short } from './time';

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function data(history: History, field: string): uPlot.AlignedData {
  return [history.times.map((ms) => ms / 1000), history.line(field)];
}

const DAY_S = 86_400;
const dayOnly = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const minutes = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const seconds = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit', second: '2-digit' });

/** The marks below a line, in the browser's zone and language, as fine as their distance needs. */
function marks(_: uPlot, splits: number[], _axis: number, _space: number, distance: number): string[] {
  const format = distance >= DAY_S ? dayOnly : distance >= 60 ? minutes : seconds;
  return splits.map((split) => format.format(split * 1000));
}

const dark = matchMedia('(prefers-color-scheme: dark)');

/** Without axes, for a row. */
export class Spark {
  private plot: uPlot | undefined;
  private shown: History | undefined;
  private version = -1;

  constructor(private readonly into: HTMLElement, private readonly width: number, private readonly height: number) {
    dark.addEventListener('change', () => this.drop());
  }

  show(history: History, field: string | undefined): void {
    if (history === this.shown && history.version === this.version) return;
    this.shown = history;
    this.version = history.version;
    if (field === undefined || history.times.length < 2) {
      if (this.plot) this.plot.root.hidden = true;
      return;
    }
    this.plot ??= this.make();
    this.plot.root.hidden = false;
    this.plot.setData(data(history, field));
  }

  private make(): uPlot {
    return new uPlot({
      width: this.width, height: this.height, padding: [3, 3, 3, 3], pxAlign: false,
      cursor: { show: false }, legend: { show: false },
      axes: [{ show: false }, { show: false }],
      series: [{}, { stroke: colour('--line'), width: 1.5, points: { show: false }, spanGaps: true }],
    }, [[], []], this.into);
  }

  private drop(): void {
    this.shown = undefined;
    this.plot?.destroy();
    this.plot = undefined;
  }
}

/** With axes; the value under the pointer goes to `told`. */
export class Chart {
  private plot: uPlot | undefined;
  private unit = '';

  constructor(private readonly into: HTMLElement, private readonly told: (text: string) => void) {
    dark.addEventListener('change', () => this.close());
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(into);
  }

  /** Nothing is drawn: not shown yet, or the colours have changed. */
  get blank(): boolean {
    return this.plot === undefined;
  }

  show(history: History, field: string, unit: string, format: (value: number) => string): void {
    this.unit = unit;
    this.plot ??= this.make(format);
    this.plot.setData(data(history, field));
  }

  close(): void {
    this.plot?.destroy();
    this.plot = undefined;
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(240, this.into.clientWidth), height: 180 };
  }

  private make(format: (value: number) => string): uPlot {
    const axis = { stroke: colour('--soft'), grid: { stroke: colour('--rule'), width: 1 }, ticks: { stroke: colour('--rule'), width: 1 } };
    return new uPlot({
      ...this.size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      axes: [{ ...axis, values: marks, space: 70 }, { ...axis, size: 56 }],
      series: [{}, { stroke: colour('--line'), width: 2, spanGaps: true }],
      hooks: {
        setCursor: [(plot) => {
          const at = plot.cursor.idx;
          const when = at == null ? undefined : plot.data[0][at];
          const value = at == null ? undefined : plot.data[1]?.[at];
          this.told(when == null || value == null ? '' : `${short(when * 1000)}: ${format(value)} ${this.unit}`);
        }],
      },
    }, [[], []], this.into);
  }
}

/** What the line shows, in words. */
export function describe(history: History, field: string, format: (value: number) => string): string {
  const values = history.line(field).filter((value): value is number => value !== null);
  if (values.length === 0) return 'No values yet';
  const lowest = values.reduce((a, b) => Math.min(a, b));
  const highest = values.reduce((a, b) => Math.max(a, b));
  return `${short(history.times[0])} to ${short(history.times[history.times.length - 1])}: lowest ${format(lowest)}, highest ${format(highest)}, `
    + `last ${format(values[values.length - 1] as number)}`;
}
