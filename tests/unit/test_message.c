/* SPDX-License-Identifier: Apache-2.0 */
/* PROTOCOL.md, section 4: what is inside a seal. */
#include <check.h>
#include <run_suite.h>
#include <selkie/message.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/test_random.h>
#include <vectors/vectors.h>

/* A message in a block of its exact size, so that a read past its end is seen. */
static int decode(struct selkie_message *message, const uint8_t *bytes, size_t len, uint8_t **copy)
{
    *copy = malloc(len == 0 ? 1 : len);
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy, bytes, len);
    return selkie_message_decode(message, *copy, len);
}

static int decode_result(const uint8_t *bytes, size_t len)
{
    struct selkie_message message;
    uint8_t *copy;
    int result = decode(&message, bytes, len, &copy);
    free(copy);
    return result;
}

static void expect_bytes(const json_t *vector, const char *key, const void *bytes, size_t len)
{
    size_t expected_len;
    uint8_t *expected = vectors_bytes(vector, key, &expected_len);
    ck_assert_uint_eq(len, expected_len);
    ck_assert(len == 0 || memcmp(bytes, expected, len) == 0);
    free(expected);
}

static void expect_fields(const struct selkie_message *message, const json_t *vector)
{
    expect_bytes(vector, "address", message->address, sizeof message->address);
    expect_bytes(vector, "id", message->id, sizeof message->id);
    ck_assert_uint_eq(message->counter, (uint32_t)vectors_integer(vector, "counter"));
    if (strcmp(vectors_text(vector, "kind"), "data") == 0) {
        ck_assert_int_eq(message->kind, SELKIE_DATA);
        expect_bytes(vector, "payload", message->data.payload, message->data.payload_len);
        return;
    }
    ck_assert_int_eq(message->kind, SELKIE_REGISTER);
    if (json_object_get(vector, "claim") == NULL) {
        ck_assert_uint_eq(message->registration.flags, 0);
        ck_assert_uint_eq(message->registration.claim_len, 0);
        ck_assert_uint_eq(message->registration.firmware_len, 0);
        return;
    }
    ck_assert_int_eq(message->registration.flags, (int)vectors_integer(vector, "flags"));
    expect_bytes(vector, "claim", message->registration.claim, message->registration.claim_len);
    const char *firmware = vectors_text(vector, "firmware");
    ck_assert_uint_eq(message->registration.firmware_len, strlen(firmware));
    ck_assert_mem_eq(message->registration.firmware, firmware, strlen(firmware));
}

START_TEST(golden_vectors_decode_and_encode)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    size_t i;
    json_t *vector;
    json_array_foreach (vectors_list(root, "sealed"), i, vector) {
        size_t len;
        uint8_t *bytes = vectors_bytes(vector, "message", &len);
        uint8_t encoded[SELKIE_MESSAGE_MAX];
        struct selkie_message message;
        ck_assert_int_eq(selkie_message_decode(&message, bytes, len), 0);
        expect_fields(&message, vector);
        ck_assert_int_eq(selkie_message_encode(encoded, &message), (int)len);
        ck_assert_mem_eq(encoded, bytes, len);
        free(bytes);
    }
    json_decref(root);
}
END_TEST

/* A message with its header, and a body to follow at SELKIE_MESSAGE_HEADER_SIZE. */
static void begin(uint8_t bytes[static 512], enum selkie_message_kind kind)
{
    memset(bytes, 0x5A, 512);
    bytes[0] = (uint8_t)kind;
}

START_TEST(decode_refuses_every_short_header)
{
    uint8_t bytes[512];
    begin(bytes, SELKIE_DATA);
    for (size_t len = 0; len < SELKIE_MESSAGE_HEADER_SIZE; len++)
        ck_assert_int_eq(decode_result(bytes, len), SELKIE_EMALFORMED);
    ck_assert_int_eq(decode_result(bytes, SELKIE_MESSAGE_HEADER_SIZE), 0);
}
END_TEST

