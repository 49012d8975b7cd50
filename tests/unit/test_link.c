/* SPDX-License-Identifier: Apache-2.0 */
/* PROTOCOL.md, section 2. The receiver must give exactly the frames that are on the line, whatever is between them. */
#include <check.h>
#include <run_suite.h>
#include <selkie/link.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/test_random.h>
#include <vectors/vectors.h>

static int encode(uint8_t wire[static SELKIE_LINK_WIRE_MAX], const uint8_t *body, size_t len)
{
    int size = selkie_link_encode(wire, SELKIE_LINK_WIRE_MAX, body, len);
    ck_assert_int_gt(size, 0);
    return size;
}

/* What a receiver made of some bytes. */
struct heard {
    unsigned frames;
    unsigned dropped;
    uint8_t last[SELKIE_LINK_BODY_MAX];
    int last_len;
    int last_error;
};

static void hear(struct heard *heard, struct selkie_link_rx *rx, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int result = selkie_link_rx_byte(rx, bytes[i]);
        if (result == 0)
            continue;
        ck_assert_uint_eq(bytes[i], 0);
        if (result > 0) {
            heard->frames++;
            heard->last_len = result;
            memcpy(heard->last, rx->body, (size_t)result);
        } else {
            ck_assert(result == SELKIE_EFRAMING || result == SELKIE_ECRC || result == SELKIE_ELENGTH);
            heard->dropped++;
            heard->last_error = result;
        }
    }
}

static struct heard hear_all(const uint8_t *bytes, size_t len)
{
    struct selkie_link_rx rx;
    struct heard heard = {0};
    selkie_link_rx_init(&rx);
    hear(&heard, &rx, bytes, len);
    return heard;
}

/* Bytes with many zeros or none: what COBS cares about. */
static size_t random_body(struct test_random *random, uint8_t body[static SELKIE_LINK_BODY_MAX])
{
    size_t len = 1 + test_random_below(random, SELKIE_LINK_BODY_MAX);
    size_t zero_one_in = 1 + test_random_below(random, 600);
    for (size_t i = 0; i < len; i++)
        body[i] = test_random_below(random, zero_one_in) == 0 ? 0 : (uint8_t)(1 + test_random_below(random, 255));
    return len;
}

START_TEST(crc16_matches_the_golden_vectors)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    size_t i;
    json_t *vector;
    json_array_foreach (vectors_list(root, "crc16"), i, vector) {
        size_t len;
        uint8_t crc[2];
        uint8_t *data = vectors_bytes(vector, "data", &len);
        vectors_copy(crc, sizeof crc, vector, "crc");
        ck_assert_int_eq(selkie_crc16(data, len), crc[0] << 8 | crc[1]);
        free(data);
    }
    json_decref(root);
}
END_TEST

START_TEST(golden_vectors_encode_and_decode)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    size_t i;
    json_t *vector;
    json_array_foreach (vectors_list(root, "link"), i, vector) {
        size_t body_len, wire_len;
        uint8_t *body = vectors_bytes(vector, "body", &body_len);
        uint8_t *wire = vectors_bytes(vector, "wire", &wire_len);
        uint8_t encoded[SELKIE_LINK_WIRE_MAX];
        ck_assert_int_eq(encode(encoded, body, body_len), (int)wire_len);
        ck_assert_mem_eq(encoded, wire, wire_len);
        struct heard heard = hear_all(wire, wire_len);
        ck_assert_uint_eq(heard.frames, 1);
        ck_assert_uint_eq(heard.dropped, 0);
        ck_assert_int_eq(heard.last_len, (int)body_len);
        ck_assert_mem_eq(heard.last, body, body_len);
        free(body);
        free(wire);
    }
    json_decref(root);
}
END_TEST

START_TEST(every_length_comes_back_and_fits_the_stated_size)
{
    struct test_random random = {1};
    uint8_t body[SELKIE_LINK_BODY_MAX];
    uint8_t wire[SELKIE_LINK_WIRE_MAX];
    for (size_t len = 1; len <= SELKIE_LINK_BODY_MAX; len++) {
        for (int zeros = 0; zeros < 2; zeros++) {
            for (size_t i = 0; i < len; i++)
                body[i] = zeros ? 0 : (uint8_t)(1 + test_random_below(&random, 255));
            int size = selkie_link_encode(wire, SELKIE_LINK_WIRE_SIZE(len), body, len);
            ck_assert_int_gt(size, 0);
            ck_assert_int_le(size, (int)SELKIE_LINK_WIRE_SIZE(len));
            ck_assert_ptr_eq(memchr(wire + 1, 0, (size_t)size - 2), NULL);
            struct heard heard = hear_all(wire, (size_t)size);
            ck_assert_uint_eq(heard.frames, 1);
            ck_assert_int_eq(heard.last_len, (int)len);
            ck_assert_mem_eq(heard.last, body, len);
        }
    }
}
END_TEST

