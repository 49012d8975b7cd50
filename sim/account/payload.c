/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "account/payload.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <mbedtls/md.h>
#include <selkie/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIGNED_MAX (SELKIE_PAYLOAD_MAX + 40) /* the longest content, and what is put behind it */

static void put_u32(uint8_t bytes[static 4], uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get_u32(const uint8_t bytes[static 4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Put number and code behind a content. Returns the length of both; 0 where there is no code. */
static size_t sign(const struct selkie_payload_plan *plan, unsigned maker, uint32_t device, uint32_t number,
                   uint8_t bytes[static SIGNED_MAX], size_t content)
{
    uint8_t text[9 + SELKIE_PAYLOAD_MAX], code[32];

    text[0] = (uint8_t)maker;
    put_u32(text + 1, device);
    put_u32(text + 5, number);
    memcpy(text + 9, bytes, content);
    if (mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), plan->key, sizeof plan->key, text, 9 + content,
                        code) != 0)
        return 0;
    bytes += content;
    if (plan->kind != SELKIE_PAYLOAD_CSV) {
        put_u32(bytes, number);
        memcpy(bytes + 4, code, SELKIE_PAYLOAD_SIZE_MIN - 4);
        return content + SELKIE_PAYLOAD_SIZE_MIN;
    }
    return content + (size_t)snprintf((char *)bytes, SIGNED_MAX - content, " n=%" PRIu32 " k=%08" PRIx32 "%08" PRIx32,
                                      number, get_u32(code), get_u32(code + 4));
}

static int read_lines(struct selkie_payload_plan *plan, FILE *file, const char *path, char error[static 256])
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    (void)snprintf(error, 256, "%.200s: cannot be read to its end", path);
    for (unsigned number = 1; (len = getline(&line, &room, file)) >= 0; number++) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            line[--len] = '\0';
        if (len == 0)
            continue;
        if (len > SELKIE_PAYLOAD_TEXT_MAX) {
            (void)snprintf(error, 256, "%.200s:%u: is longer than %d bytes", path, number, SELKIE_PAYLOAD_TEXT_MAX);
            break;
        }
        char **lines = realloc(plan->lines, (plan->line_count + 1) * sizeof(char *));
        if (!lines)
            break;
        plan->lines = lines;
        plan->lines[plan->line_count] = strdup(line);
        if (!plan->lines[plan->line_count])
            break;
        plan->line_count++;
    }
    free(line);
    if (len < 0 && plan->line_count == 0 && !ferror(file))
        (void)snprintf(error, 256, "%.200s: has no lines to send", path);
    return len < 0 && plan->line_count > 0 && !ferror(file) ? 0 : SELKIE_EIO;
}