START_TEST(decode_refuses_every_unknown_kind)
{
    uint8_t bytes[512];
    const uint8_t nothing[3] = {0};
    for (int kind = 0; kind < 256; kind++) {
        begin(bytes, (enum selkie_message_kind)kind);
        memcpy(bytes + SELKIE_MESSAGE_HEADER_SIZE, nothing, sizeof nothing);
        int expected = kind == SELKIE_REGISTER || kind == SELKIE_DATA ? 0 : SELKIE_EMALFORMED;
        ck_assert_int_eq(decode_result(bytes, SELKIE_MESSAGE_HEADER_SIZE + sizeof nothing), expected);
    }
}
END_TEST

START_TEST(decode_takes_payloads_up_to_400_bytes)
{
    uint8_t bytes[512];
    begin(bytes, SELKIE_DATA);
    for (size_t len = 0; len <= 401; len++)
        ck_assert_int_eq(decode_result(bytes, SELKIE_MESSAGE_HEADER_SIZE + len), len <= 400 ? 0 : SELKIE_EMALFORMED);
}
END_TEST

START_TEST(decode_refuses_reserved_flags)
{
    uint8_t bytes[512];
    begin(bytes, SELKIE_REGISTER);
    memset(bytes + SELKIE_MESSAGE_HEADER_SIZE, 0, 3);
    for (int flags = 0; flags < 256; flags++) {
        bytes[SELKIE_MESSAGE_HEADER_SIZE] = (uint8_t)flags;
        ck_assert_int_eq(decode_result(bytes, SELKIE_MESSAGE_HEADER_SIZE + 3), flags <= 1 ? 0 : SELKIE_EMALFORMED);
    }
}
END_TEST

START_TEST(decode_takes_a_registration_only_at_its_exact_length)
{
    uint8_t bytes[512];
    for (size_t claim_len = 0; claim_len <= 66; claim_len++) {
        for (size_t firmware_len = 0; firmware_len <= 34; firmware_len++) {
            begin(bytes, SELKIE_REGISTER);
            uint8_t *at = bytes + SELKIE_MESSAGE_HEADER_SIZE;
            at[0] = 0;
            at[1] = (uint8_t)claim_len;
            at[2 + claim_len] = (uint8_t)firmware_len;
            size_t len = SELKIE_MESSAGE_HEADER_SIZE + 3 + claim_len + firmware_len;
            bool allowed = claim_len <= 64 && firmware_len <= 32;
            ck_assert_int_eq(decode_result(bytes, len), allowed ? 0 : SELKIE_EMALFORMED);
            ck_assert_int_eq(decode_result(bytes, len - 1), SELKIE_EMALFORMED);
            ck_assert_int_eq(decode_result(bytes, len + 1), SELKIE_EMALFORMED);
        }
    }
}
END_TEST

START_TEST(decode_takes_printable_firmware_only)
{
    uint8_t bytes[512];
    begin(bytes, SELKIE_REGISTER);
    uint8_t *at = bytes + SELKIE_MESSAGE_HEADER_SIZE;
    at[0] = at[1] = 0;
    at[2] = 3;
    for (int c = 0; c < 256; c++) {
        for (size_t place = 3; place < 6; place++) {
            memcpy(at + 3, "1.0", 3);
            at[place] = (uint8_t)c;
            int expected = c >= ' ' && c <= '~' ? 0 : SELKIE_EMALFORMED;
            ck_assert_int_eq(decode_result(bytes, SELKIE_MESSAGE_HEADER_SIZE + 6), expected);
        }
    }
}
END_TEST

