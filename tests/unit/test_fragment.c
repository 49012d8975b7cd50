/* SPDX-License-Identifier: Apache-2.0 */
/* A body cut into fragments and put together again, whatever is lost, mixed, repeated or forged on the way. */
#include "run_suite.h"

#include <selkie/fragment.h>
#include <selkie/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/test_random.h>
#include <vectors/vectors.h>

#define PACE 100

/* A body and how it is cut. */
struct cut {
    uint8_t body[SELKIE_SEALED_SIZE];
    size_t len;
    struct selkie_fragment_plan plan;
};

static struct selkie_fragment_rx rx;
static struct test_random source = {.state = 15};
static uint64_t now;

static void set_up(void)
{
    selkie_fragment_rx_init(&rx);
    now = 0;
}

/* A body of type 0 or 1 with random bytes. */
static struct cut cut_random(size_t len, size_t packet)
{
    struct cut cut = {.len = len};

    test_random_fill(&source, cut.body, len);
    cut.body[0] = len == SELKIE_SEALED_SIZE ? 0x10 : 0x11;
    ck_assert_int_eq(selkie_fragment_make_plan(&cut.plan, cut.body, len, packet), 0);
    return cut;
}

/* The same with k chunks of `chunk` bytes, packets or not. */
static struct cut cut_in(size_t k, size_t chunk)
{
    struct cut cut = {.len = k * chunk - 2, .plan = {.k = (uint8_t)k, .chunk = (uint8_t)chunk}};
    uint8_t blob[SELKIE_FRAGMENT_BLOB_MAX];

    test_random_fill(&source, cut.body, cut.len);
    cut.body[0] = 0x11;
    memcpy(blob, cut.body, cut.len);
    blob[cut.len] = (uint8_t)(cut.len >> 8);
    blob[cut.len + 1] = (uint8_t)cut.len;
    cut.plan.set = selkie_crc16(blob, k * chunk);
    return cut;
}

static int put_changed(const struct cut *cut, unsigned index, uint8_t change, struct selkie_fragment_body *body)
{
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX];
    size_t len = selkie_fragment_write(fragment, &cut->plan, cut->body, cut->len, (uint8_t)index);

    fragment[len - 1] ^= change;
    return selkie_fragment_rx_put(&rx, fragment, len, now, body);
}

static int put(const struct cut *cut, unsigned index, struct selkie_fragment_body *body)
{
    return put_changed(cut, index, 0, body);
}

static void expect_body(const struct cut *cut, const struct selkie_fragment_body *body)
{
    ck_assert_uint_eq(body->len, cut->len);
    ck_assert_mem_eq(body->bytes, cut->body, cut->len);
}

/* The indices first to last, a PACE apart; nothing comes out of them. */
static void put_quietly(const struct cut *cut, unsigned first, unsigned last)
{
    struct selkie_fragment_body body;

    for (unsigned index = first; index <= last; index++, now += PACE)
        ck_assert_int_eq(put(cut, index, &body), 0);
}

static void put_last(const struct cut *cut, unsigned index, bool again)
{
    struct selkie_fragment_body body;

    ck_assert_int_eq(put(cut, index, &body), 1);
    ck_assert(body.again == again);
    expect_body(cut, &body);
    now += PACE;
}

/* The body of these k indices. */
static void expect_restored(const struct cut *cut, const uint8_t *indices)
{
    struct selkie_fragment_body body;

    selkie_fragment_rx_init(&rx);
    for (uint8_t i = 0; i + 1 < cut->plan.k; i++)
        ck_assert_int_eq(put(cut, indices[i], &body), 0);
    ck_assert_int_eq(put(cut, indices[cut->plan.k - 1], &body), 1);
    ck_assert(!body.again);
    expect_body(cut, &body);
    ck_assert_uint_eq(rx.restored, 1);
}

/* Golden vectors of another implementation. */

static const json_t *vectors;

