/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION frames through the pipeline: the same rules as for SEALED ones, and across the two. PROTOCOL.md, 5 to 7. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>

START_TEST(every_flipped_bit_is_refused_without_rsa)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_delivered(host);
    struct kit_body good = kit_session(&device, "reading");
    /* The host's own receipts make the outbox empty itself; wait for that commit. */
    kit_submit_wait(host, kit_session(&device, ""));
    kit_expect_payload(host, &device, 2, "");
    json_int_t unsealed = kit_stat(host, "latency_us", "unseal"), parked = 0;

    for (size_t bit = 0; bit < good.len * 8; bit++) {
        struct kit_body bad = good;
        bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        kit_submit_wait(host, bad);
        /* Under another tag it is nobody's yet, and waits for a registration. */
        if (bit >= 8 && bit < 40)
            ck_assert_int_eq(kit_stat(host, "frames", "parked"), ++parked);
        else
            kit_expect_rejected(host, bit < 8 ? "malformed" : "bad-seal");
    }
    ck_assert_int_eq(kit_stat(host, "latency_us", "unseal"), unsealed);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    kit_submit_wait(host, good);
    kit_expect_payload(host, &device, 1, "reading");
    kit_close(host);
}
END_TEST

START_TEST(a_forged_frame_under_a_known_tag_costs_no_write)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_submit_wait(host, kit_session(&device, "x"));
    json_int_t commits = kit_stat(host, "storage", "commits");
    for (int i = 0; i < 100; i++) {
        struct kit_body bad = kit_session(&device, "x");
        bad.bytes[bad.len - 1] ^= 1;
        kit_submit_wait(host, bad);
        kit_expect_rejected(host, "bad-seal");
    }
    /* One more at most: the state that had to wait its second. */
    ck_assert_int_le(kit_stat(host, "storage", "commits"), commits + 1);
    kit_close(host);
}
END_TEST

START_TEST(frames_before_their_registration_come_out_in_order_after_it)
{
    const char *dir = kit_dir();
    struct kit_host *host = kit_open_dir(dir);
    struct kit_device device = kit_device(1, 1);
    struct kit_body registration = kit_register(&device, NULL, NULL), first = kit_session(&device, "first"),
                    second = kit_session(&device, "second"), third = kit_session(&device, "third");

    kit_submit_wait(host, second);
    kit_submit_wait(host, third);
    kit_submit_wait(host, second);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    kit_close(host); /* they have receipts: they must survive */

    host = kit_open_dir(dir);
    kit_submit_wait(host, first);
    kit_submit_wait(host, registration);
    kit_expect_payload(host, &device, 1, "first");
    kit_expect_payload(host, &device, 2, "second");
    kit_expect_payload(host, &device, 3, "third");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    ck_assert_int_eq(kit_stat(host, "queues", "unmatched"), 0);
    kit_close(host);
}
END_TEST

START_TEST(unknown_tags_are_kept_in_bounds)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);

    for (int i = 0; i < 257; i++)
        kit_submit_wait(host, kit_session(&device, "x"));
    kit_expect_rejected(host, "unknown");
    ck_assert_int_eq(kit_stat(host, "queues", "unmatched"), 256);
    kit_close(host);
}
END_TEST