START_TEST(encode_refuses_what_decode_would_refuse)
{
    uint8_t bytes[SELKIE_MESSAGE_MAX];
    const uint8_t payload[SELKIE_PAYLOAD_MAX + 1] = {0};
    struct selkie_message data = {.kind = SELKIE_DATA, .data = {payload, sizeof payload}};
    ck_assert_int_eq(selkie_message_encode(bytes, &data), SELKIE_EINVAL);
    data.data.payload_len--;
    ck_assert_int_eq(selkie_message_encode(bytes, &data), SELKIE_MESSAGE_HEADER_SIZE + SELKIE_PAYLOAD_MAX);
    data.kind = 3;
    ck_assert_int_eq(selkie_message_encode(bytes, &data), SELKIE_EINVAL);

    const char *firmware = "0123456789abcdef0123456789abcdefX";
    struct selkie_message good = {.kind = SELKIE_REGISTER, .registration = {1, payload, 64, firmware, 32}};
    ck_assert_int_eq(selkie_message_encode(bytes, &good), SELKIE_MESSAGE_HEADER_SIZE + 3 + 64 + 32);
    struct selkie_message bad = good;
    bad.registration.flags = 2;
    ck_assert_int_eq(selkie_message_encode(bytes, &bad), SELKIE_EINVAL);
    bad = good;
    bad.registration.claim_len = 65;
    ck_assert_int_eq(selkie_message_encode(bytes, &bad), SELKIE_EINVAL);
    bad = good;
    bad.registration.firmware_len = 33;
    ck_assert_int_eq(selkie_message_encode(bytes, &bad), SELKIE_EINVAL);
    bad = good;
    bad.registration.firmware = "tab\t";
    bad.registration.firmware_len = 4;
    ck_assert_int_eq(selkie_message_encode(bytes, &bad), SELKIE_EINVAL);
}
END_TEST

START_TEST(empty_fields_need_no_pointer)
{
    uint8_t bytes[SELKIE_MESSAGE_MAX];
    struct selkie_message registration = {.kind = SELKIE_REGISTER};
    struct selkie_message data = {.kind = SELKIE_DATA};
    ck_assert_int_eq(selkie_message_encode(bytes, &registration), SELKIE_MESSAGE_HEADER_SIZE + 3);
    ck_assert_int_eq(selkie_message_encode(bytes, &data), SELKIE_MESSAGE_HEADER_SIZE);
}
END_TEST

/* Whatever decodes must be the one way to write these fields. */
START_TEST(random_messages_that_decode_encode_to_the_same_bytes)
{
    struct test_random random = {1};
    unsigned taken = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[512], encoded[SELKIE_MESSAGE_MAX], *copy;
        size_t len = test_random_below(&random, SELKIE_MESSAGE_MAX + 2);
        begin(bytes, (enum selkie_message_kind)(1 + test_random_below(&random, 2)));
        uint8_t *at = bytes + SELKIE_MESSAGE_HEADER_SIZE;
        at[0] = (uint8_t)test_random_below(&random, 3);
        at[1] = (uint8_t)test_random_below(&random, 70);
        at[2 + at[1]] = (uint8_t)test_random_below(&random, 40);
        if (test_random_below(&random, 2) == 0)
            len = SELKIE_MESSAGE_HEADER_SIZE + 3u + at[1] + at[2 + at[1]];
        struct selkie_message message;
        if (decode(&message, bytes, len, &copy) == 0) {
            taken++;
            ck_assert_int_eq(selkie_message_encode(encoded, &message), (int)len);
            ck_assert_mem_eq(encoded, bytes, len);
        }
        free(copy);
    }
    ck_assert_uint_gt(taken, 50000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *tc = tcase_create("message");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, golden_vectors_decode_and_encode);
    tcase_add_test(tc, decode_refuses_every_short_header);
    tcase_add_test(tc, decode_refuses_every_unknown_kind);
    tcase_add_test(tc, decode_takes_payloads_up_to_400_bytes);
    tcase_add_test(tc, decode_refuses_reserved_flags);
    tcase_add_test(tc, decode_takes_a_registration_only_at_its_exact_length);
    tcase_add_test(tc, decode_takes_printable_firmware_only);
    tcase_add_test(tc, encode_refuses_what_decode_would_refuse);
    tcase_add_test(tc, empty_fields_need_no_pointer);
    tcase_add_test(tc, random_messages_that_decode_encode_to_the_same_bytes);
    return run_suite(suite);
}