static void expect_case(const json_t *vector)
{
    const json_t *list = vectors_list(vector, "fragments"), *one;
    struct selkie_fragment_plan plan = {.k = (uint8_t)vectors_integer(vector, "k"),
                                        .chunk = (uint8_t)vectors_integer(vector, "c")};
    struct selkie_fragment_body body;
    uint8_t set[2], ack[SELKIE_ACK_SIZE], own_ack[SELKIE_ACK_SIZE], own[SELKIE_FRAGMENT_SIZE_MAX];
    size_t i, len, restored = 0;
    uint8_t *bytes = vectors_bytes(vector, "body", &len);

    vectors_copy(set, sizeof set, vector, "set");
    vectors_copy(ack, sizeof ack, vector, "ack");
    selkie_frame_put_ack(own_ack, bytes, len);
    ck_assert_mem_eq(own_ack, ack, sizeof ack);
    plan.set = (uint16_t)(set[0] << 8 | set[1]);
    selkie_fragment_rx_init(&rx);
    json_array_foreach (list, i, one) {
        size_t fragment_len;
        uint8_t *fragment = vectors_bytes(one, "hex", &fragment_len);
        ck_assert_uint_eq(selkie_fragment_write(own, &plan, bytes, len, fragment[4]), fragment_len);
        ck_assert_mem_eq(own, fragment, fragment_len);
        ck_assert_int_eq(fragment[4], vectors_integer(one, "index"));
        if (selkie_fragment_rx_put(&rx, fragment, fragment_len, now, &body) > 0) {
            restored++;
            ck_assert_uint_eq(body.len, len);
            ck_assert_mem_eq(body.bytes, bytes, len);
        }
        free(fragment);
    }
    ck_assert_uint_eq(restored, 1);
    /* The last k of them, too. */
    selkie_fragment_rx_init(&rx);
    for (i = json_array_size(list) - plan.k; i < json_array_size(list); i++) {
        size_t fragment_len;
        uint8_t *fragment = vectors_bytes(json_array_get(list, i), "hex", &fragment_len);
        ck_assert_int_eq(selkie_fragment_rx_put(&rx, fragment, fragment_len, now, &body),
                         i + 1 == json_array_size(list));
        free(fragment);
    }
    ck_assert_mem_eq(body.bytes, bytes, len);
    free(bytes);
}

START_TEST(golden_cases_give_their_bodies)
{
    size_t i;
    const json_t *vector;

    json_array_foreach (vectors_list(vectors, "cases"), i, vector)
        expect_case(vector);
}
END_TEST

START_TEST(of_the_bad_ones_nothing_comes_out)
{
    size_t i, j;
    const json_t *vector, *hex;
    struct selkie_fragment_body body;
    uint64_t dropped = 0;

    json_array_foreach (vectors_list(vectors, "bad"), i, vector) {
        int result = 0;
        json_array_foreach (vectors_list(vector, "fragments"), j, hex) {
            uint8_t fragment[SELKIE_LINK_BODY_MAX];
            size_t len = strlen(json_string_value(hex)) / 2;
            ck_assert_int_eq(selkie_hex_decode(fragment, len, json_string_value(hex)), 0);
            result = selkie_fragment_rx_put(&rx, fragment, len, now, &body);
            ck_assert_int_le(result, 0);
        }
        ck_assert_int_lt(result, 0);
        ck_assert_uint_eq(rx.broken, dropped += result == SELKIE_ECRC);
    }
    ck_assert_uint_ge(dropped, 6);
    ck_assert_uint_eq(rx.restored, 0);
}
END_TEST

/* Choices. */

static void choose_all(size_t k, size_t n)
{
    struct cut cut = cut_in(k, 20);

    for (unsigned choice = 0; choice < 1u << n; choice++) {
        uint8_t indices[16];
        size_t count = 0;
        for (uint8_t i = 0; i < n; i++)
            if (choice >> i & 1)
                indices[count++] = i;
        if (count == k)
            expect_restored(&cut, indices);
    }
}

START_TEST(every_k_of_n_give_the_body)
{
    for (size_t n = 1; n <= 12; n++)
        for (size_t k = 1; k <= n; k++)
            choose_all(k, n);
}
END_TEST

START_TEST(random_k_of_256_give_the_body)
{
    for (size_t k = 1; k <= SELKIE_FRAGMENT_CHUNKS_MAX; k++)
        for (int round = 0; round < 12; round++) {
            size_t most = SELKIE_FRAGMENT_BLOB_MAX / k < 250 ? SELKIE_SEALED_SIZE / k : 250;
            struct cut cut = cut_in(k, 4 + test_random_below(&source, most - 3));
            uint8_t indices[SELKIE_FRAGMENT_INDICES];
            for (size_t i = 0; i < SELKIE_FRAGMENT_INDICES; i++)
                indices[i] = (uint8_t)i;
            for (size_t i = 0; i < k; i++) { /* in any order */
                size_t other = i + test_random_below(&source, SELKIE_FRAGMENT_INDICES - i);
                uint8_t swap = indices[i];
                indices[i] = indices[other];
                indices[other] = swap;
            }
            expect_restored(&cut, indices);
        }
}
END_TEST

