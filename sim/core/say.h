/* SPDX-License-Identifier: Apache-2.0 */
/* One line to stderr, clear of the live view. One thread. */
#ifndef SELKIE_SIM_SAY_H
#define SELKIE_SIM_SAY_H

void selkie_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Called before each line, so that the live view can clear its place on the terminal. NULL = nobody. */
void selkie_say_hook(void (*clear)(void *context), void *context);

#endif
