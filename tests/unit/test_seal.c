/* SPDX-License-Identifier: Apache-2.0 */
/* PROTOCOL.md, section 4, the device's half; and the keys it is done with. */
#define _GNU_SOURCE /* memmem */
#include "fake_port.h"
#include <check.h>
#include <pthread.h>
#include <run_suite.h>
#include <selkie/device/seal.h>
#include <selkie/mbedtls.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/vectors.h>

static struct fake_port fake;

static void set_up(void)
{
    fake_port_init(&fake, 1);
}

static void tear_down(void)
{
    fake_port_free(&fake);
}

static int give_seed(void *context, uint8_t *bytes, size_t len)
{
    memcpy(bytes, context, len);
    return 0;
}

static int refuse(void *context, uint8_t *bytes, size_t len)
{
    (void)context, (void)bytes, (void)len;
    return -1;
}

START_TEST(golden_vectors_seal_to_the_same_bytes)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    size_t i;
    json_t *vector;
    json_array_foreach (vectors_list(root, "sealed"), i, vector) {
        uint8_t seed[32], body[SELKIE_SEALED_SIZE], expected[SELKIE_SEALED_SIZE];
        size_t len;
        struct selkie_message message;
        struct selkie_public_key key = {.key_id = (uint8_t)vectors_integer(vector, "key_id"), .spki = fake.spki};
        uint8_t *plain = vectors_bytes(vector, "message", &len);
        vectors_copy(seed, sizeof seed, vector, "oaep_seed");
        vectors_copy(expected, sizeof expected, vector, "body");
        ck_assert_int_eq(selkie_message_decode(&message, plain, len), 0);
        ck_assert_int_eq(selkie_seal_message(body, &key, &message, give_seed, seed), 0);
        ck_assert_mem_eq(body, expected, sizeof body);
        free(plain);
    }
    json_decref(root);
}
END_TEST

static struct selkie_message make_message(void)
{
    struct selkie_message message = {.kind = SELKIE_DATA, .counter = 5};
    memset(message.address, 0x11, sizeof message.address);
    memset(message.id, 0xa7, sizeof message.id);
    message.data.payload = (const uint8_t *)"a payload";
    message.data.payload_len = 9;
    return message;
}

struct sealing {
    struct selkie_public_key key;
    struct selkie_message message;
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t seed[32];
    int error;
};

static void *seal_once(void *argument)
{
    struct sealing *sealing = argument;
    sealing->error = selkie_seal_message(sealing->body, &sealing->key, &sealing->message, give_seed, sealing->seed);
    return NULL;
}

START_TEST(nothing_of_the_message_is_left_on_the_stack)
{
    static uint8_t stack[2 * 1024 * 1024] __attribute__((aligned(4096))); /* ThreadSanitizer needs 1 MB */
    struct sealing sealing = {.key = {.key_id = 1, .spki = fake.spki}, .message = make_message()};
    pthread_attr_t attributes;
    pthread_t thread;
    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstack(&attributes, stack, sizeof stack), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, seal_once, &sealing), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    ck_assert_int_eq(sealing.error, 0);
    ck_assert_ptr_null(memmem(stack, sizeof stack, sealing.message.id, 8));
    ck_assert_ptr_null(memmem(stack, sizeof stack, "a payload", 9));
}
END_TEST

START_TEST(without_randomness_nothing_of_the_message_is_left)
{
    struct selkie_public_key key = {.key_id = 1, .spki = fake.spki};
    struct selkie_message message = make_message();
    uint8_t body[SELKIE_SEALED_SIZE];
    ck_assert_int_eq(selkie_seal_message(body, &key, &message, refuse, NULL), SELKIE_ECRYPTO);
    ck_assert_ptr_null(memmem(body, sizeof body, message.id, 8));
    ck_assert_ptr_null(memmem(body, sizeof body, "payload", 7));
}
END_TEST

START_TEST(fields_out_of_bounds_are_refused)
{
    struct selkie_public_key key = {.key_id = 1, .spki = fake.spki};
    struct selkie_message message = make_message();
    uint8_t body[SELKIE_SEALED_SIZE], seed[32] = {0};
    message.data.payload_len = SELKIE_PAYLOAD_MAX + 1;
    ck_assert_int_eq(selkie_seal_message(body, &key, &message, give_seed, seed), SELKIE_EINVAL);
}
END_TEST

