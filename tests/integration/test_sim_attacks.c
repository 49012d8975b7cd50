/* SPDX-License-Identifier: Apache-2.0 */
/* Each attack by itself has what must come of it, books it under its own name alone, and is missed where it stays away:
 * an expectation that another attack could meet in its place would say nothing. */
#include "harness.h"
#include "sim_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every attack, and one thing that must come of it beyond having been made. */
static const struct {
    const char *name, *result;
} attacks[] = {{"replay", "results.replay.heard"},
               {"replay-late", "results.replay-late.replay"},
               {"hold-back", "results.hold-back.delivered"},
               {"flip", "results.flip.rejected"},
               {"forged-register", "results.forged-register.alarm-reset"},
               {"thief", "results.thief.alarm-clone"},
               {"eager-thief", "results.eager-thief.alarm-clone"},
               {"jumping-thief", "results.jumping-thief.alarm-clone"},
               {"reset-storm", "results.reset-storm.pending-full"},
               {"pending-flood", "results.pending-flood.pending-full"},
               {"late-claim", "results.late-claim.retired"},
               {"gateway-replay", "results.gateway-replay.heard"},
               {"gateway-reorder", "results.gateway-reorder.delivered"},
               {"gateway-flood", "results.gateway-flood.bad-seal"},
               {"gateway-liar", "results.gateway-liar.heard"},
               {"registration-flood", "results.registration-flood.registry-full"},
               {"publisher", "results.publisher.refused"},
               {"will", NULL},
               {"noise", "results.noise.delivered"},
               {"forged-fragments", "results.forged-fragments.heard"}};

enum { ATTACKS = sizeof attacks / sizeof attacks[0] };

/* Whether the output names this expectation as one that did not hold. */
static bool failed(const char *output, const char *figure)
{
    char text[96];

    (void)snprintf(text, sizeof text, "expected %s ", figure);
    return strstr(output, text) != NULL;
}

static bool made_failed(const char *output, const char *attack)
{
    char figure[64];

    (void)snprintf(figure, sizeof figure, "attacks.%s", attack);
    return failed(output, figure);
}

START_TEST(an_attack_has_what_must_come_of_it_and_nothing_of_anothers)
{
    const char *json = harness_path("out.json"), *name;
    char own[64], *output;
    json_t *root, *value;

    int status = RUN(&output, "attack", attacks[_i].name, "--quiet", "--json", json);
    ck_assert_msg(status == 0, "%s", output);
    free(output);
    json_t *figures = sim_figures(json, &root);
    if (attacks[_i].result != NULL)
        ck_assert_double_ge(sim_figure(figures, attacks[_i].result), 1);
    (void)snprintf(own, sizeof own, "results.%s.", attacks[_i].name);
    json_object_foreach (figures, name, value) {
        ck_assert_msg(strncmp(name, "results.", strlen("results.")) != 0 || strncmp(name, own, strlen(own)) == 0, "%s",
                      name);
    }
    json_decref(root);
}
END_TEST

START_TEST(an_attack_that_stays_away_is_missed)
{
    char *output;

    ck_assert_int_eq(
        RUN(&output, "attack", attacks[_i].name, "--quiet", "--set", "attackers/0/at_s=1000", "--set", "duration_s=70"),
        1);
    ck_assert_msg(made_failed(output, attacks[_i].name), "%s", output);
    ck_assert_msg(attacks[_i].result == NULL || failed(output, attacks[_i].result), "%s", output);
    free(output);
}
END_TEST

START_TEST(a_jumping_thief_does_not_displace_a_device_with_session_frames)
{
    char *output;

    int status = RUN(&output, "attack", "jumping-thief", "--quiet", "--set", "fleet/session_share=1");
    ck_assert_msg(status == 0, "%s", output);
    free(output);
}
END_TEST

/* The attack is made as ever, and the broker lets it pass: the alarm alone is missing. */
static const struct {
    const char *attack, *set, *result;
} blind[] = {{"reset-storm", "broker/rebind=allow", "results.reset-storm.pending-full"},
             {"replay-late", "attackers/0/after_s=60", "results.replay-late.replay"},
             {"jumping-thief", "duration_s=301", "results.jumping-thief.alarm-clone"}};

