/* SPDX-License-Identifier: Apache-2.0 */
/* The first steps of a line on a real event loop; the test is the module. What a step sends may be a key: whatever the
 * module makes of it, no failure shows it. */
#include "line/line_init.h"
#include "run_suite.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE_US (10 * UINT64_C(1000000))

static sd_event *event;
static struct selkie_line_init init;
static struct selkie_line_step steps[2];
static struct selkie_line_settings settings = {.steps = steps};
static unsigned sent;        /* steps */
static const uint8_t *first; /* of the step that was sent last */
static int ended;            /* 1: well, -1: by a failure */
static char fault[SELKIE_LINE_FAULT_MAX];

static int on_write(void *context, const uint8_t *data, size_t len)
{
    (void)context;
    ck_assert_uint_eq(len, steps[sent].send_len);
    first = data;
    sent++;
    return 0;
}

static void on_done(void *context, const char *text)
{
    (void)context;
    ck_assert_int_eq(ended, 0);
    ended = text ? -1 : 1;
    (void)snprintf(fault, sizeof fault, "%s", text ? text : "");
}

static void setup(void)
{
    const struct selkie_line_init_handler handler = {.write = on_write, .done = on_done};

    ck_assert_int_ge(sd_event_new(&event), 0);
    selkie_line_init_init(&init, event, &handler);
}

static void teardown(void)
{
    selkie_line_init_wipe(&init);
    (void)sd_event_unref(event);
}

static void add_step(const char *send, const char *expect, unsigned wait_ms)
{
    struct selkie_line_step *step = &steps[settings.step_count++];

    step->send_len = (uint8_t)strlen(send);
    memcpy(step->send, send, step->send_len);
    step->expect_len = (uint8_t)strlen(expect);
    memcpy(step->expect, expect, step->expect_len);
    step->wait_ms = wait_ms;
}

static void turn_until_sent(unsigned count)
{
    while (sent < count && ended == 0)
        ck_assert_int_gt(sd_event_run(event, PATIENCE_US), 0);
    ck_assert_uint_eq(sent, count);
    ck_assert_mem_eq(first, steps[count - 1].send, steps[count - 1].send_len);
}

static void turn_until_ended(int how)
{
    while (ended == 0)
        ck_assert_int_gt(sd_event_run(event, PATIENCE_US), 0);
    ck_assert_msg(ended == how, "\"%s\"", fault);
}

static void hear(const char *text)
{
    selkie_line_init_heard(&init, (const uint8_t *)text, strlen(text));
}

/* What a module makes of a step with a key, and how the failure of that step, or of the next, ends. */
static const struct {
    const char *expect, *heard, *late, *shown;
} echoes[] = {
    {"OK", "AT+KEY=s3cr3t\r\nERR\r\n", NULL, "got \"ERR\\r\\n\""},
    {"OK", "\r\nAT+KEY=s3cr3t\r\nERR\r\n", NULL, "got \"ERR\\r\\n\""},
    {"OK", "\r\n\r\nAT+KEY=s3cr3t\r\nERR", NULL, "got \"\\r\\n***ERR\""},
    {"OK", "AT+KEY=s3cr3t\nERR\n", NULL, "got \"\\nERR\\n\""},
    {"OK", "at+key=S3CR3T\r\nERR", NULL, "got \"ERR\""},
    {"OK", "ERR: KEY=s3cr3t?\r\n", NULL, "got \"ERR: ***?\\r\\n\""},
    {"OK", "AT+KEY = s3cr3t !", NULL, "got \" = *** !\""},
    {"OK", "boot\r\nAT+KEY=s3c", NULL, "got \"boot\\r\\n***\""},
    {"OK", "AT+KEY=s3cr3t\r\n", NULL, "only what was sent came back"},
    {"OK", "AT", NULL, "only what was sent came back"},
    {"OK", "", NULL, "nothing came"},
    {"+KEY=s3cr3t OK", "ERR", NULL, "expected \"*** OK\" within 20 ms, got \"ERR\""},
    {"AT", "AT", "+KEY=s3cr3t\r\nOK\r\nERR", "got \"OK\\r\\nERR\""}, /* the first step's echo, while the second waits */
    {"AT", "AT", "t\r\nERR", "got \"ERR\""},
};

START_TEST(failure_never_shows_what_was_sent)
{
    add_step("AT+KEY=s3cr3t\r\n", echoes[_i].expect, 20);
    add_step("AT+GO\r\n", "YES", 20);
    ck_assert_int_eq(selkie_line_init_start(&init, &settings), 0);
    turn_until_sent(1);
    hear(echoes[_i].heard);
    if (echoes[_i].late) {
        turn_until_sent(2);
        hear(echoes[_i].late);
    }
    turn_until_ended(-1);
    ck_assert_msg(strstr(fault, echoes[_i].shown), "\"%s\"", fault);
    ck_assert_msg(!strcasestr(fault, "cr3t"), "\"%s\"", fault);
    if (!echoes[_i].late)
        ck_assert_msg(!strstr(fault, "s3"), "\"%s\"", fault);
}
END_TEST

/* However much came before and behind it, in whatever pieces. */
START_TEST(answer_is_found_in_any_noise)
{
    static const size_t pieces[] = {1, 7, 255, 256, 257, 512, 1024};
    uint8_t stream[2000];

    add_step("AT", "THE ANSWER", 10000);
    for (size_t noise = 0; noise < 1100; noise++) { /* at some, it stands where older bytes are dropped */
        sent = 0;
        ck_assert_int_eq(selkie_line_init_start(&init, &settings), 0);
        turn_until_sent(1);
        memset(stream, '.', sizeof stream);
        memcpy(stream + noise, "THE ANSWER", 10);
        for (size_t at = 0; at < sizeof stream; at += pieces[_i])
            selkie_line_init_heard(&init, stream + at,
                                   sizeof stream - at < pieces[_i] ? sizeof stream - at : pieces[_i]);
        ck_assert_msg(!init.answering, "behind %zu bytes in pieces of %zu", noise, pieces[_i]);
        selkie_line_init_stop(&init);
    }
}
END_TEST

START_TEST(last_bytes_are_shown_of_many)
{
    char noise[700];

    memset(noise, '.', sizeof noise);
    memcpy(noise + sizeof noise - 5, "LAST", 5);
    add_step("AT", "OK", 20);
    ck_assert_int_eq(selkie_line_init_start(&init, &settings), 0);
    turn_until_sent(1);
    hear(noise);
    turn_until_ended(-1);
    ck_assert_msg(strstr(fault, "got ...\"....................LAST\""), "\"%s\"", fault);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("line_init");
    TCase *tcase = tcase_create("line_init");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, failure_never_shows_what_was_sent, 0, sizeof echoes / sizeof echoes[0]);
    tcase_add_loop_test(tcase, answer_is_found_in_any_noise, 0, 7);
    tcase_add_test(tcase, last_bytes_are_shown_of_many);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