/* For each length and packet that a plan exists for, a fragment fills no more than its packet, whatever its bytes. */
START_TEST(no_fragment_is_longer_than_its_packet)
{
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX], wire[SELKIE_LINK_WIRE_MAX], body[SELKIE_SEALED_SIZE];
    struct selkie_fragment_plan plan;

    memset(body, 0xA5, sizeof body); /* no zero: the most COBS codes */
    for (size_t packet = SELKIE_PACKET_MIN; packet <= SELKIE_PACKET_MAX; packet++)
        for (size_t len = 1; len <= SELKIE_SEALED_SIZE; len++) {
            int result = selkie_fragment_make_plan(&plan, body, len, packet);
            ck_assert_int_eq(result, len == 1 ? SELKIE_EINVAL : 0); /* no chunk is that short */
            if (result < 0)
                continue;
            ck_assert_uint_ge(plan.chunk, SELKIE_FRAGMENT_CHUNK_MIN);
            ck_assert_uint_le((size_t)plan.k * plan.chunk, len + 2 + plan.k - 1);
            size_t size = selkie_fragment_write(fragment, &plan, body, len, 0);
            int wire_len = selkie_link_encode(wire, sizeof wire, fragment, size);
            ck_assert_int_gt(wire_len, 0);
            ck_assert_uint_le((size_t)wire_len, packet);
        }
}
END_TEST

START_TEST(each_length_and_packet_comes_back)
{
    for (size_t packet = SELKIE_PACKET_MIN; packet <= SELKIE_PACKET_MAX; packet += packet < 40 ? 1 : 13)
        for (size_t len = 2; len <= SELKIE_SEALED_SIZE; len++) {
            struct cut cut = cut_random(len, packet);
            struct selkie_fragment_body body;
            int result = 0;
            selkie_fragment_rx_init(&rx);
            for (unsigned index = 1; index <= cut.plan.k; index++) /* the first is lost */
                result = put(&cut, index, &body);
            ck_assert_int_eq(result, 1);
            expect_body(&cut, &body);
        }
}
END_TEST

START_TEST(plan_refuses_what_cannot_be_cut)
{
    static const uint8_t body[SELKIE_SEALED_SIZE + 1] = {0x10};
    static const struct {
        size_t len, packet;
    } refused[] = {
        {0, 58}, {SELKIE_SEALED_SIZE + 1, 58}, {522, SELKIE_PACKET_MIN - 1}, {522, SELKIE_PACKET_MAX + 1}, {522, 0}};
    struct selkie_fragment_plan plan;

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        ck_assert_int_eq(selkie_fragment_make_plan(&plan, body, refused[i].len, refused[i].packet), SELKIE_EINVAL);
}
END_TEST

/* Fragments of a set. */

START_TEST(two_bodies_interleaved_both_come_out)
{
    struct cut one = cut_random(SELKIE_SEALED_SIZE, 58), two = cut_random(SELKIE_SEALED_SIZE, 58);

    for (unsigned index = 1; index < one.plan.k; index++) {
        put_quietly(&one, index, index);
        put_quietly(&two, index, index);
    }
    put_last(&two, two.plan.k, false);
    put_last(&one, one.plan.k, false);
    ck_assert_uint_eq(rx.restored, 2);
}
END_TEST

START_TEST(a_fragment_that_comes_twice_counts_once)
{
    struct cut cut = cut_random(100, 58);

    put_quietly(&cut, 0, cut.plan.k - 2u);
    put_quietly(&cut, 0, cut.plan.k - 2u);
    put_last(&cut, cut.plan.k, false);
}
END_TEST

START_TEST(what_earlier_transmissions_brought_counts)
{
    struct cut cut = cut_random(SELKIE_SEALED_SIZE, 58);

    put_quietly(&cut, 0, 4);
    now += 60000;
    put_quietly(&cut, 15, 17);
    now += 60000;
    put_quietly(&cut, 30, 31);
    put_last(&cut, 32, false);
}
END_TEST

