/* SPDX-License-Identifier: Apache-2.0 */
#include "payloads.h"
#include "readings.h"
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int complain(const struct payloads *payloads, const char *what)
{
    fprintf(stderr, "selkie-device: line %lu: %s\n", payloads->line, what);
    return -1;
}

static int decode_hex(const struct payloads *payloads, const char *text, size_t digits,
                      uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    if (digits % 2 != 0)
        return complain(payloads, "an odd number of hex digits");
    if (digits / 2 > SELKIE_PAYLOAD_MAX)
        return complain(payloads, "a payload has at most 400 bytes");
    for (size_t i = 0; i < digits / 2; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
            return complain(payloads, "not hex digits");
        payload[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    *len = digits / 2;
    return 1;
}

static int decode_line(struct payloads *payloads, const char *text, size_t text_len,
                       uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    payloads->line++;
    if (payloads->hex)
        return decode_hex(payloads, text, text_len, payload, len);
    if (text_len > SELKIE_PAYLOAD_MAX)
        return complain(payloads, "a payload has at most 400 bytes");
    memcpy(payload, text, text_len);
    *len = text_len;
    return 1;
}

static bool input_waits(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

/* Take the first line out of the buffer. */
static int take_line(struct payloads *payloads, uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    char *end = memchr(payloads->buffer, '\n', payloads->fill);
    bool last = !end && payloads->ended && payloads->fill > 0;
    if (!end && !last) {
        if (payloads->fill < sizeof payloads->buffer)
            return 0;
        payloads->line++;
        return complain(payloads, "a payload has at most 400 bytes");
    }
    size_t line_len = last ? payloads->fill : (size_t)(end - payloads->buffer);
    size_t used = last ? line_len : line_len + 1;
    int result = decode_line(payloads, payloads->buffer, line_len, payload, len);
    payloads->fill -= used;
    memmove(payloads->buffer, payloads->buffer + used, payloads->fill);
    return result;
}

static int next_line(struct payloads *payloads, uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    int result = take_line(payloads, payload, len);
    while (result == 0 && !payloads->ended && input_waits()) {
        ssize_t count = read(STDIN_FILENO, payloads->buffer + payloads->fill, sizeof payloads->buffer - payloads->fill);
        if (count <= 0)
            payloads->ended = true;
        else
            payloads->fill += (size_t)count;
        result = take_line(payloads, payload, len);
    }
    return result;
}

int payloads_next(struct payloads *payloads, uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    if (!payloads->readings)
        return next_line(payloads, payload, len);
    int taken = readings_take(payload, SELKIE_PAYLOAD_MAX);
    if (taken < 0) {
        fprintf(stderr, "selkie-device: cannot read the load, memory or uptime of this machine\n");
        return -1;
    }
    *len = (size_t)taken;
    return 1;
}
