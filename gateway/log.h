/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one line an event to stderr, never a payload, a key or a password. Under systemd each line begins with its
 * level as in sd-daemon(3), elsewhere with the program's name. Any thread. */
#ifndef SELKIE_GATEWAY_LOG_H
#define SELKIE_GATEWAY_LOG_H

#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO */

/* Longer messages are cut. */
#define SELKIE_LOG_LINE_MAX 512

void selkie_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
