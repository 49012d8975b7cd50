/* SPDX-License-Identifier: Apache-2.0 */
/* Which broker selkiectl goes to and as whom: defaults, a file, the command line over it, and what is refused. */
#include "ctl_config.h"
#include "run_suite.h"

#include <kit/kit.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char said[1024]; /* on stderr, if it were the program */
static const char *path;
static struct selkie_ctl_config config;

enum ctl_exit ctl_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    return CTL_FAILED;
}

static void setup(void)
{
    path = kit_path(kit_dir(), "ctl.json");
    ck_assert_int_eq(setenv("HOME", kit_dir(), 1), 0); /* where there is no file of the user's */
}

static void teardown(void)
{
    selkie_ctl_config_close(&config);
}

static enum ctl_exit open_text(const char *text, struct ctl_options *options)
{
    kit_write(path, text, strlen(text), 0600);
    options->config = path;
    return selkie_ctl_config_open(&config, options);
}

START_TEST(a_file_is_taken)
{
    struct ctl_options options = {0};

    ck_assert_int_eq(open_text("{\"broker\":{\"uri\":\"mqtts://b:1\",\"username\":\"u\",\"password_file\":\"p\","
                               "\"ca\":\"a\",\"cert\":\"c\",\"key\":\"k\",\"keepalive_s\":60,\"connect_timeout_s\":3},"
                               "\"root\":\"x/y\",\"timeout\":3600}",
                               &options),
                     CTL_DONE);
    ck_assert_str_eq(config.broker.name, "mqtts://b:1");
    ck_assert(config.broker.uris[0].tls);
    ck_assert_str_eq(config.broker.username, "u");
    ck_assert_str_eq(config.broker.password_file, "p");
    ck_assert_str_eq(config.broker.ca, "a");
    ck_assert_str_eq(config.broker.cert, "c");
    ck_assert_str_eq(config.broker.key, "k");
    ck_assert_str_eq(config.root, "x/y");
    ck_assert_int_eq(config.timeout_ms, 3600000);
    ck_assert_uint_eq(config.broker.keepalive_s, 60);
    ck_assert_uint_eq(config.broker.connect_timeout_s, 3);
}
END_TEST

START_TEST(what_is_left_out_has_its_default)
{
    struct ctl_options options = {0};

    ck_assert_int_eq(open_text("{}", &options), CTL_DONE);
    ck_assert_str_eq(config.broker.name, "mqtt://localhost");
    ck_assert(!config.broker.uris[0].tls);
    ck_assert_ptr_null(config.broker.username);
    ck_assert_ptr_null(config.broker.password_file);
    ck_assert_str_eq(config.root, "selkie");
    ck_assert_int_eq(config.timeout_ms, 10000);
    ck_assert_uint_eq(config.broker.keepalive_s, 30);
    ck_assert_uint_eq(config.broker.connect_timeout_s, 10);
}
END_TEST

START_TEST(the_users_own_file_is_found)
{
    char *home = getenv("HOME"), name[512];

    (void)snprintf(name, sizeof name, "%s/.config", home);
    ck_assert_int_eq(mkdir(name, 0700), 0);
    (void)snprintf(name, sizeof name, "%s/.config/selkie", home);
    ck_assert_int_eq(mkdir(name, 0700), 0);
    (void)snprintf(name, sizeof name, "%s/.config/selkie/ctl.json", home);
    kit_write(name, "{\"root\":\"mine\"}", 15, 0600);
    ck_assert_int_eq(selkie_ctl_config_open(&config, &(struct ctl_options){0}), CTL_DONE);
    ck_assert_str_eq(config.root, "mine");
    ck_assert_str_eq(config.path, name);
}
END_TEST

START_TEST(the_command_line_stands_over_the_file)
{
    struct ctl_options options = {.username = "other", .root = "r", .timeout_s = 1};

    ck_assert_int_eq(
        open_text("{\"broker\":{\"uri\":\"mqtt://b\",\"username\":\"u\",\"password_file\":\"p\"}}", &options),
        CTL_DONE);
    ck_assert_str_eq(config.broker.name, "mqtt://b");
    ck_assert_str_eq(config.broker.username, "other");
    ck_assert_str_eq(config.broker.password_file, "p");
    ck_assert_str_eq(config.root, "r");
    ck_assert_int_eq(config.timeout_ms, 1000);
    ck_assert_uint_eq(config.broker.connect_timeout_s, 1); /* as long as for an answer, where nothing else is said */
}
END_TEST

