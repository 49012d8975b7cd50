/* SPDX-License-Identifier: Apache-2.0 */
/* PROTOCOL.md, sections 5 and 6. */
#define _GNU_SOURCE /* memmem */
#include <check.h>
#include <run_suite.h>
#include <selkie/session.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/test_random.h>
#include <vectors/vectors.h>

static struct selkie_session make_session(uint64_t seed)
{
    struct test_random random = {seed};
    uint8_t address[SELKIE_ADDRESS_SIZE], id[SELKIE_ID_SIZE];
    struct selkie_session session;
    test_random_fill(&random, address, sizeof address);
    test_random_fill(&random, id, sizeof id);
    ck_assert_int_eq(selkie_session_derive(&session, address, id), 0);
    return session;
}

static int open_body(uint8_t payload[static SELKIE_PAYLOAD_MAX], const struct selkie_session *session, uint32_t counter,
                     const uint8_t *body, size_t len)
{
    struct selkie_frame frame;
    int error = selkie_frame_decode(&frame, body, len);
    return error < 0 ? error : selkie_session_open(payload, session, counter, &frame);
}

START_TEST(golden_vectors_seal_and_open)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    json_t *vectors = json_object_get(root, "session");
    uint8_t address[SELKIE_ADDRESS_SIZE], id[SELKIE_ID_SIZE];
    uint8_t key[SELKIE_SESSION_KEY_SIZE], tag[SELKIE_SESSION_TAG_SIZE];
    vectors_copy(address, sizeof address, vectors, "address");
    vectors_copy(id, sizeof id, vectors, "id");
    vectors_copy(key, sizeof key, vectors, "key");
    vectors_copy(tag, sizeof tag, vectors, "session_tag");
    struct selkie_session session;
    ck_assert_int_eq(selkie_session_derive(&session, address, id), 0);
    ck_assert_mem_eq(session.address, address, sizeof address);
    ck_assert_mem_eq(session.key, key, sizeof key);
    ck_assert_mem_eq(session.tag, tag, sizeof tag);

    size_t i;
    json_t *vector;
    json_array_foreach (vectors_list(vectors, "frames"), i, vector) {
        size_t payload_len, body_len;
        uint32_t counter = (uint32_t)vectors_integer(vector, "counter");
        uint8_t *payload = vectors_bytes(vector, "payload", &payload_len);
        uint8_t *body = vectors_bytes(vector, "body", &body_len);
        uint8_t sealed[SELKIE_SESSION_SIZE_MAX], opened[SELKIE_PAYLOAD_MAX];
        int len = selkie_session_seal(sealed, sizeof sealed, &session, counter, payload, payload_len);
        ck_assert_int_eq(len, (int)body_len);
        ck_assert_mem_eq(sealed, body, body_len);
        ck_assert_int_eq(open_body(opened, &session, counter, body, body_len), (int)payload_len);
        ck_assert_mem_eq(opened, payload, payload_len);
        free(payload);
        free(body);
    }
    json_decref(root);
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
    struct selkie_session session = make_session(1);
    uint8_t body[SELKIE_SESSION_SIZE_MAX], payload[SELKIE_PAYLOAD_MAX];
    const uint8_t reading[] = "16-byte reading!";
    int len = selkie_session_seal(body, sizeof body, &session, 70000, reading, sizeof reading - 1);
    ck_assert_int_eq(len, 31);
    for (int bit = 0; bit < 8 * len; bit++) {
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
        memset(payload, 0xEE, sizeof payload);
        int result = open_body(payload, &session, 70000, body, (size_t)len);
        ck_assert(result == SELKIE_EBADSEAL || (bit < 8 && result == SELKIE_EMALFORMED));
        ck_assert_ptr_eq(memmem(payload, sizeof payload, reading, 8), NULL);
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_int_eq(open_body(payload, &session, 70000, body, (size_t)len), 16);
}
END_TEST

