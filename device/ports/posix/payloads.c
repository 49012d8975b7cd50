/* SPDX-License-Identifier: Apache-2.0 */
#include "payloads.h"
#include <glob.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define SHOWN_MAX 10 /* refused lines in a row */
#define READS_MAX 64 /* in one call, so that an input without an end holds nobody up */

static int refuse(struct payloads *payloads, const char *why)
{
    payloads->refused++;
    payloads->refused_in_row++;
    if (payloads->refused_in_row <= SHOWN_MAX)
        fprintf(stderr, "selkie-device: line %lu: %s%s\n", payloads->line, why,
                payloads->refused_in_row == SHOWN_MAX ? "; what is refused after it is not shown, until a line is taken"
                                                      : "");
    return -1;
}

static int decode_hex(struct payloads *payloads, const char *text, size_t text_len,
                      uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    char digits[2 * SELKIE_PAYLOAD_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < text_len && count < sizeof digits; i++) {
        if (text[i] != ' ' && text[i] != '\t')
            digits[count++] = text[i];
    }
    if (count == sizeof digits)
        return refuse(payloads, "a payload has at most 400 bytes");
    if (count % 2 != 0)
        return refuse(payloads, "an odd number of hex digits");
    if (selkie_hex_decode(payload, count / 2, digits) < 0)
        return refuse(payloads, "not hex digits");
    *len = count / 2;
    return 1;
}

static int decode_line(struct payloads *payloads, const char *text, size_t text_len,
                       uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    payloads->line++;
    if (payloads->hex)
        return decode_hex(payloads, text, text_len, payload, len);
    if (text_len > SELKIE_PAYLOAD_MAX)
        return refuse(payloads, "a payload has at most 400 bytes");
    memcpy(payload, text, text_len);
    *len = text_len;
    return 1;
}

static bool input_waits(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

static void drop(struct payloads *payloads, size_t count)
{
    payloads->fill -= count;
    memmove(payloads->buffer, payloads->buffer + count, payloads->fill);
}

/* Take the first line out of the buffer. */
static int take_line(struct payloads *payloads, uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    char *end = memchr(payloads->buffer, '\n', payloads->fill);
    if (payloads->skipping) {
        payloads->skipping = !end;
        drop(payloads, end ? (size_t)(end - payloads->buffer) + 1 : payloads->fill);
        end = memchr(payloads->buffer, '\n', payloads->fill);
    }
    bool last = !end && payloads->ended && payloads->fill > 0;
    if (!end && !last) {
        if (payloads->fill < sizeof payloads->buffer)
            return 0;
        payloads->line++;
        payloads->skipping = true;
        drop(payloads, payloads->fill);
        return refuse(payloads, "a payload has at most 400 bytes");
    }
    size_t used = end ? (size_t)(end - payloads->buffer) + 1 : payloads->fill;
    size_t line_len = end ? used - 1 : used;
    if (end && line_len > 0 && end[-1] == '\r')
        line_len--;
    int result = decode_line(payloads, payloads->buffer, line_len, payload, len);
    if (result > 0)
        payloads->refused_in_row = 0;
    drop(payloads, used);
    return result;
}

static int next_line(struct payloads *payloads, uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    int result = take_line(payloads, payload, len);
    for (int reads = 0; result == 0 && !payloads->ended && reads < READS_MAX && input_waits(); reads++) {
        ssize_t count = read(STDIN_FILENO, payloads->buffer + payloads->fill, sizeof payloads->buffer - payloads->fill);
        if (count <= 0)
            payloads->ended = true;
        else
            payloads->fill += (size_t)count;
        result = take_line(payloads, payload, len);
    }
    return result;
}

/* The first sensor of the kernel that answers. */
static int read_temperature(double *celsius)
{
    static const char *const patterns[] = {"/sys/class/thermal/thermal_zone*/temp",
                                           "/sys/class/hwmon/hwmon*/temp*_input"};
    int found = -1;
    for (size_t p = 0; found < 0 && p < sizeof patterns / sizeof patterns[0]; p++) {
        glob_t paths;
        if (glob(patterns[p], 0, NULL, &paths) != 0)
            continue;
        for (size_t i = 0; found < 0 && i < paths.gl_pathc; i++) {
            long milli;
            FILE *file = fopen(paths.gl_pathv[i], "re");
            if (!file)
                continue;
            if (fscanf(file, "%ld", &milli) == 1) {
                *celsius = (double)milli / 1000;
                found = 0;
            }
            fclose(file);
        }
        globfree(&paths);
    }
    return found;
}

/* What could be used, caches included: more to the point than what is unused. */
static json_int_t available_memory(const struct sysinfo *info)
{
    json_int_t available = (json_int_t)info->freeram * info->mem_unit;
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    long long kib;
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemAvailable: %lld kB", &kib) == 1)
            available = kib * 1024;
    }
    if (file)
        fclose(file);
    return available;
}

int payloads_readings(uint8_t *payload, size_t size)
{
    struct sysinfo info;
    double load, celsius;
    if (sysinfo(&info) < 0 || getloadavg(&load, 1) != 1)
        return -1;
    json_t *json =
        json_pack("{s:f, s:I, s:I, s:I}", "load1", load, "memory_free", available_memory(&info), "memory_total",
                  (json_int_t)info.totalram * info.mem_unit, "uptime", (json_int_t)info.uptime);
    if (!json)
        return -1;
    if (read_temperature(&celsius) == 0)
        (void)json_object_set_new(json, "temperature", json_real(celsius));
    size_t len = json_dumpb(json, (char *)payload, size, JSON_COMPACT | JSON_REAL_PRECISION(4));
    json_decref(json);
    return len > 0 && len <= size ? (int)len : -1;
}

int payloads_next(struct payloads *payloads, uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    if (!payloads->readings)
        return next_line(payloads, payload, len);
    int taken = payloads_readings(payload, SELKIE_PAYLOAD_MAX);
    if (taken < 0) {
        fprintf(stderr, "selkie-device: cannot read the load, memory or uptime of this machine\n");
        return -1;
    }
    *len = (size_t)taken;
    return 1;
}
