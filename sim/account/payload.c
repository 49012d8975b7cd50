/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "account/payload.h"

#include <errno.h>
#include <inttypes.h>
#include <mbedtls/md.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_SIZE   8
#define NUMBER_SIZE 4

static void put_u32(uint8_t bytes[static 4], uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get_u32(const uint8_t bytes[static 4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int compute_code(uint8_t code[static CODE_SIZE], const struct selkie_payload_plan *plan, unsigned maker,
                        uint32_t device, uint32_t number, const uint8_t *content, size_t len)
{
    uint8_t text[9 + SELKIE_PAYLOAD_MAX], digest[32];

    text[0] = (uint8_t)maker;
    put_u32(text + 1, device);
    put_u32(text + 5, number);
    memcpy(text + 9, content, len);
    int failed = mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), plan->key, sizeof plan->key, text,
                                 9 + len, digest);
    memcpy(code, digest, CODE_SIZE);
    return failed ? SELKIE_ECRYPTO : 0;
}

/* SELKIE_EINVAL: line `*number` is too long. */
static int read_lines(struct selkie_payload_plan *plan, FILE *file, unsigned *number)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len = 0;
    bool too_long = false;

    for (*number = 1; !too_long && (len = getline(&line, &room, file)) >= 0; ++*number) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            line[--len] = '\0';
        if (len == 0)
            continue;
        too_long = len > SELKIE_PAYLOAD_TEXT_MAX;
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
    if (too_long) {
        --*number;
        return SELKIE_EINVAL;
    }
    return ferror(file) || !feof(file) ? SELKIE_EIO : 0;
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

    FILE *stream = fopen(file, "re");
    if (!stream) {
        (void)snprintf(error, 256, "%.200s: %s", file, strerror(errno));
        return SELKIE_EIO;
    }
    unsigned number;
    int result = read_lines(plan, stream, &number);
    (void)fclose(stream);
    if (result == SELKIE_EINVAL)
        (void)snprintf(error, 256, "%.200s:%u: is longer than %d bytes", file, number, SELKIE_PAYLOAD_TEXT_MAX);
    else if (result < 0)
        (void)snprintf(error, 256, "%.200s: cannot be read to its end", file);
    else if (plan->line_count == 0)
        (void)snprintf(error, 256, "%.200s: has no lines to send", file);
    if (result == 0 && plan->line_count > 0)
        return 0;
    selkie_payload_plan_close(plan);
    return SELKIE_EIO;
}

void selkie_payload_plan_close(struct selkie_payload_plan *plan)
{
    for (size_t i = 0; i < plan->line_count; i++)
        free(plan->lines[i]);
    free(plan->lines);
    memset(plan, 0, sizeof *plan);
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

static size_t make_constant(const struct selkie_payload_plan *plan, struct selkie_payload_walk *walk, unsigned maker,
                            uint32_t device, uint32_t number, uint8_t bytes[static SELKIE_PAYLOAD_MAX])
{
    size_t content = plan->size - SELKIE_PAYLOAD_SIZE_MIN;

    selkie_prng_fill(&walk->random, bytes, content);
    put_u32(bytes + content, number);
    if (compute_code(bytes + content + NUMBER_SIZE, plan, maker, device, number, bytes, content) < 0)
        memset(bytes + content + NUMBER_SIZE, 0, CODE_SIZE);
    return plan->size;
}

size_t selkie_payload_make(const struct selkie_payload_plan *plan, struct selkie_payload_walk *walk,
                           enum selkie_payload_maker maker, uint32_t device, uint32_t number,
                           uint8_t bytes[static SELKIE_PAYLOAD_MAX])
{
    char *text = (char *)bytes;
    uint8_t code[CODE_SIZE] = {0};
    int len;

    if (plan->kind == SELKIE_PAYLOAD_CONSTANT)
        return make_constant(plan, walk, (unsigned)maker, device, number, bytes);
    if (plan->kind == SELKIE_PAYLOAD_SENSOR) {
        walk->celsius = step(&walk->random, walk->celsius, 20, 0.5f);
        walk->humidity = step(&walk->random, walk->humidity, 50, 1);
        len = snprintf(text, SELKIE_PAYLOAD_MAX, "t=%.2f h=%.1f", (double)walk->celsius, (double)walk->humidity);
    } else {
        len = snprintf(text, SELKIE_PAYLOAD_MAX, "%s", plan->lines[(device + number) % plan->line_count]);
    }
    if (compute_code(code, plan, (unsigned)maker, device, number, bytes, (size_t)len) < 0)
        memset(code, 0, sizeof code);
    uint64_t word = (uint64_t)get_u32(code) << 32 | get_u32(code + 4);
    len += snprintf(text + len, SELKIE_PAYLOAD_MAX - (size_t)len, " n=%" PRIu32 " k=%016" PRIx64, number, word);
    return (size_t)len;
}

/* Part a text payload: content, number and code. */
static int part_text(const uint8_t *bytes, size_t len, size_t *content, uint32_t *number,
                     uint8_t code[static CODE_SIZE])
{
    char text[SELKIE_PAYLOAD_MAX + 1], *end;

    memcpy(text, bytes, len);
    text[len] = '\0';
    char *tail = strrchr(text, 'n');
    if (!tail || tail == text || tail[-1] != ' ' || tail[1] != '=' || tail[2] < '0' || tail[2] > '9')
        return SELKIE_EREFUSED;
    unsigned long long value = strtoull(tail + 2, &end, 10);
    if (value > UINT32_MAX || strncmp(end, " k=", 3) != 0 || strspn(end + 3, "0123456789abcdef") != 16 ||
        end + 19 != text + len)
        return SELKIE_EREFUSED;
    unsigned long long word = strtoull(end + 3, NULL, 16);
    *content = (size_t)(tail - 1 - text);
    *number = (uint32_t)value;
    put_u32(code, (uint32_t)(word >> 32));
    put_u32(code + 4, (uint32_t)word);
    return 0;
}

int selkie_payload_check(const struct selkie_payload_plan *plan, uint32_t device, const uint8_t *bytes, size_t len,
                         uint32_t *number)
{
    uint8_t code[CODE_SIZE], expected[CODE_SIZE];
    size_t content;

    if (len < SELKIE_PAYLOAD_SIZE_MIN || len > SELKIE_PAYLOAD_MAX)
        return SELKIE_EREFUSED;
    if (plan->kind == SELKIE_PAYLOAD_CONSTANT) {
        content = len - SELKIE_PAYLOAD_SIZE_MIN;
        *number = get_u32(bytes + content);
        memcpy(code, bytes + content + NUMBER_SIZE, CODE_SIZE);
    } else if (part_text(bytes, len, &content, number, code) < 0) {
        return SELKIE_EREFUSED;
    }
    for (unsigned maker = 0; maker < SELKIE_MAKERS; maker++) {
        if (compute_code(expected, plan, maker, device, *number, bytes, content) == 0 &&
            memcmp(code, expected, CODE_SIZE) == 0)
            return (int)maker;
    }
    return SELKIE_EREFUSED;
}
