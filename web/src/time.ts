// SPDX-License-Identifier: Apache-2.0
// Times, in the browser's zone. Ages are by the broker's clock: each fresh message of the plugin with a time says how far this
// computer's clock is away from it.

const CLOCK_WRONG_MS = 60_000;
const LATEST = 8.64e15; // the last time that a Date can have

let aheadMs = 0;
let known = false;

/** A fresh message was made at `brokerMs`. The smallest difference of late says most: the way only adds. */
export function noteClock(brokerMs: number): void {
  if (!isTime(brokerMs)) return;
  aheadMs = Date.now() - brokerMs;
  known = true;
}

export function now(): number {
  return known ? Date.now() - aheadMs : Date.now();
}

/** How far this computer's clock is wrong by the broker's; 0 where it is not, or nobody knows. */
export function clockError(): number {
  return known && Math.abs(aheadMs) > CLOCK_WRONG_MS ? aheadMs : 0;
}

export function isTime(ms: unknown): ms is number {
  return typeof ms === 'number' && Number.isFinite(ms) && Math.abs(ms) <= LATEST;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const withZone = new Intl.DateTimeFormat(undefined, {
  year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
});

/** The zone's name and its difference from UTC just now: "Europe/Berlin, UTC+01:00". */
export function zone(): string {
  const minutes = -new Date().getTimezoneOffset();
  const sign = minutes < 0 ? '−' : '+';
  const two = (value: number): string => String(Math.floor(Math.abs(value))).padStart(2, '0');
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone}, UTC${sign}${two(minutes / 60)}:${two(minutes % 60)}`;
}

export function full(ms: number | undefined): string {
  return isTime(ms) && ms > 0 ? withZone.format(ms) : 'never';
}

/** The time of a day, with the day where it is not today's. */
export function short(ms: number | undefined): string {
  if (!isTime(ms) || ms <= 0) return '–';
  return new Date(ms).toDateString() === new Date().toDateString() ? clock.format(ms) : dayAndClock.format(ms);
}

/** A length of time in the unit that says most. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function age(ms: number | undefined): string {
  if (!isTime(ms) || ms <= 0) return 'never';
  const passed = now() - ms;
  return passed < -CLOCK_WRONG_MS ? `in ${span(-passed)}` : `${span(passed)} ago`;
}