START_TEST(encode_refuses_bad_lengths_and_small_buffers)
{
    uint8_t body[SELKIE_LINK_BODY_MAX + 1] = {0};
    uint8_t wire[SELKIE_LINK_WIRE_MAX + 16];
    ck_assert_int_eq(selkie_link_encode(wire, sizeof wire, body, 0), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_link_encode(wire, sizeof wire, body, sizeof body), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_link_encode(wire, SELKIE_LINK_WIRE_SIZE(100) - 1, body, 100), SELKIE_ESPACE);
}
END_TEST

START_TEST(empty_frames_are_ignored)
{
    const uint8_t zeros[64] = {0};
    struct heard heard = hear_all(zeros, sizeof zeros);
    ck_assert_uint_eq(heard.frames + heard.dropped, 0);
}
END_TEST

START_TEST(too_short_for_a_body_is_no_frame)
{
    /* Decoded: nothing, one byte, and the CRC of nothing alone (FFFF). */
    const uint8_t nothing[] = {0, 1, 0}, one[] = {0, 2, 0x11, 0}, crc_alone[] = {0, 3, 0xFF, 0xFF, 0};
    ck_assert_int_eq(hear_all(nothing, sizeof nothing).last_error, SELKIE_EFRAMING);
    ck_assert_int_eq(hear_all(one, sizeof one).last_error, SELKIE_EFRAMING);
    ck_assert_int_eq(hear_all(crc_alone, sizeof crc_alone).last_error, SELKIE_EFRAMING);
}
END_TEST

START_TEST(full_block_takes_an_empty_one_behind_it)
{
    /* 252 bytes and a CRC without a zero fill one block. An encoder that closes it at once adds an empty one. */
    uint8_t body[252], wire[SELKIE_LINK_WIRE_MAX];
    memset(body, 0xAA, sizeof body);
    while ((selkie_crc16(body, sizeof body) & 0xFF) == 0 || selkie_crc16(body, sizeof body) >> 8 == 0)
        body[0]++;
    int size = encode(wire, body, sizeof body);
    ck_assert_int_eq(size, 1 + 1 + 254 + 1);
    ck_assert_uint_eq(wire[1], 0xFF);
    ck_assert_uint_eq(hear_all(wire, (size_t)size).frames, 1);
    wire[size - 1] = 1;
    wire[size] = 0;
    struct heard heard = hear_all(wire, (size_t)size + 1);
    ck_assert_uint_eq(heard.frames, 1);
    ck_assert_mem_eq(heard.last, body, sizeof body);
}
END_TEST

START_TEST(overlong_frame_is_dropped_once_and_the_next_is_heard)
{
    const uint8_t body[] = {0x11, 0, 0x22};
    uint8_t wire[SELKIE_LINK_WIRE_MAX];
    int size = encode(wire, body, sizeof body);
    struct selkie_link_rx rx;
    struct heard heard = {0};
    selkie_link_rx_init(&rx);
    for (int i = 0; i < 100000; i++)
        hear(&heard, &rx, (const uint8_t[]){(uint8_t)(1 + i % 255)}, 1);
    ck_assert_uint_eq(heard.dropped, 0);
    hear(&heard, &rx, wire, (size_t)size);
    ck_assert_uint_eq(heard.dropped, 1);
    ck_assert_int_eq(heard.last_error, SELKIE_ELENGTH);
    ck_assert_uint_eq(heard.frames, 1);
}
END_TEST

START_TEST(longest_body_passes_and_one_more_byte_does_not)
{
    /* 1025 bytes and a CRC, encoded by hand as blocks of one zero each. */
    uint8_t wire[2 * SELKIE_LINK_BODY_MAX];
    size_t fill = 0;
    wire[fill++] = 0;
    for (int i = 0; i < SELKIE_LINK_BODY_MAX + 3; i++)
        wire[fill++] = 1;
    wire[fill++] = 1;
    wire[fill++] = 0;
    ck_assert_int_eq(hear_all(wire, fill).last_error, SELKIE_ELENGTH);
    /* One byte less is a frame of the right length with a wrong CRC. */
    wire[fill - 2] = 0;
    ck_assert_int_eq(hear_all(wire, fill - 1).last_error, SELKIE_ECRC);
}
END_TEST

