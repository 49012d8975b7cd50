/* SPDX-License-Identifier: Apache-2.0 */
/* A program whose output is the device's input, for --exec: started by the shell, and started again whenever it ends.
 * Its output takes the place of standard input. What it writes while the radio is away or busy waits in the pipe; once
 * that is full, the program waits. */
#ifndef SELKIE_DEVICE_EXEC_SOURCE_H
#define SELKIE_DEVICE_EXEC_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct exec_source {
    const char *command;
    pid_t pid;         /* 0: it does not run */
    int64_t began_ms;  /* when it was started, */
    int64_t ending_ms; /* when it was told to end, because its output is at its end; 0: it was not */
    int64_t looked_ms; /* whether it has ended */
    int64_t next_ms;   /* when to start it (again) */
    unsigned wait_s;   /* before the next start: it doubles while the program ends soon, up to a minute */
};

/* Do what is due: start the program, or see to it that it ends once its output has (`ended`). Monotonic milliseconds.
 * Returns true if it was just started: there is a new standard input. Says on stderr how the program ended. */
bool exec_source_run(struct exec_source *source, bool ended, int64_t now_ms);

/* When to call it next, at the latest. */
int64_t exec_source_wake_ms(const struct exec_source *source, bool ended);

/* End the program and what it started: by SIGKILL if two seconds after SIGTERM it is still there. */
void exec_source_stop(struct exec_source *source);

#endif
