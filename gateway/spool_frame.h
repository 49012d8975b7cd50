/* SPDX-License-Identifier: Apache-2.0 */
/* One frame in the spool. */
#ifndef SELKIE_GATEWAY_SPOOL_FRAME_H
#define SELKIE_GATEWAY_SPOOL_FRAME_H

#include <selkie/link.h>
#include <stdint.h>

#define SELKIE_SPOOL_PORT_MAX 256

struct selkie_spool_frame {
    int64_t seq;                      /* set by selkie_spool_put; 1..2^53, so exact in any JSON reader */
    int64_t rx;                       /* capture time, ms since the epoch, as good as this machine's clock was */
    int64_t boot;                     /* a number of the boot in which it was captured; 0 = unknown */
    int64_t since_boot;               /* capture time, ms since that boot */
    int16_t rssi;                     /* how strongly it was received, dBm; 0 = unknown */
    char port[SELKIE_SPOOL_PORT_MAX]; /* the serial line; cut if longer */
    uint16_t len;                     /* 1..SELKIE_LINK_BODY_MAX */
    uint8_t body[SELKIE_LINK_BODY_MAX];
};

#endif