START_TEST(a_forged_fragment_costs_its_set_and_no_other)
{
    struct cut one = cut_random(SELKIE_SEALED_SIZE, 58), two = cut_random(SELKIE_SEALED_SIZE, 58);
    struct selkie_fragment_body body;

    put_quietly(&one, 0, 5);
    put_quietly(&two, 0, 9);
    ck_assert_int_eq(put_changed(&one, 12, 1, &body), 0);
    put_quietly(&one, 6, 8);
    ck_assert_int_eq(put(&one, 9, &body), SELKIE_ECRC);
    ck_assert_uint_eq(rx.broken, 1);
    put_last(&two, 10, false);
    put_quietly(&one, 13, 22); /* a repeat makes up for it */
    put_last(&one, 23, false);
    ck_assert_uint_eq(rx.broken, 1);
    ck_assert_uint_eq(rx.restored, 2);
}
END_TEST

START_TEST(the_rest_of_a_transmission_is_passed_over_and_its_repeat_shows_again)
{
    struct cut cut = cut_random(SELKIE_SEALED_SIZE, 58);

    put_quietly(&cut, 0, 9);
    put_last(&cut, 10, false);
    put_quietly(&cut, 11, 12);
    now += 2 * PACE; /* a device that got no ACK */
    put_last(&cut, 13, true);
    put_quietly(&cut, 14, 25); /* one repeat asks once */
    now += 2 * PACE;
    put_last(&cut, 0, true); /* beyond 255, or a device that sends the same again */
    ck_assert_uint_eq(rx.restored, 1);
    ck_assert_uint_eq(rx.broken, 0);
}
END_TEST

/* The packets that are lost take their time. */
START_TEST(a_gap_in_the_rest_of_a_transmission_is_no_repeat)
{
    struct cut cut = cut_random(SELKIE_SEALED_SIZE, 58);

    put_quietly(&cut, 0, 3);
    now += 3 * PACE;
    put_quietly(&cut, 7, 12);
    put_last(&cut, 14, false);
    now += 4 * PACE;
    put_quietly(&cut, 19, 19);
}
END_TEST

START_TEST(the_next_fragment_is_expected_at_the_pace_of_the_last_ones)
{
    struct cut cut = cut_random(SELKIE_SEALED_SIZE, 58), other = cut_random(SELKIE_SEALED_SIZE, 58);

    put_quietly(&cut, 0, 0);
    ck_assert_uint_eq(rx.expects_ms, now - PACE + 1000);
    put_quietly(&cut, 1, 1);
    ck_assert_uint_ge(rx.expects_ms, now - PACE + PACE * 5 / 4);
    ck_assert_uint_le(rx.expects_ms, now - PACE + PACE * 5 / 4 + 30);
    put_quietly(&other, 0, 9);
    put_last(&other, 10, false);
    ck_assert_uint_ge(rx.expects_ms, now - PACE + PACE * 5 / 4); /* its parity */
    ck_assert_uint_le(rx.expects_ms, now - PACE + PACE * 5 / 4 + 30);
    now += 60000; /* a repeat is not the pace */
    put_quietly(&cut, 13, 13);
    ck_assert_uint_le(rx.expects_ms, now - PACE + PACE * 5 / 4 + 30);
}
END_TEST

/* Another device, or a forged fragment, does not let an ACK into the pause of a slower set. */
START_TEST(the_next_fragment_of_the_slowest_set_is_waited_for)
{
    struct cut slow = cut_random(SELKIE_SEALED_SIZE, 58), quick = cut_random(SELKIE_SEALED_SIZE, 58);

    put_quietly(&slow, 0, 0);
    now += 2000 - PACE;
    put_quietly(&slow, 1, 1);
    uint64_t due = now - PACE + 2000;
    put_quietly(&quick, 0, 0);
    ck_assert_uint_ge(rx.expects_ms, due);
    put_quietly(&quick, 1, 1);
    ck_assert_uint_ge(rx.expects_ms, due);
}
END_TEST

/* A receiver that was held up reads several at once. */
START_TEST(fragments_read_at_once_do_not_hide_the_pace)
{
    struct cut cut = cut_random(SELKIE_SEALED_SIZE, 58);

    put_quietly(&cut, 0, 3);
    now += 3 * PACE;
    for (unsigned index = 4; index < 8; index++) {
        put_quietly(&cut, index, index);
        now -= PACE;
    }
    ck_assert_uint_ge(rx.expects_ms, now + PACE * 5 / 4);
}
END_TEST

