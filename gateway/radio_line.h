/* SPDX-License-Identifier: Apache-2.0 */
/* The radio on one serial line: bytes in, bodies out, ACKs back while the line is quiet. PROTOCOL.md, sections 2 and 3.
 *
 * Its ACKs go by the channel that it is on (ack_channel.h). Never blocks. The loop's thread. */
#ifndef SELKIE_GATEWAY_RADIO_LINE_H
#define SELKIE_GATEWAY_RADIO_LINE_H

#include "ack_channel.h"
#include "gateway_config.h"
#include "hearing.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct selkie_radio_line;

/* Since the start of the program. */
struct selkie_radio_line_counters {
    uint64_t received;        /* whole frames with a good CRC, and bodies from fragments */
    uint64_t sealed, session; /* of these, of either form; the rest are ACKs and foreign */
    uint64_t duplicate;       /* of these, repeats within ten minutes */
    uint64_t foreign;         /* of these, of a version or type that section 3 does not know */
    uint64_t filtered;        /* of these, from devices that are not in `allow` */
    uint64_t crc;             /* frames dropped, by reason */
    uint64_t garbage;
    uint64_t overlong;
    uint64_t fragments;      /* heard; `received` has only the bodies that they gave */
    uint64_t restored;       /* bodies from fragments, without repeats */
    uint64_t sets_broken;    /* sets that gave none, by reason: their fragments do not belong together, */
    uint64_t sets_expired;   /* too few came in time, */
    uint64_t sets_displaced; /* or they made room for newer ones */
};

struct selkie_radio_line_handler {
    void *context;
    /* A body for the cloud: not an ACK, and from an allowed device. `rssi` is how strongly it was received, in dBm; 0 =
     * unknown. Its ACK waits for selkie_radio_line_ack. */
    void (*body)(void *context, struct selkie_radio_line *line, const uint8_t *body, size_t len, int16_t rssi);
    /* The line was opened, is gone, is deaf (hearing.h), or hears frames again. */
    void (*changed)(void *context);
};

/* The configuration must live until the line is closed or gets another, the channel until it is closed. NULL after a
 * line in the log. */
struct selkie_radio_line *selkie_radio_line_open(sd_event *event, struct selkie_ack_channel *channel,
                                                 const struct selkie_gateway_config *config,
                                                 const struct selkie_gateway_line *settings,
                                                 const struct selkie_radio_line_handler *handler);
void selkie_radio_line_close(struct selkie_radio_line *line);

/* Whether this is the line of these settings: the same device, opened in the same way, on the same channel. */
bool selkie_radio_line_is(const struct selkie_radio_line *line, const struct selkie_gateway_line *settings);

/* Use another configuration, in which this is still the line of `settings`. */
void selkie_radio_line_configure(struct selkie_radio_line *line, const struct selkie_gateway_config *config,
                                 const struct selkie_gateway_line *settings);

/* The body is in the spool, new or as a repeat, which is counted: acknowledge it, if the line is to send ACKs. */
void selkie_radio_line_ack(struct selkie_radio_line *line, const uint8_t *body, size_t len, bool repeat);

/* Take what has been received, without the event loop: for the end. */
void selkie_radio_line_read_rest(struct selkie_radio_line *line);

const char *selkie_radio_line_device(const struct selkie_radio_line *line);
/* What is wrong with its serial line, in words; "": nothing (serial.h). */
const char *selkie_radio_line_fault(const struct selkie_radio_line *line);
bool selkie_radio_line_is_open(const struct selkie_radio_line *line);
const struct selkie_radio_line_counters *selkie_radio_line_counters(struct selkie_radio_line *line);
const struct selkie_ack_counters *selkie_radio_line_acks(const struct selkie_radio_line *line);
const struct selkie_hearing *selkie_radio_line_hearing(const struct selkie_radio_line *line);

#endif
