/* SPDX-License-Identifier: Apache-2.0 */
/* What the harness's own files use of each other. */
#ifndef SELKIE_TESTS_HARNESS_INTERNAL_H
#define SELKIE_TESTS_HARNESS_INTERNAL_H

#include "harness.h"

/* A zeroed block that lives as long as the test: it stays in a list, so that a leak checker finds it at the end. */
void *harness_keep(size_t size);

/* Start a process that has ended once more, with the same log. */
void harness_respawn(struct harness_process *process, const char *const argv[]);
bool harness_alive(struct harness_process *process);
const char *harness_log_tail(const struct harness_process *process); /* static */

/* One step of a wait: some milliseconds. Neither a file's growth nor a child's end can be waited for with a limit more
 * simply. */
void harness_breathe(void);

/* Somebody listens on this loopback port, and has just turned nonsense away: Mosquitto takes no heed of a signal that
 * comes between its first listening and its loop. */
bool harness_tcp_serves(int port);

#endif
