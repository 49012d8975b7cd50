/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-gateway --listen: show what comes in on a serial line, one line of text for each frame, until SIGINT or
 * SIGTERM, then a summary. If bytes come but no frames, it tries the usual speeds in turn. Needs neither a
 * configuration nor a broker; sends nothing on the line and stores nothing. What comes from the line is printed as
 * numbers only, so it cannot steer a terminal. Blocks; the only thread. */
#ifndef SELKIE_GATEWAY_LISTEN_H
#define SELKIE_GATEWAY_LISTEN_H

#include <selkie/tty.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* With `fixed`, no other speed is tried than that of the settings. The exit status: failures are in the log. */
int selkie_listen(const char *port, const struct selkie_tty_settings *settings, bool fixed);

/* What a body is, for people: "SEALED    address 00112233aabbccdd  key 1  522 bytes". */
#define SELKIE_LISTEN_TEXT_MAX 96
void selkie_listen_describe(char text[static SELKIE_LISTEN_TEXT_MAX], const uint8_t *body, size_t len);

#endif
