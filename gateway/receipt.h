/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's receipts: {"seq":[…]}. PROTOCOL.md, section 8. No I/O; any thread. */
#ifndef SELKIE_GATEWAY_RECEIPT_H
#define SELKIE_GATEWAY_RECEIPT_H

#include <selkie/error.h>
#include <stddef.h>
#include <stdint.h>

/* More in one receipt are not looked at: those frames are sent again and come in another. */
#define SELKIE_RECEIPT_MAX 1024

/* Returns how many seqs there are, or SELKIE_EMALFORMED: then nothing of it counts. */
SELKIE_USE_RESULT int selkie_receipt_parse(int64_t seqs[static SELKIE_RECEIPT_MAX], const char *text, size_t len);

#endif