START_TEST(a_strangers_fragment_with_the_numbers_of_a_restored_set_is_a_set_of_its_own)
{
    struct cut cut = cut_random(SELKIE_SEALED_SIZE, 58), stranger = cut_random(SELKIE_SEALED_SIZE, 58);
    struct selkie_fragment_body body;

    stranger.plan.set = cut.plan.set;
    put_quietly(&cut, 0, 9);
    put_last(&cut, 10, false);
    put_quietly(&stranger, 0, 9);
    now += 2 * PACE;
    put_last(&cut, 13, true); /* the first one is still known */
    put_quietly(&cut, 14, 25);
    ck_assert_int_eq(put(&stranger, 10, &body), SELKIE_ECRC);
    ck_assert_uint_eq(rx.broken, 1);
    ck_assert_uint_eq(rx.restored, 1);
}
END_TEST

START_TEST(a_set_is_kept_for_120_seconds_after_its_last_new_fragment)
{
    struct cut cut = cut_random(SELKIE_SEALED_SIZE, 58);
    struct selkie_fragment_body body;

    put_quietly(&cut, 0, 8);
    now += SELKIE_FRAGMENT_KEEP_MS - PACE;
    ck_assert_int_eq(put(&cut, 9, &body), 0);
    now += SELKIE_FRAGMENT_KEEP_MS / 2;
    ck_assert_int_eq(put(&cut, 9, &body), 0); /* nothing new */
    now += SELKIE_FRAGMENT_KEEP_MS / 2 + 1;
    ck_assert_uint_eq(rx.expired, 0);
    ck_assert_int_eq(put(&cut, 10, &body), 0); /* too late: the first of another set */
    ck_assert_uint_eq(rx.expired, 1);
    ck_assert_uint_eq(rx.displaced, 0);
    put_quietly(&cut, 13, 21);
    put_last(&cut, 22, false);
    now += SELKIE_FRAGMENT_KEEP_MS;
    put_quietly(&cut, 0, 0); /* a body that was restored is forgotten, too, but uncounted */
    ck_assert_uint_eq(rx.expired, 1);
    selkie_fragment_rx_expire(&rx, now + SELKIE_FRAGMENT_KEEP_MS); /* and a device that falls silent is counted */
    ck_assert_uint_eq(rx.expired, 2);
}
END_TEST

/* The first ones begin at time 0, which is no sign of an empty place. */
START_TEST(a_ninth_set_takes_the_place_of_the_one_that_waited_longest)
{
    struct cut cuts[SELKIE_FRAGMENT_SETS + 1];

    for (size_t i = 0; i <= SELKIE_FRAGMENT_SETS; i++)
        cuts[i] = cut_random(100, 58);
    for (size_t i = 0; i < SELKIE_FRAGMENT_SETS; i++) {
        put_quietly(&cuts[i], 0, 0);
        now = i;
    }
    put_quietly(&cuts[0], 1, 1); /* the second one has waited longest now */
    ck_assert_uint_eq(rx.displaced, 0);
    put_quietly(&cuts[SELKIE_FRAGMENT_SETS], 0, 1);
    ck_assert_uint_eq(rx.displaced, 1);
    put_last(&cuts[0], 2, false);
    put_quietly(&cuts[2], 1, 1);
    put_last(&cuts[2], 2, false);
    for (size_t i = 3; i < SELKIE_FRAGMENT_SETS; i++) {
        put_quietly(&cuts[i], 1, 1);
        put_last(&cuts[i], 2, false);
    }
    put_last(&cuts[SELKIE_FRAGMENT_SETS], 2, false);
    for (size_t i = 0; i < SELKIE_FRAGMENT_SETS; i++) { /* a restored one is no loss */
        cuts[i] = cut_random(100, 58);
        put_quietly(&cuts[i], 0, 0);
    }
    ck_assert_uint_eq(rx.displaced, 1);
}
END_TEST

/* Unlike set, k and c: never one set. */
START_TEST(fragments_of_other_cuts_of_a_body_do_not_mix)
{
    struct cut cut = cut_random(100, 58), other = cut;

    ck_assert_int_eq(selkie_fragment_make_plan(&other.plan, other.body, other.len, 40), 0);
    put_quietly(&cut, 0, cut.plan.k - 2u);
    put_quietly(&other, 0, other.plan.k - 2u);
    put_last(&cut, cut.plan.k - 1u, false);
    put_last(&other, other.plan.k - 1u, false);
}
END_TEST

START_TEST(fragments_of_one_number_and_another_form_do_not_mix)
{
    struct cut cut = cut_random(100, 58), longer = cut_in(cut.plan.k, cut.plan.chunk + 1u),
               more = cut_in(cut.plan.k + 1u, cut.plan.chunk);

    longer.plan.set = more.plan.set = cut.plan.set;
    put_quietly(&longer, 0, 0);
    put_quietly(&more, 1, 1);
    put_quietly(&cut, 0, cut.plan.k - 2u);
    put_last(&cut, cut.plan.k - 1u, false);
}
END_TEST