START_TEST(any_cut_frame_is_dropped_and_the_next_is_heard)
{
    struct test_random random = {2};
    uint8_t body[SELKIE_LINK_BODY_MAX], wire[SELKIE_LINK_WIRE_MAX];
    for (int round = 0; round < 200; round++) {
        size_t len = random_body(&random, body);
        size_t size = (size_t)encode(wire, body, len);
        size_t cut = 1 + test_random_below(&random, size - 2);
        struct selkie_link_rx rx;
        struct heard heard = {0};
        selkie_link_rx_init(&rx);
        hear(&heard, &rx, wire, cut);
        hear(&heard, &rx, wire, size);
        ck_assert_uint_eq(heard.frames, 1);
        ck_assert_uint_eq(heard.dropped, cut == 1 ? 0 : 1);
        ck_assert_mem_eq(heard.last, body, len);
    }
}
END_TEST

START_TEST(any_garbage_is_followed_by_every_frame)
{
    struct test_random random = {3};
    uint8_t body[SELKIE_LINK_BODY_MAX], wire[SELKIE_LINK_WIRE_MAX], noise[3000];
    struct selkie_link_rx rx;
    struct heard heard = {0};
    unsigned frames_in_noise = 0;
    selkie_link_rx_init(&rx);
    for (unsigned round = 0; round < 3000; round++) {
        size_t noise_len = test_random_below(&random, sizeof noise);
        test_random_fill(&random, noise, noise_len);
        hear(&heard, &rx, noise, noise_len);
        size_t len = random_body(&random, body);
        size_t size = (size_t)encode(wire, body, len);
        unsigned before = heard.frames;
        hear(&heard, &rx, wire, 1);
        frames_in_noise += heard.frames - before;
        before = heard.frames;
        hear(&heard, &rx, wire + 1, size - 1);
        ck_assert_uint_eq(heard.frames, before + 1);
        ck_assert_int_eq(heard.last_len, (int)len);
        ck_assert_mem_eq(heard.last, body, len);
    }
    /* Noise passes a CRC-16 once in 65536 times; some 17,000 pieces of noise were heard. */
    ck_assert_uint_lt(frames_in_noise, 10);
}
END_TEST

START_TEST(frames_may_share_a_delimiter)
{
    struct test_random random = {4};
    uint8_t body[SELKIE_LINK_BODY_MAX], wire[SELKIE_LINK_WIRE_MAX];
    struct selkie_link_rx rx;
    struct heard heard = {0};
    selkie_link_rx_init(&rx);
    for (unsigned round = 1; round <= 500; round++) {
        size_t len = random_body(&random, body);
        size_t size = (size_t)encode(wire, body, len);
        hear(&heard, &rx, wire + (round > 1), size - (round > 1));
        ck_assert_uint_eq(heard.frames, round);
        ck_assert_mem_eq(heard.last, body, len);
    }
    ck_assert_uint_eq(heard.dropped, 0);
}
END_TEST

START_TEST(no_single_flipped_bit_passes)
{
    struct test_random random = {5};
    uint8_t body[522], wire[SELKIE_LINK_WIRE_MAX];
    test_random_fill(&random, body, sizeof body);
    size_t size = (size_t)encode(wire, body, sizeof body);
    for (size_t bit = 8; bit < 8 * (size - 1); bit++) {
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_uint_eq(hear_all(wire, size).frames, 0);
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link");
    TCase *tc = tcase_create("link");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, crc16_matches_the_golden_vectors);
    tcase_add_test(tc, golden_vectors_encode_and_decode);
    tcase_add_test(tc, every_length_comes_back_and_fits_the_stated_size);
    tcase_add_test(tc, encode_refuses_bad_lengths_and_small_buffers);
    tcase_add_test(tc, empty_frames_are_ignored);
    tcase_add_test(tc, too_short_for_a_body_is_no_frame);
    tcase_add_test(tc, full_block_takes_an_empty_one_behind_it);
    tcase_add_test(tc, overlong_frame_is_dropped_once_and_the_next_is_heard);
    tcase_add_test(tc, longest_body_passes_and_one_more_byte_does_not);
    tcase_add_test(tc, any_cut_frame_is_dropped_and_the_next_is_heard);
    tcase_add_test(tc, any_garbage_is_followed_by_every_frame);
    tcase_add_test(tc, frames_may_share_a_delimiter);
    tcase_add_test(tc, no_single_flipped_bit_passes);
    return run_suite(suite);
}
