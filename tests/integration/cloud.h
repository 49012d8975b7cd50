/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's end of a radio, for tests: frames off a pty, opened with the golden vectors' key by OpenSSL. One thread.
 */
#ifndef SELKIE_TESTS_CLOUD_H
#define SELKIE_TESTS_CLOUD_H

#include "harness.h"

#include <selkie/link.h>
#include <selkie/message.h>

struct cloud_frame {
    uint8_t body[SELKIE_LINK_BODY_MAX];
    size_t len;
    uint8_t plain[SELKIE_CIPHERTEXT_SIZE]; /* what `message` points into */
    struct selkie_frame header;            /* points into body */
    struct selkie_message message;         /* of a SEALED frame */
};

/* The next frame; a SEALED one is opened. The test fails where none comes, or where it does not open. */
void cloud_receive(struct cloud_frame *frame, struct harness_pty *radio);

/* The same, giving up after so many milliseconds: false. */
bool cloud_receive_try(struct cloud_frame *frame, struct harness_pty *radio, int patience_ms);

/* Take a body that came some other way; a SEALED one is opened. */
void cloud_open(struct cloud_frame *frame, const uint8_t *body, size_t len);

/* Answer with the ACK. */
void cloud_acknowledge(struct harness_pty *radio, const struct cloud_frame *frame);

#endif
