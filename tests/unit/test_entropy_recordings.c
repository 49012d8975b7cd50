/* SPDX-License-Identifier: Apache-2.0 */
/* Real buttons as a source: what a logic analyser recorded of a contact, fed as a port feeds it, a timer of 1 MHz at
 * each edge of either direction. test_entropy_buttons.c has a model of a contact; a recording shows that this one
 * bounces, rests and is pressed as the device takes it to. The recordings are not in the project: each *.csv in the
 * folder that CMake's SELKIE_BUTTON_RECORDINGS names is tried (recording.h has the format).
 *
 * What a recording proves of its button, with the bounce time of the board (SELKIE_BUTTON_BOUNCE_US in the environment,
 * 20,000 if not set): a press is one and its release is one whatever their bounces, both together earn 4 bits at most,
 * and raise no alarm; bounces earn nothing even on a board that knows of none, and by themselves are refused; a machine
 * that plays the recording again and again is refused, however real it was. It proves nothing of a button that is
 * older, or pressed by another hand. */
#include "entropy_feed.h"
#include "recording.h"
#include <check.h>
#include <glob.h>
#include <run_suite.h>
#include <stdio.h>
#include <stdlib.h>

#define CONTACT_CLAIM  8 /* quarter bits: 2 bits for a press, and 2 for its release */
#define BOUNCE_US      20000
#define BOUNCE_US_MAX  1000000
#define REST_US        1000000 /* from one playing of the recording to the next */
#define PLAYINGS_MAX   64
#define REFUSED_WITHIN 1000 /* edges of a contact that does nothing but bounce */

/* Shorter pauses foretell one another: floored to milliseconds, they are no more than 4 ms apart. What one of the last
 * 16 foretold earns nothing. */
#define ALIKE_US     5000
#define ALIKE_WITHIN 16

static glob_t found;
static uint32_t bounce_us = BOUNCE_US;
static struct recording recording;
static struct recording_summary summary;

static const char *load(int index)
{
    const char *path = found.gl_pathv[index];
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    int line = recording_read(&recording, file);
    (void)fclose(file);
    ck_assert_msg(line == 0, "%s:%d: not a recording as recording.h tells it", path, line);
    summary = recording_summarize(&recording, bounce_us);
    return path;
}

static void begin(uint8_t claim, uint32_t source_bounce_us)
{
    feed_buttons_alone();
    sources[0].claim = claim;
    sources[0].bounce_us = source_bounce_us;
    feed_begin();
}

/* The timer wraps on the way. Returns 0 or the error. */
static int give_edge(uint32_t at_us)
{
    feeds[0].samples[0] = 0xfff00000u + at_us;
    feeds[0].count = 1;
    feeds[0].at = 0;
    return feed_gather(0);
}

/* Since the edge before this one; 0 for the first. */
static uint32_t pause_before(size_t i)
{
    return i == 0 ? 0 : recording.edges[i] - recording.edges[i - 1];
}

START_TEST(a_press_and_its_release_count_once_each)
{
    const char *path = load(_i);
    unsigned intervals = 0;
    begin(CONTACT_CLAIM, bounce_us);
    for (size_t i = 0; i < recording.count; i++) {
        if (pause_before(i) >= bounce_us)
            intervals++;
        ck_assert_int_eq(give_edge(recording.edges[i]), 0);
        ck_assert_uint_eq(entropy.rhythm.judged, intervals % 64);
        ck_assert_uint_le(selkie_entropy_progress(&entropy), 2 * intervals); /* 320 bits: 160 of them, 80 presses */
    }
    unsigned bits = selkie_entropy_progress(&entropy);
    printf("%s: %zu edges, %u presses, %u releases, %u glitches; a bounce lasts %u us at most, pauses for %u, and the "
           "shortest rest is %u us; %u bits\n",
           path, recording.count, summary.presses, summary.releases, summary.glitches, summary.longest_bounce_us,
           summary.longest_pause_us, summary.shortest_rest_us, bits);
    ck_assert_uint_eq(selkie_entropy_alarms(&entropy), 0);
    ck_assert_msg(bits <= 4 * summary.presses, "%u bits of %u presses: the bounce time is too short, or it is no hand",
                  bits, summary.presses);
}
END_TEST