START_TEST(an_attack_without_its_alarm_is_found_out)
{
    char *output;

    ck_assert_int_eq(RUN(&output, "attack", blind[_i].attack, "--set", blind[_i].set, "--set", "settle_s=1", "--set",
                         "backlog=0", "--set", "duration_s=300"),
                     1);
    ck_assert_msg(failed(output, blind[_i].result), "%s", output);
    free(output);
}
END_TEST

/* Each of hostile's expectations of an attack fails without that attack: none is met by the fleet or by chance. */
START_TEST(hostile_without_attackers_misses_each_of_them)
{
    char *output;

    ck_assert_int_eq(RUN(&output, "run", SELKIE_SOURCE_DIR "/sim/scenarios/hostile.json", "--quiet", "--set",
                         "attackers=[]", "--set", "duration_s=60"),
                     1);
    for (int i = 0; i < ATTACKS; i++) {
        /* One silences a device, one makes all of its frames late, one needs an air of packets, and the others need
         * devices that lose their power: not in that company. */
        if (strcmp(attacks[i].name, "eager-thief") == 0 || strcmp(attacks[i].name, "jumping-thief") == 0 ||
            strcmp(attacks[i].name, "forged-fragments") == 0 || strcmp(attacks[i].name, "pending-flood") == 0 ||
            strcmp(attacks[i].name, "late-claim") == 0)
            continue;
        ck_assert_msg(made_failed(output, attacks[i].name), "%s in %s", attacks[i].name, output);
    }
    static const char *const results[] = {"replay.heard",
                                          "replay-late.replay",
                                          "hold-back.delivered",
                                          "flip.heard",
                                          "flip.bad-seal",
                                          "flip.unknown-key",
                                          "forged-register.heard",
                                          "forged-register.alarm-reset",
                                          "thief.alarm-clone",
                                          "thief.clone",
                                          "reset-storm.alarm-reset",
                                          "reset-storm.pending-full",
                                          "gateway-replay.heard",
                                          "gateway-reorder.delivered",
                                          "gateway-flood.bad-seal",
                                          "gateway-liar.heard",
                                          "registration-flood.registry-full",
                                          "publisher.refused",
                                          "noise.delivered"};
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        char figure[64];
        (void)snprintf(figure, sizeof figure, "results.%s", results[i]);
        ck_assert_msg(failed(output, figure), "%s in %s", figure, output);
    }
    free(output);
}
END_TEST

/* With one attack taken out of hostile, what is said of that one fails, and nothing else. */
START_TEST(hostile_without_one_of_them_misses_that_one_alone)
{
    static const char *const expected[] = {"attacks.forged-register", "results.forged-register.heard",
                                           "results.forged-register.alarm-reset"};
    char *output;
    unsigned lines = 0;

    /* In its place another attack that raises the same alarm. */
    ck_assert_int_eq(RUN(&output, "run", SELKIE_SOURCE_DIR "/sim/scenarios/hostile.json", "--quiet", "--set",
                         "attackers/7={\"attack\":\"will\",\"channel\":1,\"at_s\":400}", "--expect", "attacks.will=2"),
                     1);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        ck_assert_msg(failed(output, expected[i]), "%s in %s", expected[i], output);
    for (const char *line = output; (line = strstr(line, "expected ")) != NULL; line++)
        lines++;
    ck_assert_msg(lines == sizeof expected / sizeof expected[0], "%s", output);
    free(output);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim attacks");
    TCase *tcase = tcase_create("attacks");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, sim_keep_together, NULL);
    tcase_add_loop_test(tcase, an_attack_has_what_must_come_of_it_and_nothing_of_anothers, 0, ATTACKS);
    tcase_add_loop_test(tcase, an_attack_that_stays_away_is_missed, 0, ATTACKS);
    tcase_add_test(tcase, a_jumping_thief_does_not_displace_a_device_with_session_frames);
    tcase_add_loop_test(tcase, an_attack_without_its_alarm_is_found_out, 0, sizeof blind / sizeof blind[0]);
    tcase_add_test(tcase, hostile_without_attackers_misses_each_of_them);
    tcase_add_test(tcase, hostile_without_one_of_them_misses_that_one_alone);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
