/* SPDX-License-Identifier: Apache-2.0 */
/* A command's own line: what is taken, and what ends the program. */
#include "ctl_command.h"
#include "run_suite.h"

#include <string.h>

static const struct ctl_command add = {.name = "device add",
                                       .args = "ADDRESS",
                                       .options = CTL_BROKER | CTL_JSON | CTL_DEVICE_ADD,
                                       .min_args = 1,
                                       .max_args = 2};
static const struct ctl_command keygen = {.name = "keygen", .options = CTL_KEYGEN};

static struct ctl_options options;

static void setup(void)
{
    argp_err_exit_status = CTL_USAGE;
}

/* Up to five arguments, the last one NULL. */
static void parse(const struct ctl_command *command, const char *const arguments[static 6])
{
    char texts[6][64], *argv[7] = {(char[]){"selkiectl"}};
    int argc = 1;

    for (; arguments[argc - 1] != NULL; argc++) {
        strcpy(texts[argc - 1], arguments[argc - 1]);
        argv[argc] = texts[argc - 1];
    }
    ctl_options_parse(&options, command, argc, argv);
    if (options.arg_count > 0)
        ck_assert_str_eq(options.args[0], "A");
    ck_assert(options.claim == NULL || strcmp(options.claim, "c") == 0);
    ck_assert(options.broker == NULL || strcmp(options.broker, "mqtt://b") == 0);
    ck_assert(options.key == NULL || strcmp(options.key, "k") == 0);
}

START_TEST(a_commands_own_and_the_brokers_options_are_taken)
{
    parse(&add, (const char *const[6]){"A", "--claim", "c", "--broker=mqtt://b", "--json", NULL});
    ck_assert_uint_eq(options.arg_count, 1);
    ck_assert_ptr_nonnull(options.claim);
    ck_assert_ptr_nonnull(options.broker);
    ck_assert(options.json);
    ck_assert(!options.certificate);
    ck_assert_ptr_null(options.username);
    ck_assert_int_eq(options.timeout_s, 0);
}
END_TEST

START_TEST(numbers_are_taken_within_their_limits)
{
    parse(&keygen, (const char *const[6]){"--id", "255", NULL});
    ck_assert_int_eq(options.key_id, 255);
    parse(&add, (const char *const[6]){"A", "--timeout=3600", "--key=k", NULL});
    ck_assert_int_eq(options.timeout_s, 3600);
    ck_assert_ptr_nonnull(options.key);
}
END_TEST

static const struct {
    const char *arguments[6];
    bool made, json;
} claims[] = {
    {{"A", NULL}, false, false},
    {{"A", "--claim", "c", NULL}, false, false},
    {{"--claim", "c", "A", NULL}, false, false},
    {{"--claim", "c", "--json", "A", NULL}, false, true},
    {{"--claim=c", "A", NULL}, false, false},
    {{"A", "--claim=c", "--json", NULL}, false, true},
    {{"A", "--claim", "--claim=c", NULL}, false, false},
    {{"A", "--claim", NULL}, true, false},
    {{"A", "--claim", "--json", NULL}, true, true},
    {{"--claim", "--json", "A", NULL}, true, true},
    {{"--json", "--claim", "--", "A", NULL}, true, true},
    {{"A", "--claim=c", "--claim", NULL}, true, false},
};

START_TEST(a_claim_is_given_in_two_forms_or_to_be_made)
{
    const char *const *arguments = claims[_i].arguments;
    parse(&add, arguments);
    ck_assert_uint_eq(options.arg_count, 1);
    ck_assert(options.make_claim == claims[_i].made);
    ck_assert((options.claim != NULL) == (!claims[_i].made && arguments[1] != NULL));
    ck_assert(options.json == claims[_i].json);
}
END_TEST

START_TEST(an_empty_claim_is_no_claim_to_be_made)
{
    static const struct ctl_command *const command = &add;
    char *argv[] = {(char[]){"selkiectl"}, (char[]){"A"}, (char[]){"--claim"}, (char[]){""}, NULL};
    ctl_options_parse(&options, command, 4, argv);
    ck_assert_str_eq(options.claim, "");
    ck_assert(!options.make_claim);
    argv[1] = (char[]){"A"};
    argv[2] = (char[]){"--claim="};
    argv[3] = NULL;
    options = (struct ctl_options){0};
    ctl_options_parse(&options, command, 3, argv);
    ck_assert_str_eq(options.claim, "");
    ck_assert(!options.make_claim);
}
END_TEST

/* Each ends the program with 2. */
static const struct {
    const struct ctl_command *command;
    const char *arguments[6];
} misuses[] = {
    {&add, {NULL}},
    {&add, {"A", "B", "C", NULL}},
    {&add, {"A", "--nonsense", NULL}},
    {&add, {"A", "--certificate", NULL}}, /* another command's */
    {&add, {"A", "--timeout=0", NULL}},
    {&add, {"A", "--timeout=3601", NULL}},
    {&add, {"A", "--timeout=1s", NULL}},
    {&add, {"--claim", "A", NULL}}, /* the claim, and no address */
    {&add, {"A", "--claim", "c", "B", "C", NULL}},
    {&add, {"A", "--claim", "-c", NULL}},
    {&keygen, {"A", NULL}},
    {&keygen, {"--id", "0", NULL}},
    {&keygen, {"--id", "256", NULL}},
    {&keygen, {"--id", "+1", NULL}},
    {&keygen, {"--id", "", NULL}},
    {&keygen, {"--broker", "mqtt://b", NULL}}, /* it talks to none */
};

START_TEST(what_makes_no_sense_ends_the_program)
{
    parse(misuses[_i].command, misuses[_i].arguments);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_options");
    TCase *tcase = tcase_create("ctl_options");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_commands_own_and_the_brokers_options_are_taken);
    tcase_add_test(tcase, numbers_are_taken_within_their_limits);
    tcase_add_loop_test(tcase, a_claim_is_given_in_two_forms_or_to_be_made, 0, (int)(sizeof claims / sizeof claims[0]));
    tcase_add_test(tcase, an_empty_claim_is_no_claim_to_be_made);
    tcase_add_loop_exit_test(tcase, what_makes_no_sense_ends_the_program, CTL_USAGE, 0,
                             (int)(sizeof misuses / sizeof misuses[0]));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