START_TEST(the_pinned_key_is_trusted)
{
    struct selkie_public_key keys[SELKIE_TRUST_KEYS] = {{.key_id = 1, .spki = fake.spki}};
    const struct selkie_public_key *chosen;
    ck_assert_int_eq(selkie_trust_check_all(keys, &fake.port), 0);
    ck_assert_int_eq(selkie_trust_choose(&chosen, keys, &fake.port), 0);
    ck_assert_ptr_eq(chosen, &keys[0]);
}
END_TEST

START_TEST(every_flipped_bit_of_the_key_is_noticed)
{
    uint8_t spki[SELKIE_PUBLIC_KEY_SIZE];
    struct selkie_public_key key = {.key_id = 1, .spki = spki};
    memcpy(spki, fake.spki, sizeof spki);
    ck_assert_int_eq(selkie_trust_check(&key, 0, &fake.port), 0);
    for (size_t bit = 0; bit < 8 * sizeof spki; bit++) {
        spki[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_int_eq(selkie_trust_check(&key, 0, &fake.port), SELKIE_ETRUST);
        spki[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
END_TEST

START_TEST(a_pin_that_cannot_be_read_is_a_mismatch)
{
    struct selkie_public_key key = {.key_id = 1, .spki = fake.spki};
    fake.fails[FAKE_READ_PIN] = true;
    ck_assert_int_eq(selkie_trust_check(&key, 0, &fake.port), SELKIE_ETRUST);
    fake.fails[FAKE_READ_PIN] = false;
    memset(fake.pins[0], 0xff, SELKIE_PIN_SIZE); /* never programmed */
    ck_assert_int_eq(selkie_trust_check(&key, 0, &fake.port), SELKIE_ETRUST);
}
END_TEST

START_TEST(another_kind_of_key_is_refused_even_if_pinned)
{
    uint8_t spki[SELKIE_PUBLIC_KEY_SIZE];
    struct selkie_public_key key = {.key_id = 1, .spki = spki};
    memcpy(spki, fake.spki, sizeof spki);
    spki[SELKIE_PUBLIC_KEY_SIZE - 1] = 3; /* another exponent */
    ck_assert_int_eq(selkie_mbedtls_sha256(spki, sizeof spki, fake.pins[0], 0), 0);
    ck_assert_int_eq(selkie_trust_check(&key, 0, &fake.port), SELKIE_ETRUST);
    key.spki = NULL;
    ck_assert_int_eq(selkie_trust_check(&key, 0, &fake.port), SELKIE_ETRUST);
}
END_TEST

START_TEST(the_operator_switches_to_the_next_key)
{
    struct selkie_public_key keys[SELKIE_TRUST_KEYS] = {{.key_id = 1, .spki = fake.spki},
                                                        {.key_id = 2, .spki = fake.spki}};
    const struct selkie_public_key *chosen;
    fake.slot = 1;
    ck_assert_int_eq(selkie_trust_choose(&chosen, keys, &fake.port), 0);
    ck_assert_uint_eq(chosen->key_id, 2);
    fake.pins[1][0] ^= 1;
    ck_assert_int_eq(selkie_trust_choose(&chosen, keys, &fake.port), SELKIE_ETRUST);
    ck_assert_int_eq(selkie_trust_check_all(keys, &fake.port), SELKIE_ETRUST);
    keys[1].key_id = 0; /* there is none to switch to */
    ck_assert_int_eq(selkie_trust_choose(&chosen, keys, &fake.port), SELKIE_ETRUST);
    fake.slot = 2;
    ck_assert_int_eq(selkie_trust_choose(&chosen, keys, &fake.port), SELKIE_ETRUST);
    fake.port.key_slot = NULL;
    ck_assert_int_eq(selkie_trust_choose(&chosen, keys, &fake.port), 0);
    ck_assert_uint_eq(chosen->key_id, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seal");
    TCase *tc = tcase_create("seal");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, golden_vectors_seal_to_the_same_bytes);
    tcase_add_test(tc, nothing_of_the_message_is_left_on_the_stack);
    tcase_add_test(tc, without_randomness_nothing_of_the_message_is_left);
    tcase_add_test(tc, fields_out_of_bounds_are_refused);
    tcase_add_test(tc, the_pinned_key_is_trusted);
    tcase_add_test(tc, every_flipped_bit_of_the_key_is_noticed);
    tcase_add_test(tc, a_pin_that_cannot_be_read_is_a_mismatch);
    tcase_add_test(tc, another_kind_of_key_is_refused_even_if_pinned);
    tcase_add_test(tc, the_operator_switches_to_the_next_key);
    return run_suite(suite);
}