START_TEST(a_password_does_not_go_to_another_broker)
{
    struct ctl_options options = {.broker = "mqtts://elsewhere"};

    ck_assert_int_eq(open_text("{\"broker\":{\"uri\":\"mqtts://b\",\"username\":\"u\",\"password_file\":\"p\","
                               "\"cert\":\"c\",\"key\":\"k\"},\"root\":\"x\"}",
                               &options),
                     CTL_DONE);
    ck_assert_str_eq(config.broker.name, "mqtts://elsewhere");
    ck_assert_ptr_null(config.broker.username);
    ck_assert_ptr_null(config.broker.password_file);
    ck_assert_ptr_null(config.broker.cert);
    ck_assert_ptr_null(config.broker.key);
    ck_assert_str_eq(config.root, "x");
}
END_TEST

static const struct {
    const char *text, *line, *says;
} wrong[] = {
    {"{\n\"colour\":1}", "2", "colour: unknown key"},
    {"{\"broker\":{\n\"url\":\"mqtt://b\"}}", "2", "url: unknown key"},
    {"{\"broker\":{\n\"uri\":\"http://b\"}}", "2", "uri: must be mqtt://HOST"},
    {"{\"broker\":{\n\"uri\":\"mqtt://\"}}", "2", "uri: must be mqtt://HOST"},
    {"{\"broker\":{\n\"uri\":\"mqtt://b\",\"ca\":\"a\"}}", "2", "uri: must be mqtts://"},
    {"{\n\"broker\":7}", "2", "broker: must be"},
    {"{\n\"root\":\"a/+\"}", "2", "root: must be topic levels"},
    {"{\n\"timeout\":0}", "2", "timeout: must be 1 to 3600"},
    {"{\n\"timeout\":3601}", "2", "timeout: must be 1 to 3600"},
};

START_TEST(a_mistake_in_the_file_is_named_with_its_line)
{
    struct ctl_options options = {0};
    char expected[512];

    ck_assert_int_eq(open_text(wrong[_i].text, &options), CTL_CONFIG);
    (void)snprintf(expected, sizeof expected, "%s:%s: %s", path, wrong[_i].line, wrong[_i].says);
    ck_assert_msg(strncmp(said, expected, strlen(expected)) == 0, "expected \"%s\", got \"%s\"", expected, said);
}
END_TEST

START_TEST(a_mistake_on_the_command_line_is_misuse)
{
    static const struct ctl_options misuses[] = {
        {.broker = "b"},
        {.broker = "mqtt://"},
        {.broker = "mqtt://u:secret@b"},
        {.broker = "mqtt://b,b"},
        {.broker = "mqtt://b", .ca = "a"},
        {.root = "#"},
        {.broker = "mqtts://b", .key = "k"},
        {.password_file = "p"},
    };

    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        struct ctl_options options = misuses[i];
        ck_assert_int_eq(open_text("{}", &options), CTL_USAGE);
        selkie_ctl_config_close(&config);
    }
}
END_TEST

START_TEST(several_brokers_come_from_a_list_or_with_commas)
{
    struct ctl_options options = {0};

    ck_assert_int_eq(open_text("{\"broker\":{\"uri\":[\"mqtt://a\",\"mqtts://b\"]}}", &options), CTL_DONE);
    ck_assert_uint_eq(config.broker.uri_count, 2);
    ck_assert_str_eq(config.broker.name, "mqtt://a, mqtts://b");
    selkie_ctl_config_close(&config);
    options.broker = "mqtt://c,mqtt://[::1]:5";
    ck_assert_int_eq(open_text("{\"broker\":{\"uri\":[\"mqtt://a\",\"mqtts://b\"]}}", &options), CTL_DONE);
    ck_assert_str_eq(config.broker.name, "mqtt://c, mqtt://[::1]:5");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_config");
    TCase *tcase = tcase_create("ctl_config");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_file_is_taken);
    tcase_add_test(tcase, what_is_left_out_has_its_default);
    tcase_add_test(tcase, the_users_own_file_is_found);
    tcase_add_test(tcase, the_command_line_stands_over_the_file);
    tcase_add_test(tcase, a_password_does_not_go_to_another_broker);
    tcase_add_loop_test(tcase, a_mistake_in_the_file_is_named_with_its_line, 0, (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_test(tcase, a_mistake_on_the_command_line_is_misuse);
    tcase_add_test(tcase, several_brokers_come_from_a_list_or_with_commas);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
