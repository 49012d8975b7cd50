/* SPDX-License-Identifier: Apache-2.0 */
/* Opening frames by hand, for frame show: with the cloud's private key in a file. PROTOCOL.md, sections 4 and 5.
 * Prints every failure on stderr. One thread. */
#ifndef SELKIE_CTL_OPEN_H
#define SELKIE_CTL_OPEN_H

#include "ctl_command.h"

#include <selkie/message.h>

#define CTL_PLAIN_SIZE 512

/* Open a SEALED frame into `plain`, of which `message` is a view. The caller wipes both in any case. */
enum ctl_exit ctl_open_sealed(struct selkie_message *message, uint8_t plain[static CTL_PLAIN_SIZE],
                              const struct selkie_frame *frame, const char *key_path);

/* Open a SESSION frame with the ID that the message of a SEALED one holds. The counter is the nearest to that
 * message's. The caller wipes `payload`. */
enum ctl_exit ctl_open_session(uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len, uint32_t *counter,
                               const struct selkie_frame *frame, const struct selkie_message *registered);

#endif