START_TEST(two_devices_with_one_tag_are_distinguished)
{
    enum { TRIED = 400000 };
    struct {
        uint32_t tag, number;
    } *table = calloc(1u << 20, sizeof *table);
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device one, two = {.counter = 0};
    bool found = false;

    /* By the birthday paradox some 80,000 devices are enough for two with the same 32 bits. */
    for (uint32_t number = 1; number <= TRIED && !found; number++) {
        uint32_t tag, at;
        two = kit_device(number, 7);
        memcpy(&tag, two.session.tag, sizeof tag);
        for (at = tag & 0xfffff; table[at].number && table[at].tag != tag; at = (at + 1) & 0xfffff)
            ;
        found = table[at].number != 0;
        if (found)
            one = kit_device(table[at].number, 7);
        table[at].tag = tag;
        table[at].number = number;
    }
    ck_assert(found);
    free(table);
    ck_assert_mem_eq(one.session.tag, two.session.tag, SELKIE_SESSION_TAG_SIZE);
    kit_submit_wait(host, kit_register(&one, NULL, NULL));
    kit_submit_wait(host, kit_register(&two, NULL, NULL));
    kit_submit_wait(host, kit_session(&two, "two"));
    kit_expect_payload(host, &two, 1, "two");
    kit_submit_wait(host, kit_session(&one, "one"));
    kit_expect_payload(host, &one, 1, "one");
    kit_close(host);
}
END_TEST

START_TEST(the_counter_is_found_again_over_wraps_and_losses)
{
    static const uint32_t counters[] = {1, 30001, 60001, 65534, 65536, 65537, 98305, 131071, 131072, 163840};
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        device.counter = counters[i];
        kit_submit_wait(host, kit_session(&device, "x"));
        kit_expect_payload(host, &device, counters[i], "x");
    }
    /* one that was late, across the wrap */
    device.counter = 163839;
    kit_submit_wait(host, kit_session(&device, "late"));
    kit_expect_payload(host, &device, 163839, "late");
    /* more than half the range was lost: a SEALED frame brings it back */
    device.counter = 300000;
    kit_submit_wait(host, kit_session(&device, "too far"));
    kit_expect_rejected(host, "bad-seal");
    kit_submit_wait(host, kit_data(&device, "sealed"));
    kit_expect_payload(host, &device, 300001, "sealed");
    kit_submit_wait(host, kit_session(&device, "again"));
    kit_expect_payload(host, &device, 300002, "again");
    kit_close(host);
}
END_TEST

START_TEST(frames_right_behind_the_sealed_one_that_finds_the_counter_wait_for_it)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1), forger;

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    json_int_t unsealed = kit_stat(host, "latency_us", "unseal"), commits = kit_stat(host, "storage", "commits");
    device.counter = 300000; /* more than 32,768 were lost */
    forger = device;
    struct kit_body sealed = kit_data(&device, "sealed"), first = kit_session(&device, "first"),
                    second = kit_session(&device, "second"), forged = kit_session(&forger, "forged");
    forged.bytes[forged.len - 1] ^= 1;
    kit_submit(host, &sealed, 0);
    kit_submit(host, &first, 0);
    kit_submit(host, &forged, 0);
    kit_submit_wait(host, second);
    kit_expect_payload(host, &device, 300000, "sealed");
    kit_expect_payload(host, &device, 300001, "first");
    kit_expect_payload(host, &device, 300002, "second");
    kit_expect_rejected(host, "bad-seal");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    ck_assert_int_eq(kit_stat(host, "latency_us", "unseal"), unsealed + 1);
    ck_assert_int_le(kit_stat(host, "storage", "commits"), commits + 5);
    kit_close(host);
}
END_TEST

START_TEST(replay_clone_and_stale_hold_across_the_forms)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1), thief;

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    struct kit_body body = kit_session(&device, "x");
    kit_receipt(host, kit_submit(host, &body, 1000000));
    kit_expect_payload(host, &device, 1, "x");
    kit_receipt(host, kit_submit(host, &body, 1600000));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_receipt(host, kit_submit(host, &body, 1600001));
    kit_expect_rejected(host, "replay");
    while (kit_waiting(host, SELKIE_OUTPUT_EVENT))
        selkie_output_free(kit_next(host, SELKIE_OUTPUT_EVENT));

    /* who has the ID and does not know the counter */
    thief = device;
    thief.counter = 1;
    kit_submit_wait(host, kit_data(&thief, "forged"));
    kit_expect_rejected(host, "clone");
    json_decref(kit_expect_event(host, "clone"));
    kit_submit_wait(host, kit_data(&device, "sealed"));
    kit_expect_payload(host, &device, 2, "sealed");
    kit_submit_wait(host, kit_session(&thief, "forged"));
    kit_expect_rejected(host, "clone");

    device.counter = 2000;
    kit_submit_wait(host, kit_session(&device, "y"));
    kit_expect_payload(host, &device, 2000, "y");
    device.counter = 976; /* 2000 - 1024: below the window, but never accepted */
    body = kit_session(&device, "late");
    kit_submit_wait(host, body);
    kit_expect_payload(host, &device, 976, "late");
    kit_submit_wait(host, body);
    kit_expect_rejected(host, "stale");
    device.counter = 977;
    kit_submit_wait(host, kit_session(&device, "just in time"));
    kit_expect_payload(host, &device, 977, "just in time");
    kit_close(host);
}
END_TEST

