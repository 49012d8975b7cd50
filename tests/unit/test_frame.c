/* SPDX-License-Identifier: Apache-2.0 */
/* PROTOCOL.md, section 3. */
#include <check.h>
#include <run_suite.h>
#include <selkie/frame.h>
#include <selkie/link.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/test_random.h>
#include <vectors/vectors.h>

START_TEST(golden_sealed_headers_decode_and_encode)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    size_t i;
    json_t *vector;
    json_array_foreach (vectors_list(root, "sealed"), i, vector) {
        size_t len;
        uint8_t address[SELKIE_ADDRESS_SIZE], header[SELKIE_SEALED_HEADER_SIZE];
        uint8_t *body = vectors_bytes(vector, "body", &len);
        vectors_copy(address, sizeof address, vector, "address");
        struct selkie_frame frame;
        ck_assert_int_eq(selkie_frame_decode(&frame, body, len), 0);
        ck_assert_int_eq(frame.type, SELKIE_SEALED);
        ck_assert_int_eq(frame.sealed.key_id, (int)vectors_integer(vector, "key_id"));
        ck_assert_mem_eq(frame.sealed.address, address, sizeof address);
        ck_assert_ptr_eq(frame.sealed.ciphertext, body + SELKIE_SEALED_HEADER_SIZE);
        selkie_frame_put_sealed_header(header, frame.sealed.key_id, address);
        ck_assert_mem_eq(header, body, sizeof header);
        free(body);
    }
    json_decref(root);
}
END_TEST

START_TEST(golden_session_headers_decode_and_encode)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    json_t *session = json_object_get(root, "session");
    uint8_t tag[SELKIE_SESSION_TAG_SIZE];
    vectors_copy(tag, sizeof tag, session, "session_tag");
    size_t i;
    json_t *vector;
    json_array_foreach (vectors_list(session, "frames"), i, vector) {
        size_t len;
        uint32_t counter = (uint32_t)vectors_integer(vector, "counter");
        uint8_t header[SELKIE_SESSION_HEADER_SIZE];
        uint8_t *body = vectors_bytes(vector, "body", &len);
        struct selkie_frame frame;
        ck_assert_int_eq(selkie_frame_decode(&frame, body, len), 0);
        ck_assert_int_eq(frame.type, SELKIE_SESSION);
        ck_assert_mem_eq(frame.session.session_tag, tag, sizeof tag);
        ck_assert_uint_eq(frame.session.counter_low, counter & 0xFFFF);
        ck_assert_ptr_eq(frame.session.header, body);
        ck_assert_ptr_eq(frame.session.ciphertext, body + SELKIE_SESSION_HEADER_SIZE);
        ck_assert_uint_eq(frame.session.ciphertext_len, len - SELKIE_SESSION_OVERHEAD);
        selkie_frame_put_session_header(header, tag, counter);
        ck_assert_mem_eq(header, body, sizeof header);
        free(body);
    }
    json_decref(root);
}
END_TEST

