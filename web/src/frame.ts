// SPDX-License-Identifier: Apache-2.0
// Drawing once a frame of the screen, and what messages changed ten times a second, however many came. A page in the
// background draws nothing.

const tasks = new Set<() => void>();
let asked = false;

function draw(): void {
  asked = false;
  const now = [...tasks];
  tasks.clear();
  for (const task of now) task();
}

/** Run the task before the next picture, once, however often it is asked for. */
export function soon(task: () => void): void {
  tasks.add(task);
  if (asked) return;
  asked = true;
  requestAnimationFrame(draw);
}

const MESSAGES_MS = 100;

/** A task for what messages change: at most ten times a second, so that scrolling and typing come first. */
export function paced(task: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      last = performance.now();
      soon(task);
    }, Math.max(0, last + MESSAGES_MS - performance.now()));
  };
}
