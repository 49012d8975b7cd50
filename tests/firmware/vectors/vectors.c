/* SPDX-License-Identifier: Apache-2.0 */
/* The golden vectors on a target without files: what a device makes must be the same bytes on any core. A device only
 * seals, so each vector is made, not opened; SESSION frames and link frames are opened as well. The exit status is 0 if
 * all are right; else the first that is not is named. Then a device sends, for an outsider to open. */
#include "lone_device.h"

#include <mbedtls/memory_buffer_alloc.h>
#include <selkie/device/seal.h>
#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <selkie/link.h>
#include <selkie/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t len;
};
struct crc_vector {
    struct bytes data;
    uint16_t crc;
};
struct link_vector {
    struct bytes body, wire;
};
struct sealed_vector {
    struct bytes seed, message, body;
};
struct session_vector {
    uint32_t counter;
    struct bytes payload, body;
};
struct fragment_vector {
    struct bytes body;
    uint8_t k, chunk, index;
    struct bytes fragment;
};
#include "vectors.h"

static unsigned checked;

void board_exit(int status)
{
    printf("mbedTLS's pool is corrupt (%d)\n", status);
    exit(1);
}

static void check(bool right, const char *what, size_t index)
{
    checked++;
    if (right)
        return;
    printf("vector %s %u is wrong\n", what, (unsigned)index);
    exit(1);
}

static bool same(const struct bytes *expected, const void *data, int len)
{
    return len >= 0 && (size_t)len == expected->len && memcmp(data, expected->data, expected->len) == 0;
}

static void check_links(void)
{
    static struct selkie_link_rx rx;
    uint8_t wire[SELKIE_LINK_WIRE_MAX];

    for (size_t i = 0; i < sizeof crcs / sizeof crcs[0]; i++)
        check(selkie_crc16(crcs[i].data.data, crcs[i].data.len) == crcs[i].crc, "crc16", i);
    selkie_link_rx_init(&rx);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        const struct link_vector *link = &links[i];
        int len = selkie_link_encode(wire, sizeof wire, link->body.data, link->body.len);
        check(same(&link->wire, wire, len), "link", i);
        int received = 0;
        for (size_t at = 0; at < link->wire.len && received == 0; at++)
            received = selkie_link_rx_byte(&rx, link->wire.data[at]);
        check(same(&link->body, rx.body, received), "link received", i);
    }
}

/* OAEP asks once, for its seed. */
static int give_seed(void *context, uint8_t *bytes, size_t len)
{
    const struct bytes *seed = context;
    if (len != seed->len)
        return -1;
    memcpy(bytes, seed->data, len);
    return 0;
}

static void check_seals(void)
{
    const struct selkie_public_key key = {.key_id = spki_key_id, .spki = spki.data};
    static uint8_t body[SELKIE_SEALED_SIZE];

    for (size_t i = 0; i < sizeof seals / sizeof seals[0]; i++) {
        struct selkie_message message;
        struct bytes seed = seals[i].seed;
        check(selkie_message_decode(&message, seals[i].message.data, seals[i].message.len) == 0, "message", i);
        check(selkie_seal_message(body, &key, &message, give_seed, &seed) == 0, "seal", i);
        check(same(&seals[i].body, body, sizeof body), "sealed", i);
    }
}

static void check_sessions(void)
{
    static uint8_t body[SELKIE_SESSION_SIZE_MAX], payload[SELKIE_PAYLOAD_MAX];
    struct selkie_session session;

    check(selkie_session_derive(&session, session_address.data, session_id.data) == 0, "session key", 0);
    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++) {
        const struct session_vector *vector = &sessions[i];
        struct selkie_frame frame;
        int len = selkie_session_seal(body, sizeof body, &session, vector->counter, vector->payload.data,
                                      vector->payload.len);
        check(same(&vector->body, body, len), "session", i);
        check(selkie_frame_decode(&frame, vector->body.data, vector->body.len) == 0, "session frame", i);
        len = selkie_session_open(payload, &session, vector->counter, &frame);
        check(same(&vector->payload, payload, len), "session opened", i);
    }
}

static void check_fragments(void)
{
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX];

    for (size_t i = 0; i < sizeof fragments / sizeof fragments[0]; i++) {
        const struct fragment_vector *vector = &fragments[i];
        struct selkie_fragment_plan plan = {.k = vector->k,
                                            .chunk = vector->chunk,
                                            .set =
                                                (uint16_t)(vector->fragment.data[1] << 8 | vector->fragment.data[2])};
        size_t len = selkie_fragment_write(fragment, &plan, vector->body.data, vector->body.len, vector->index);
        check(same(&vector->fragment, fragment, (int)len), "fragment", i);
    }
}

int main(void)
{
    static unsigned char pool[32768];

    mbedtls_memory_buffer_alloc_init(pool, sizeof pool);
    check_links();
    check_seals();
    check_sessions();
    check_fragments();
    printf("%u vectors are right on %s\n", checked, SELKIE_TARGET);
    lone_device_run(spki.data, spki_key_id);
    return 0;
}
