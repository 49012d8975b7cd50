// SPDX-License-Identifier: Apache-2.0
// Text of others, made safe to look at. A device, a gateway or a name may send any characters: controls, letters that turn the
// direction of what follows, letters that nobody sees, hundreds of accents on one letter. Nothing here makes markup: the page
// sets text only (see dom.ts).

const SHOWN = 200;

// Controls, format characters (all bidi controls, zero-width letters, tags), line ends, lone surrogates, private and unassigned
// letters; letters and spaces that are blank without being a space.
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f]|(?! )\p{Zs}/gu;
const PILE = /(\p{M}{2})\p{M}+/gu;

function code(letter: string): string {
  return `<U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;
}

/** What the text says, each letter that cannot be seen as its code (`<U+202E>`), and at most `limit` letters of it. */
export function visible(text: string, limit = SHOWN): string {
  // Cut first: a megabyte is not searched for the sake of 200 letters.
  const cut = text.length > limit ? `${text.slice(0, limit)}` : text;
  const shown = cut.replace(PILE, '$1…').replace(UNSEEN, code);
  return text.length > limit ? `${shown}…` : shown;
}

/** The same, with a word in place of nothing. */
export function named(text: string, limit = SHOWN): string {
  const shown = visible(text, limit).trim();
  return shown === '' ? '(blank)' : shown;
}

/** A payload: its text where it is text, else its bytes in hex. */
export function payloadText(payload: Uint8Array, limit = 400): string {
  const part = payload.subarray(0, limit);
  try {
    return visible(new TextDecoder('utf-8', { fatal: payload.length <= limit }).decode(part), limit);
  } catch {
    return Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  }
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}