int selkie_payload_plan_open(struct selkie_payload_plan *plan, enum selkie_payload_kind kind, size_t size,
                             const char *file, uint64_t seed, char error[static 256])
{
    struct selkie_prng random;

    memset(plan, 0, sizeof *plan);
    plan->kind = kind;
    plan->size = size;
    selkie_prng_init(&random, seed, SELKIE_PRNG_TOKEN, 0);
    selkie_prng_fill(&random, plan->key, sizeof plan->key);
    if (kind != SELKIE_PAYLOAD_CSV)
        return 0;

    const char *fault;
    int fd = selkie_file_open(file, &fault);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");
    if (!stream) {
        (void)snprintf(error, 256, "%.200s: %s", file, fault ? fault : strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return SELKIE_EIO;
    }
    int result = read_lines(plan, stream, file, error);
    (void)fclose(stream);
    if (result < 0)
        selkie_payload_plan_close(plan);
    return result;
}

void selkie_payload_plan_close(struct selkie_payload_plan *plan)
{
    for (size_t i = 0; i < plan->line_count; i++)
        free(plan->lines[i]);
    free(plan->lines);
    memset(plan, 0, sizeof *plan);
}

const char *selkie_payload_firmware(const struct selkie_payload_plan *plan)
{
    return plan->kind == SELKIE_PAYLOAD_SENSOR ? "selkie-sim sensor " SELKIE_VERSION : "selkie-sim " SELKIE_VERSION;
}

void selkie_payload_walk_init(struct selkie_payload_walk *walk, uint64_t seed, uint32_t device)
{
    selkie_prng_init(&walk->random, seed, SELKIE_PRNG_PAYLOAD, device);
    walk->celsius = (float)(15 + 10 * selkie_prng_unit(&walk->random));
    walk->humidity = (float)(40 + 20 * selkie_prng_unit(&walk->random));
}

/* One step at random, drawn back towards the middle so that the walk stays in the room. */
static float step(struct selkie_prng *random, float value, float middle, float width)
{
    return value + width * (float)(selkie_prng_unit(random) - 0.5) + (middle - value) * 0.01f;
}

/* What models/ready/selkie-sim-sensor.json describes. The battery goes down by 1 mV a hundred readings. */
static size_t make_sensor(struct selkie_payload_walk *walk, uint32_t number, uint8_t bytes[static SIGNED_MAX])
{
    uint32_t centivolts = number < 100000 ? 305 - number / 1000 : 205;

    walk->celsius = step(&walk->random, walk->celsius, 20, 0.5f);
    walk->humidity = step(&walk->random, walk->humidity, 50, 1);
    long celsius = lroundf(walk->celsius * 100);
    bytes[0] = (uint8_t)((unsigned long)celsius >> 8);
    bytes[1] = (uint8_t)celsius;
    bytes[2] = (uint8_t)lroundf(walk->humidity * 2);
    bytes[3] = (uint8_t)(centivolts - 150);
    return SELKIE_PAYLOAD_SENSOR_SIZE - SELKIE_PAYLOAD_SIZE_MIN;
}

size_t selkie_payload_make(const struct selkie_payload_plan *plan, struct selkie_payload_walk *walk,
                           enum selkie_payload_maker maker, uint32_t device, uint32_t number,
                           uint8_t bytes[static SELKIE_PAYLOAD_MAX])
{
    uint8_t made[SIGNED_MAX];
    size_t content = 0;

    if (plan->kind == SELKIE_PAYLOAD_CONSTANT) {
        content = plan->size - SELKIE_PAYLOAD_SIZE_MIN;
        selkie_prng_fill(&walk->random, made, content);
    } else if (plan->kind == SELKIE_PAYLOAD_SENSOR) {
        content = make_sensor(walk, number, made);
    } else {
        const char *line = plan->lines[(device + number) % plan->line_count];
        content = strlen(line);
        memcpy(made, line, content);
    }
    size_t len = sign(plan, (unsigned)maker, device, number, made, content);
    memcpy(bytes, made, len);
    return len;
}

/* Where the content of a payload ends, and its number, as far as it has one. Who made it decides what is behind. */
static size_t part(const struct selkie_payload_plan *plan, const uint8_t *bytes, size_t len, uint32_t *number)
{
    if (plan->kind != SELKIE_PAYLOAD_CSV) {
        *number = get_u32(bytes + len - SELKIE_PAYLOAD_SIZE_MIN);
        return len - SELKIE_PAYLOAD_SIZE_MIN;
    }
    char text[SELKIE_PAYLOAD_MAX + 1];
    memcpy(text, bytes, len);
    text[len] = '\0';
    const char *tail = strrchr(text, 'n');
    if (!tail || tail == text)
        return 0;
    *number = (uint32_t)strtoul(tail + strlen("n="), NULL, 10);
    return (size_t)(tail - 1 - text);
}

int selkie_payload_check(const struct selkie_payload_plan *plan, uint32_t device, const uint8_t *bytes, size_t len,
                         uint32_t *number)
{
    uint8_t expected[SIGNED_MAX];

    *number = 0;
    if (len < SELKIE_PAYLOAD_SIZE_MIN || len > SELKIE_PAYLOAD_MAX)
        return SELKIE_EREFUSED;
    size_t content = part(plan, bytes, len, number);
    memcpy(expected, bytes, content);
    for (unsigned maker = 0; maker < SELKIE_MAKERS; maker++) {
        if (sign(plan, maker, device, *number, expected, content) == len && memcmp(bytes, expected, len) == 0)
            return (int)maker;
    }
    return SELKIE_EREFUSED;
}