/* The golden vectors whose fault stands in the clear; the others fall only once the seal is open. */
static bool fault_is_in_the_clear(const char *name)
{
    static const char *const names[] = {"one-byte-short", "one-byte-long", "version-2", "reserved-type",
                                        "session-too-short"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

START_TEST(golden_rejected_bodies_fail_where_the_fault_is_in_the_clear)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    size_t i, in_the_clear = 0;
    json_t *vector;
    json_array_foreach (vectors_list(root, "rejected"), i, vector) {
        size_t len;
        uint8_t *body = vectors_bytes(vector, "body", &len);
        bool bad = fault_is_in_the_clear(vectors_text(vector, "name"));
        struct selkie_frame frame;
        ck_assert_int_eq(selkie_frame_decode(&frame, body, len), bad ? SELKIE_EMALFORMED : 0);
        ck_assert(!bad || strcmp(vectors_text(vector, "reason"), "malformed") == 0);
        in_the_clear += bad;
        free(body);
    }
    ck_assert_uint_eq(in_the_clear, 5);
    json_decref(root);
}
END_TEST

static bool length_is_right(uint8_t head, size_t len)
{
    switch (head) {
    case 0x10:
        return len == 522;
    case 0x11:
        return len >= 15 && len <= 415;
    case 0x12:
        return len == 3;
    default:
        return false;
    }
}

START_TEST(decode_takes_exactly_the_heads_and_lengths_of_the_contract)
{
    unsigned wrong = 0;
    for (size_t len = 0; len <= SELKIE_LINK_BODY_MAX; len++) {
        uint8_t *body = calloc(len == 0 ? 1 : len, 1);
        ck_assert_ptr_nonnull(body);
        for (int head = 0; head < 256; head++) {
            body[0] = (uint8_t)head;
            struct selkie_frame frame;
            int expected = len != 0 && length_is_right((uint8_t)head, len) ? 0 : SELKIE_EMALFORMED;
            wrong += selkie_frame_decode(&frame, body, len) != expected;
        }
        free(body);
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(ack_names_the_body_it_acknowledges)
{
    const uint8_t body[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    uint8_t ack[SELKIE_ACK_SIZE];
    selkie_frame_put_ack(ack, body, sizeof body);
    const uint8_t expected[] = {0x12, 0x29, 0xB1};
    ck_assert_mem_eq(ack, expected, sizeof expected);
    struct selkie_frame frame;
    ck_assert_int_eq(selkie_frame_decode(&frame, ack, sizeof ack), 0);
    ck_assert_int_eq(frame.type, SELKIE_ACK);
    ck_assert_uint_eq(frame.ack.crc, 0x29B1);
}
END_TEST

START_TEST(address_comes_back_from_its_text)
{
    struct test_random random = {1};
    for (int i = 0; i < 1000; i++) {
        uint8_t address[SELKIE_ADDRESS_SIZE], parsed[SELKIE_ADDRESS_SIZE];
        char text[SELKIE_ADDRESS_TEXT_SIZE];
        test_random_fill(&random, address, sizeof address);
        selkie_address_format(text, address);
        ck_assert_uint_eq(strlen(text), 16);
        ck_assert_uint_eq(strspn(text, "0123456789abcdef"), 16);
        ck_assert_int_eq(selkie_address_parse(parsed, text), 0);
        ck_assert_mem_eq(parsed, address, sizeof address);
    }
}
END_TEST

START_TEST(address_parser_takes_either_case_and_nothing_else)
{
    const uint8_t expected[] = {0x00, 0x11, 0xAB, 0xCD, 0xEF, 0x55, 0x66, 0x77};
    uint8_t address[SELKIE_ADDRESS_SIZE];
    ck_assert_int_eq(selkie_address_parse(address, "0011abcdef556677"), 0);
    ck_assert_mem_eq(address, expected, sizeof expected);
    ck_assert_int_eq(selkie_address_parse(address, "0011ABCDEF556677"), 0);
    ck_assert_mem_eq(address, expected, sizeof expected);

    static const char *const bad[] = {"",
                                      "0",
                                      "0011abcdef55667",
                                      "0011abcdef5566770",
                                      "0011abcdef55667g",
                                      " 011abcdef556677",
                                      "+011abcdef556677",
                                      "0x11abcdef556677",
                                      "0011abcd-f556677"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(selkie_address_parse(address, bad[i]), SELKIE_EINVAL);
    /* A failed parse leaves what was there. */
    ck_assert_mem_eq(address, expected, sizeof expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame");
    TCase *tc = tcase_create("frame");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, golden_sealed_headers_decode_and_encode);
    tcase_add_test(tc, golden_session_headers_decode_and_encode);
    tcase_add_test(tc, golden_rejected_bodies_fail_where_the_fault_is_in_the_clear);
    tcase_add_test(tc, decode_takes_exactly_the_heads_and_lengths_of_the_contract);
    tcase_add_test(tc, ack_names_the_body_it_acknowledges);
    tcase_add_test(tc, address_comes_back_from_its_text);
    tcase_add_test(tc, address_parser_takes_either_case_and_nothing_else);
    return run_suite(suite);
}