START_TEST(bounces_that_nobody_merges_earn_nothing)
{
    /* A board that says nothing of bounces: each edge claims to be a press. */
    unsigned pauses = 0, earned = 0, last = 0;
    int error = 0;
    (void)load(_i);
    begin(SELKIE_ENTROPY_EDGE_CLAIM, 0);
    for (size_t i = 0; i < recording.count && error == 0; i++) {
        if (pause_before(i) >= ALIKE_US)
            pauses++;
        error = give_edge(recording.edges[i]);
        unsigned progress = selkie_entropy_progress(&entropy);
        earned += progress > last ? progress - last : 0; /* an alarm takes it away again */
        last = progress;
        ck_assert_uint_le(earned, 4 * (pauses + pauses / ALIKE_WITHIN + 1));
    }
    if (error != 0)
        ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
}
END_TEST

START_TEST(a_contact_that_does_nothing_but_bounce_is_refused)
{
    /* This one's bounces without the hand, and without leaps that could be one's, until it is refused. */
    uint32_t now_us = 0;
    unsigned edges = 0, laps = 0;
    int error = 0;
    (void)load(_i);
    begin(SELKIE_ENTROPY_EDGE_CLAIM, 0);
    for (size_t i = 0; error == 0; i = (i + 1) % recording.count) {
        if (i == 0 && ++laps == 2 && edges == 0)
            return; /* it never bounced */
        if (i == 0 || pause_before(i) >= ALIKE_US)
            continue;
        now_us += pause_before(i);
        error = give_edge(now_us);
        ck_assert_uint_le(selkie_entropy_progress(&entropy), 4);
        ck_assert_uint_lt(++edges, REFUSED_WITHIN);
    }
    ck_assert_int_eq(error, SELKIE_EENTROPY);
}
END_TEST

START_TEST(a_recording_that_is_played_again_and_again_is_refused)
{
    (void)load(_i);
    uint32_t period_us = recording.edges[recording.count - 1] + bounce_us + REST_US;
    int error = 0;
    begin(SELKIE_ENTROPY_EDGE_CLAIM, bounce_us);
    for (uint32_t playing = 0; error == 0; playing++) {
        ck_assert_uint_lt(playing, PLAYINGS_MAX);
        for (size_t i = 0; i < recording.count && error == 0; i++) {
            error = give_edge(playing * period_us + recording.edges[i]);
            if (summary.moments <= SELKIE_ENTROPY_INTERVALS)
                ck_assert_uint_lt(selkie_entropy_bits(&entropy), SELKIE_ENTROPY_NEEDED);
        }
    }
    ck_assert_int_eq(error, SELKIE_EENTROPY);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
}
END_TEST

/* Returns false if the environment asks for a bounce time that makes no sense. */
static bool take_bounce_time(void)
{
    const char *text = getenv("SELKIE_BUTTON_BOUNCE_US");
    char *end;
    if (text == NULL)
        return true;
    unsigned long wanted = strtoul(text, &end, 10);
    bounce_us = (uint32_t)wanted;
    return *text != '\0' && *end == '\0' && wanted >= ALIKE_US && wanted <= BOUNCE_US_MAX;
}

int main(void)
{
    if (!take_bounce_time()) {
        printf("SELKIE_BUTTON_BOUNCE_US: from %d to %d\n", ALIKE_US, BOUNCE_US_MAX);
        return 1;
    }
    if (glob(SELKIE_BUTTON_RECORDINGS "/*.csv", 0, NULL, &found) != 0) {
        printf("skipped: no recordings of buttons in " SELKIE_BUTTON_RECORDINGS "\n");
        return TEST_SKIPPED;
    }
    Suite *suite = suite_create("entropy_recordings");
    TCase *tc = tcase_create("entropy_recordings");
    int count = (int)found.gl_pathc;
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, feed_set_up, feed_tear_down);
    tcase_add_loop_test(tc, a_press_and_its_release_count_once_each, 0, count);
    tcase_add_loop_test(tc, bounces_that_nobody_merges_earn_nothing, 0, count);
    tcase_add_loop_test(tc, a_contact_that_does_nothing_but_bounce_is_refused, 0, count);
    tcase_add_loop_test(tc, a_recording_that_is_played_again_and_again_is_refused, 0, count);
    int result = run_suite(suite);
    globfree(&found);
    return result;
}