START_TEST(nothing_of_a_refused_plaintext_is_left)
{
    struct selkie_session session = make_session(2);
    uint8_t body[SELKIE_SESSION_SIZE_MAX], payload[SELKIE_PAYLOAD_MAX], zeros[SELKIE_PAYLOAD_MAX] = {0};
    memset(payload, 0x41, sizeof payload);
    int len = selkie_session_seal(body, sizeof body, &session, 9, payload, sizeof payload);
    ck_assert_int_eq(len, SELKIE_SESSION_SIZE_MAX);
    body[len - 1] ^= 1;
    ck_assert_int_eq(open_body(payload, &session, 9, body, (size_t)len), SELKIE_EBADSEAL);
    ck_assert_mem_eq(payload, zeros, sizeof zeros);
}
END_TEST

START_TEST(another_counter_with_the_same_low_bits_is_refused)
{
    struct selkie_session session = make_session(3);
    uint8_t body[SELKIE_SESSION_SIZE_MAX], payload[SELKIE_PAYLOAD_MAX];
    int len = selkie_session_seal(body, sizeof body, &session, 0x12345, (const uint8_t *)"x", 1);
    ck_assert_int_eq(len, 16);
    ck_assert_int_eq(open_body(payload, &session, 0x02345, body, 16), SELKIE_EBADSEAL);
    ck_assert_int_eq(open_body(payload, &session, 0x22345, body, 16), SELKIE_EBADSEAL);
    ck_assert_int_eq(open_body(payload, &session, 0x12346, body, 16), SELKIE_EBADSEAL);
    ck_assert_int_eq(open_body(payload, &session, 0x12345, body, 16), 1);
}
END_TEST

START_TEST(another_session_with_the_same_tag_is_refused)
{
    struct selkie_session session = make_session(4), other = make_session(5);
    memcpy(other.tag, session.tag, sizeof other.tag);
    uint8_t body[SELKIE_SESSION_SIZE_MAX], payload[SELKIE_PAYLOAD_MAX];
    ck_assert_int_eq(selkie_session_seal(body, sizeof body, &session, 1, (const uint8_t *)"x", 1), 16);
    ck_assert_int_eq(open_body(payload, &other, 1, body, 16), SELKIE_EBADSEAL);
}
END_TEST

START_TEST(every_payload_length_comes_back)
{
    struct selkie_session session = make_session(6);
    struct test_random random = {6};
    uint8_t body[SELKIE_SESSION_SIZE_MAX], payload[SELKIE_PAYLOAD_MAX], opened[SELKIE_PAYLOAD_MAX];
    for (size_t len = 0; len <= SELKIE_PAYLOAD_MAX; len++) {
        uint32_t counter = (uint32_t)test_random_next(&random);
        test_random_fill(&random, payload, len);
        int size = selkie_session_seal(body, SELKIE_SESSION_OVERHEAD + len, &session, counter, payload, len);
        ck_assert_int_eq(size, (int)(SELKIE_SESSION_OVERHEAD + len));
        ck_assert_int_eq(open_body(opened, &session, counter, body, (size_t)size), (int)len);
        ck_assert(len == 0 || memcmp(opened, payload, len) == 0);
    }
}
END_TEST

START_TEST(seal_refuses_long_payloads_and_small_buffers)
{
    struct selkie_session session = make_session(7);
    uint8_t body[SELKIE_SESSION_SIZE_MAX + 1], payload[SELKIE_PAYLOAD_MAX + 1] = {0};
    ck_assert_int_eq(selkie_session_seal(body, sizeof body, &session, 1, payload, sizeof payload), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_session_seal(body, SELKIE_SESSION_OVERHEAD + 9, &session, 1, payload, 10), SELKIE_ESPACE);
}
END_TEST

START_TEST(open_refuses_other_types)
{
    struct selkie_session session = make_session(8);
    uint8_t sealed[SELKIE_SEALED_SIZE] = {SELKIE_VERSION_1 << 4}, payload[SELKIE_PAYLOAD_MAX];
    ck_assert_int_eq(open_body(payload, &session, 1, sealed, sizeof sealed), SELKIE_EBADSEAL);
}
END_TEST

