/* SPDX-License-Identifier: Apache-2.0 */
/* Where payloads come from: lines of standard input, as text or hex, or the readings of this machine. A line ends with
 * LF or CR LF. Blanks between hex digits do not count. */
#ifndef SELKIE_DEVICE_PAYLOADS_H
#define SELKIE_DEVICE_PAYLOADS_H

#include <selkie/frame.h>
#include <stdbool.h>

struct payloads {
    bool readings;
    bool hex;
    bool ended;    /* no more input */
    bool skipping; /* the rest of a line that does not fit into the buffer */
    unsigned long line;
    unsigned long refused;                    /* lines, */
    unsigned long refused_in_row;             /* and those since the last one that was taken */
    size_t fill;                              /* bytes in buffer */
    char buffer[3 * SELKIE_PAYLOAD_MAX + 64]; /* a line may be hex with blanks, and longer than allowed */
};

/* The next payload, if there is one now. Returns 1 and it, 0 for none yet (or none ever: `ended`), or -1 after one line
 * on stderr, unless that was said ten times in a row: a line was refused (the next call goes on behind it), or there
 * are no readings. Reads standard input
 * without waiting: it must not block (O_NONBLOCK, or known to be readable). */
int payloads_next(struct payloads *payloads, uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len);

/* What a device that sends readings says of its firmware: models/ready/selkie-device-readings.json is chosen by it. */
#define PAYLOADS_READINGS_FIRMWARE "selkie-device readings " SELKIE_VERSION

/* Write this machine's readings as compact JSON: load1 (load average of a minute), memory_free and memory_total
 * (bytes), uptime (seconds), and temperature (degrees Celsius) if the machine has a sensor. Returns the length, or -1.
 */
int payloads_readings(uint8_t *payload, size_t size);

#endif