START_TEST(a_slow_radio_has_its_pace_and_a_repeat_is_none)
{
    struct cut cut = cut_random(SELKIE_SEALED_SIZE, 58);
    struct selkie_fragment_body body;

    ck_assert_int_eq(put(&cut, 0, &body), 0);
    now += 60000;
    ck_assert_int_eq(put(&cut, 13, &body), 0);
    ck_assert_uint_eq(rx.expects_ms, now + 1000);
    now += 2000;
    ck_assert_int_eq(put(&cut, 14, &body), 0);
    ck_assert_uint_ge(rx.expects_ms, now + 2500);
    ck_assert_uint_le(rx.expects_ms, now + 2530);
}
END_TEST

START_TEST(what_is_no_fragment_is_malformed_and_changes_nothing)
{
    static const struct {
        uint8_t head, k;
        size_t len;
    } bad[] = {{0x12, 2, 20}, {0x23, 2, 20}, {0x13, 0, 20},  {0x13, 65, 20}, {0x13, 2, 8},
               {0x13, 2, 0},  {0x13, 2, 5},  {0x13, 2, 256}, {0x13, 3, 255}, {0x13, 64, 15}};
    uint8_t fragment[300] = {0};
    struct selkie_fragment_rx before = rx;
    struct selkie_fragment_body body;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fragment[0] = bad[i].head;
        fragment[3] = bad[i].k;
        ck_assert_int_eq(selkie_fragment_rx_put(&rx, fragment, bad[i].len, 1, &body), SELKIE_EMALFORMED);
    }
    ck_assert_mem_eq(&rx, &before, sizeof rx);
}
END_TEST

int main(void)
{
    json_t *root = vectors_load(SELKIE_SOURCE_DIR "/tests/vectors/fragments-v1.json");
    Suite *suite = suite_create("fragment");
    TCase *tcase = tcase_create("fragment");

    if (!root) {
        fprintf(stderr, "test_fragment: no tests/vectors/fragments-v1.json\n");
        return EXIT_FAILURE;
    }
    vectors = root;
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, golden_cases_give_their_bodies);
    tcase_add_test(tcase, of_the_bad_ones_nothing_comes_out);
    tcase_add_test(tcase, every_k_of_n_give_the_body);
    tcase_add_test(tcase, random_k_of_256_give_the_body);
    tcase_add_test(tcase, no_fragment_is_longer_than_its_packet);
    tcase_add_test(tcase, each_length_and_packet_comes_back);
    tcase_add_test(tcase, plan_refuses_what_cannot_be_cut);
    tcase_add_test(tcase, two_bodies_interleaved_both_come_out);
    tcase_add_test(tcase, a_fragment_that_comes_twice_counts_once);
    tcase_add_test(tcase, what_earlier_transmissions_brought_counts);
    tcase_add_test(tcase, a_forged_fragment_costs_its_set_and_no_other);
    tcase_add_test(tcase, the_rest_of_a_transmission_is_passed_over_and_its_repeat_shows_again);
    tcase_add_test(tcase, a_gap_in_the_rest_of_a_transmission_is_no_repeat);
    tcase_add_test(tcase, the_next_fragment_is_expected_at_the_pace_of_the_last_ones);
    tcase_add_test(tcase, the_next_fragment_of_the_slowest_set_is_waited_for);
    tcase_add_test(tcase, fragments_read_at_once_do_not_hide_the_pace);
    tcase_add_test(tcase, a_strangers_fragment_with_the_numbers_of_a_restored_set_is_a_set_of_its_own);
    tcase_add_test(tcase, a_set_is_kept_for_120_seconds_after_its_last_new_fragment);
    tcase_add_test(tcase, a_ninth_set_takes_the_place_of_the_one_that_waited_longest);
    tcase_add_test(tcase, fragments_of_other_cuts_of_a_body_do_not_mix);
    tcase_add_test(tcase, fragments_of_one_number_and_another_form_do_not_mix);
    tcase_add_test(tcase, a_slow_radio_has_its_pace_and_a_repeat_is_none);
    tcase_add_test(tcase, what_is_no_fragment_is_malformed_and_changes_nothing);
    suite_add_tcase(suite, tcase);
    int result = run_suite(suite);
    json_decref(root);
    return result;
}