START_TEST(keys_depend_on_address_and_id_and_are_wiped)
{
    uint8_t address[SELKIE_ADDRESS_SIZE] = {1}, id[SELKIE_ID_SIZE] = {2};
    struct selkie_session a, b, c, zero;
    memset(&zero, 0, sizeof zero);
    ck_assert_int_eq(selkie_session_derive(&a, address, id), 0);
    address[7] ^= 1;
    ck_assert_int_eq(selkie_session_derive(&b, address, id), 0);
    id[31] ^= 1;
    ck_assert_int_eq(selkie_session_derive(&c, address, id), 0);
    ck_assert_mem_ne(a.key, b.key, sizeof a.key);
    ck_assert_mem_ne(b.key, c.key, sizeof b.key);
    ck_assert_mem_ne(b.tag, c.tag, sizeof b.tag);
    selkie_session_wipe(&a);
    ck_assert_mem_eq(&a, &zero, sizeof a);
}
END_TEST

/* What the contract says, tried out one by one: of all counters with these low bits, the nearest. */
static uint32_t counter_by_search(uint32_t highest, uint16_t low)
{
    for (int64_t candidate = (int64_t)highest - 32767; candidate <= (int64_t)highest + 32768; candidate++) {
        if (candidate >= 0 && candidate <= UINT32_MAX && (uint16_t)candidate == low)
            return (uint32_t)candidate;
    }
    /* At an end of the range one side is missing: the nearest one on the other side. */
    int64_t step = highest < 0x80000000u ? 1 : -1;
    int64_t candidate = highest;
    while ((uint16_t)candidate != low)
        candidate += step;
    return (uint32_t)candidate;
}

START_TEST(counter_is_restored_to_the_nearest)
{
    static const uint32_t around[] = {0,     1,          4096,       32767,      32768,      65535,      65536,
                                      98304, 0x7FFFFFFF, 0x80000000, 0xFFFF0000, 0xFFFF7FFF, 0xFFFF8000, 0xFFFFFFFF};
    struct test_random random = {9};
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        for (int spread = -2; spread <= 2; spread++) {
            uint32_t highest = around[i] + (uint32_t)spread;
            uint32_t special[] = {0,
                                  1,
                                  0x7FFF,
                                  0x8000,
                                  0xFFFF,
                                  highest,
                                  highest + 1,
                                  highest - 1,
                                  highest + 32767,
                                  highest + 32768,
                                  highest + 32769,
                                  highest - 32767,
                                  highest - 32768};
            for (size_t j = 0; j < sizeof special / sizeof special[0] + 20; j++) {
                uint16_t low =
                    j < sizeof special / sizeof special[0] ? (uint16_t)special[j] : (uint16_t)test_random_next(&random);
                ck_assert_uint_eq(selkie_session_counter(highest, low), counter_by_search(highest, low));
            }
        }
    }
}
END_TEST

START_TEST(counter_survives_losses_around_the_wrap)
{
    /* A device goes on from 65,000; after any loss of up to 32,767 frames the receiver finds its counter. */
    struct test_random random = {10};
    uint32_t highest = 65000;
    for (int i = 0; i < 100000; i++) {
        uint32_t sent = highest + 1 + (uint32_t)test_random_below(&random, 32768);
        if (sent < highest)
            break;
        ck_assert_uint_eq(selkie_session_counter(highest, (uint16_t)sent), sent);
        highest = sent;
    }
    ck_assert_uint_eq(selkie_session_counter(65535, 0), 65536);
    ck_assert_uint_eq(selkie_session_counter(65536, 65535), 65535);
    ck_assert_uint_eq(selkie_session_counter(100000, (uint16_t)130000), 130000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *tc = tcase_create("session");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, golden_vectors_seal_and_open);
    tcase_add_test(tc, every_flipped_bit_is_refused);
    tcase_add_test(tc, nothing_of_a_refused_plaintext_is_left);
    tcase_add_test(tc, another_counter_with_the_same_low_bits_is_refused);
    tcase_add_test(tc, another_session_with_the_same_tag_is_refused);
    tcase_add_test(tc, every_payload_length_comes_back);
    tcase_add_test(tc, seal_refuses_long_payloads_and_small_buffers);
    tcase_add_test(tc, open_refuses_other_types);
    tcase_add_test(tc, keys_depend_on_address_and_id_and_are_wiped);
    tcase_add_test(tc, counter_is_restored_to_the_nearest);
    tcase_add_test(tc, counter_survives_losses_around_the_wrap);
    return run_suite(suite);
}