/* The first gateway hears the frames of these counters, the second one the others, and hands them over later. */
static bool heard_first(int which, uint32_t counter)
{
    if (which == 0)
        return counter < 25 || counter > 3025; /* it was cut off for a day */
    return (counter * 2654435761u >> 16) % 10 != 0;
}

static void hand_over(struct kit_host *host, const char *gateway, struct kit_device *device, uint32_t counter)
{
    device->counter = counter;
    struct kit_body body = kit_session(device, "x");
    kit_receipt(host, kit_submit_from(host, gateway, &body, 0));
    kit_expect_payload(host, device, counter, "x");
}

START_TEST(all_that_either_gateway_heard_comes_out)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    unsigned late = 0;

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    for (uint32_t c = 1; c <= 3050; c++)
        if (heard_first(_i, c))
            hand_over(host, "g1", &device, c);
    for (uint32_t c = 1; c <= 3050; c++)
        if (!heard_first(_i, c)) {
            hand_over(host, "g2", &device, c);
            late++;
        }
    ck_assert_uint_ge(late, 250);
    ck_assert_int_eq(kit_stat(host, "frames", "session"), 3050);
    ck_assert_int_eq(kit_stat(host, "frames", "late"), late);
    ck_assert_int_eq(kit_stat(host, "frames", "given_up"), 0);
    kit_close(host);
}
END_TEST

START_TEST(a_jump_of_the_counter_does_not_displace_the_device)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1), thief;

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    for (uint32_t c = 1; c < 10; c++)
        hand_over(host, "g1", &device, c);
    thief = device;
    thief.counter += 200000;
    kit_submit_wait(host, kit_data(&thief, "forged"));
    kit_expect_payload(host, &device, 200010, "forged");
    for (uint32_t c = 10; c < 20; c++)
        hand_over(host, "g1", &device, c);
    kit_submit_wait(host, kit_data(&device, "sealed"));
    kit_expect_payload(host, &device, 20, "sealed");
    ck_assert_int_eq(kit_stat(host, "frames", "late"), 11);
    kit_close(host);
}
END_TEST

START_TEST(a_restart_between_frames_changes_nothing)
{
    const char *dir = kit_dir();
    struct kit_device device = kit_device(1, 1);
    struct kit_host *host = kit_open_dir(dir);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_delivered(host);
    kit_close(host);
    for (uint32_t i = 1; i <= 5; i++) {
        struct kit_body body = kit_session(&device, "x");
        host = kit_open_dir(dir);
        kit_submit_wait(host, body);
        while (kit_waiting(host, SELKIE_OUTPUT_PAYLOAD) > 1) /* of the run before */
            selkie_output_free(kit_next(host, SELKIE_OUTPUT_PAYLOAD));
        kit_expect_payload(host, &device, i, "x");
        kit_submit_wait(host, body);
        ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
        kit_delivered(host);
        kit_close(host);
    }
}
END_TEST

START_TEST(known_devices_do_not_wait_for_the_rsa_of_others)
{
    enum { SEALED = 100 };
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device fast = kit_device(1, 1), slow = kit_device(2, 1);

    kit_submit_wait(host, kit_register(&fast, NULL, NULL));
    kit_submit_wait(host, kit_register(&slow, NULL, NULL));
    uint64_t last = 0;
    for (int i = 0; i < SEALED; i++) {
        struct kit_body body = kit_data(&slow, "slow");
        last = kit_submit(host, &body, 0);
    }
    kit_submit_wait(host, kit_session(&fast, "fast"));
    ck_assert(!kit_has_receipt(host, last));
    kit_receipt(host, last);
    kit_close(host);
}
END_TEST

/* A REGISTER with the bit that says: SESSION frames will come. */
static struct kit_body register_session(struct kit_device *device)
{
    struct selkie_message message = {.kind = SELKIE_REGISTER, .counter = device->counter++};
    uint8_t bytes[SELKIE_MESSAGE_MAX];

    message.registration.flags = SELKIE_FLAG_SESSION;
    memcpy(message.address, device->address, sizeof message.address);
    memcpy(message.id, device->id, sizeof message.id);
    int len = selkie_message_encode(bytes, &message);
    ck_assert_int_gt(len, 0);
    return kit_seal(bytes, (size_t)len, device->address, 1);
}

static void expect_form(struct kit_host *host, const char *form)
{
    json_t *answer = kit_command(host, "{\"command\":\"getDevice\",\"address\":\"0200000000000001\"}");
    json_t *bindings = json_object_get(json_object_get(answer, "data"), "bindings");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(bindings, 0), "form")), form);
    json_decref(answer);
}

START_TEST(the_form_is_the_last_readings_or_that_of_a_later_registration)
{
    for (int policy = SELKIE_ENROL_OPEN; policy <= SELKIE_ENROL_APPROVE; policy++) {
        const struct selkie_unsealer_options options = {.state_dir = kit_dir(),
                                                        .enrolment = (enum selkie_enrolment)policy};
        struct kit_host *host = kit_open(&options);
        struct kit_device device = kit_device(1, 1);

        kit_submit_wait(host, register_session(&device));
        expect_form(host, "session");
        kit_submit_wait(host, kit_data(&device, "sealed"));
        expect_form(host, "sealed");
        kit_submit_wait(host, kit_session(&device, "x"));
        expect_form(host, "session");
        kit_submit_wait(host, register_session(&device)); /* nobody acknowledged the first one */
        expect_form(host, "session");
        if (policy == SELKIE_ENROL_APPROVE)
            kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000001\"}");
        expect_form(host, "session");
        kit_submit_wait(host, kit_register(&device, NULL, NULL));
        expect_form(host, "sealed");
        kit_close(host);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unsealer_session");
    TCase *tcase = tcase_create("session");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, every_flipped_bit_is_refused_without_rsa);
    tcase_add_test(tcase, a_forged_frame_under_a_known_tag_costs_no_write);
    tcase_add_test(tcase, frames_before_their_registration_come_out_in_order_after_it);
    tcase_add_test(tcase, unknown_tags_are_kept_in_bounds);
    tcase_add_test(tcase, two_devices_with_one_tag_are_distinguished);
    tcase_add_test(tcase, the_counter_is_found_again_over_wraps_and_losses);
    tcase_add_test(tcase, frames_right_behind_the_sealed_one_that_finds_the_counter_wait_for_it);
    tcase_add_test(tcase, replay_clone_and_stale_hold_across_the_forms);
    tcase_add_loop_test(tcase, all_that_either_gateway_heard_comes_out, 0, 2);
    tcase_add_test(tcase, a_jump_of_the_counter_does_not_displace_the_device);
    tcase_add_test(tcase, a_restart_between_frames_changes_nothing);
    tcase_add_test(tcase, known_devices_do_not_wait_for_the_rsa_of_others);
    tcase_add_test(tcase, the_form_is_the_last_readings_or_that_of_a_later_registration);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
