/* SPDX-License-Identifier: Apache-2.0 */
/* Each key of the plugin's configuration: its default, what it takes, and what it refuses with file, line and key. */
#include "plugin_config.h"
#include "run_suite.h"

#include <kit/kit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS  "\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}]"
#define STATE "\"state_dir\":\"state\""

static const char *dir, *path;
static char error[SELKIE_PLUGIN_CONFIG_ERROR_SIZE];

static void copy_key(const char *from, const char *name, unsigned mode)
{
    char pem[8192];
    FILE *file = fopen(from, "r");
    size_t len = fread(pem, 1, sizeof pem, file);

    (void)fclose(file);
    kit_write(kit_path(dir, name), pem, len, mode);
}

static void setup(void)
{
    const char *key = kit_key_file();

    dir = kit_dir();
    path = kit_path(dir, "plugin.json");
    copy_key(key, "1.key.pem", 0600);
    copy_key(key, "open.pem", 0644);
}

static struct selkie_plugin_config *open_text(const char *text)
{
    struct selkie_plugin_config *config;

    kit_write(path, text, strlen(text), 0600);
    ck_assert_msg(selkie_plugin_config_open(&config, path, error) == 0, "%s", error);
    return config;
}

START_TEST(what_is_left_out_has_its_default)
{
    struct selkie_plugin_config *config = open_text("{" STATE "," KEYS "}");

    ck_assert_str_eq(config->root, "selkie");
    ck_assert_str_eq(config->state_dir, kit_path(dir, "state")); /* seen from the file's folder */
    ck_assert_uint_eq(selkie_keyring_count(config->keyring), 1);
    ck_assert_uint_eq(config->workers, 0);
    ck_assert_int_eq(config->enrolment, SELKIE_ENROL_OPEN);
    ck_assert_int_eq(config->rebind, SELKIE_REBIND_APPROVE);
    ck_assert_uint_eq(config->admin_count, 0);
    ck_assert(!selkie_plugin_config_is_admin(config, "root"));
    ck_assert(config->any_reader);
    ck_assert_uint_eq(config->reader_count, 0);
    ck_assert(!config->allow_other_topics);
    ck_assert_uint_eq(config->silent_after_s, 0);
    ck_assert_uint_eq(config->replay_wait_s, 30);
    ck_assert_uint_eq(config->max_devices, 100000);
    ck_assert_uint_eq(config->forget_after_days, 30);
    ck_assert(!config->any_gateway);
    ck_assert_ptr_null(config->models_dir);
    ck_assert_int_eq(selkie_plugin_config_read_models(config, NULL, NULL, NULL), 0);
    ck_assert_ptr_null(config->models);
    ck_assert_ptr_null(config->discovery_prefix);
    selkie_plugin_config_close(config);
}
END_TEST

START_TEST(home_assistant_is_a_prefix_and_maybe_a_button)
{
    struct selkie_plugin_config *config = open_text("{" STATE "," KEYS ",\"home_assistant\":{}}");

    ck_assert_str_eq(config->discovery_prefix, "homeassistant");
    ck_assert(!config->approve_button);
    selkie_plugin_config_close(config);
    config =
        open_text("{" STATE "," KEYS ",\"home_assistant\":{\"prefix\":\"home/assistant\",\"approve_button\":true}}");
    ck_assert_str_eq(config->discovery_prefix, "home/assistant");
    ck_assert(config->approve_button);
    selkie_plugin_config_close(config);
}
END_TEST

START_TEST(each_key_is_taken)
{
    copy_key(kit_new_key_file(), "2.key.pem", 0600);
    struct selkie_plugin_config *config = open_text(
        "{\"root\":\"site/7\",\"state_dir\":\"/var/lib/x\",\"provider\":\"mbedtls\","
        "\"keys\":[{\"id\":255,\"file\":\"1.key.pem\"},{\"id\":2,\"file\":\"2.key.pem\",\"provider\":\"openssl\"}],"
        "\"workers\":256,\"enrolment\":\"listed\",\"rebind\":\"claim\",\"admins\":[\"root\",\"ops\"],"
        "\"readers\":[\"alice\",{\"user\":\"bob\",\"topics\":[\"selkie/device/+/up\",\"selkie/stats\"]},"
        "{\"user\":\"carol\"}],\"other_topics\":\"allow\",\"silent_after\":31622400,\"replay_wait\":600,"
        "\"models_dir\":\"models\",\"gateways\":\"any\",\"max_devices\":1000000000,\"forget_after_days\":0}");
    const char *provider;
    uint8_t id;

    ck_assert_str_eq(config->root, "site/7");
    ck_assert_str_eq(config->state_dir, "/var/lib/x");
    ck_assert_str_eq(config->models_dir, kit_path(dir, "models"));
    ck_assert_uint_eq(selkie_keyring_count(config->keyring), 2);
    selkie_keyring_describe(config->keyring, 0, &id, &provider);
    ck_assert_uint_eq(id, 255);
    ck_assert_str_eq(provider, "mbedtls");
    selkie_keyring_describe(config->keyring, 1, &id, &provider);
    ck_assert_uint_eq(id, 2);
    ck_assert_str_eq(provider, "openssl");
    ck_assert_uint_eq(config->workers, 256);
    ck_assert_int_eq(config->enrolment, SELKIE_ENROL_LISTED);
    ck_assert_int_eq(config->rebind, SELKIE_REBIND_CLAIM);
    ck_assert(selkie_plugin_config_is_admin(config, "root"));
    ck_assert(selkie_plugin_config_is_admin(config, "ops"));
    ck_assert(!selkie_plugin_config_is_admin(config, "op"));
    ck_assert(!selkie_plugin_config_is_admin(config, NULL));
    ck_assert(!config->any_reader);
    ck_assert_uint_eq(config->reader_count, 3);
    ck_assert_uint_eq(selkie_plugin_config_reader(config, "alice")->topic_count, 0);
    ck_assert_uint_eq(selkie_plugin_config_reader(config, "carol")->topic_count, 0);
    const struct selkie_plugin_reader *bob = selkie_plugin_config_reader(config, "bob");
    ck_assert_uint_eq(bob->topic_count, 2);
    ck_assert_str_eq(bob->topics[1], "selkie/stats");
    ck_assert_ptr_null(selkie_plugin_config_reader(config, "dave"));
    ck_assert_ptr_null(selkie_plugin_config_reader(config, NULL));
    ck_assert(config->allow_other_topics);
    ck_assert_uint_eq(config->silent_after_s, 31622400);
    ck_assert_uint_eq(config->replay_wait_s, 600);
    ck_assert_uint_eq(config->max_devices, 1000000000);
    ck_assert_uint_eq(config->forget_after_days, 0);
    ck_assert(config->any_gateway);
    selkie_plugin_config_close(config);
}
END_TEST

static void keep_line(void *context, const char *line)
{
    (void)snprintf(context, 600, "%s", line);
}

START_TEST(a_wrong_model_or_folder_is_said_and_counted_and_stops_nothing)
{
    static const char good[] = "{\"model\":\"m\",\"format\":\"text\",\"fields\":[{\"name\":\"t\"}],"
                               "\"examples\":[{\"text\":\"t=1\",\"values\":{\"t\":1}}]}";
    const char *folder = kit_dir();
    char text[800], line[600] = "";

    (void)snprintf(text, sizeof text, "{" STATE "," KEYS ",\"models_dir\":\"%s\"}", folder);
    kit_write(kit_path(folder, "good.json"), good, sizeof good - 1, 0644);
    kit_write(kit_path(folder, "bad.json"), "{\n\"model\":7}", 12, 0644);
    struct selkie_plugin_config *config = open_text(text);
    ck_assert_int_eq(selkie_plugin_config_read_models(config, NULL, keep_line, line), 0);
    ck_assert_uint_eq(selkie_models_count(config->models), 1);
    ck_assert_uint_eq(config->models_refused, 1);
    ck_assert_ptr_nonnull(strstr(line, "bad.json:2"));
    selkie_plugin_config_close(config);

    (void)snprintf(text, sizeof text, "{" STATE "," KEYS ",\"models_dir\":\"%s/none\"}", folder);
    config = open_text(text);
    ck_assert_int_eq(selkie_plugin_config_read_models(config, NULL, keep_line, line), 0);
    ck_assert_ptr_null(config->models);
    ck_assert_uint_eq(config->models_refused, 1);
    ck_assert_ptr_nonnull(strstr(line, "/none"));
    ck_assert_ptr_nonnull(strstr(line, "No such file"));
    selkie_plugin_config_close(config);
}
END_TEST

START_TEST(each_policy_has_its_name)
{
    static const struct {
        const char *name;
        enum selkie_enrolment enrolment;
    } enrolments[] = {{"open", SELKIE_ENROL_OPEN}, {"approve", SELKIE_ENROL_APPROVE}, {"listed", SELKIE_ENROL_LISTED}};
    static const struct {
        const char *name;
        enum selkie_rebind rebind;
    } rebinds[] = {{"approve", SELKIE_REBIND_APPROVE},
                   {"deny", SELKIE_REBIND_DENY},
                   {"claim", SELKIE_REBIND_CLAIM},
                   {"allow", SELKIE_REBIND_ALLOW}};
    char text[512];

    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof text, "{" STATE "," KEYS ",\"enrolment\":\"%s\",\"rebind\":\"%s\"}",
                       enrolments[i % 3].name, rebinds[i].name);
        struct selkie_plugin_config *config = open_text(text);
        ck_assert_int_eq(config->enrolment, enrolments[i % 3].enrolment);
        ck_assert_int_eq(config->rebind, rebinds[i].rebind);
        selkie_plugin_config_close(config);
    }
}
END_TEST

START_TEST(names_of_defaults_may_be_written_down)
{
    struct selkie_plugin_config *config =
        open_text("{" STATE "," KEYS ",\"readers\":\"any\",\"other_topics\":\"defer\","
                  "\"gateways\":\"registered\",\"silent_after\":0,\"admins\":[]}");

    ck_assert(config->any_reader);
    ck_assert(!config->allow_other_topics);
    ck_assert(!config->any_gateway);
    selkie_plugin_config_close(config);
    config = open_text("{" STATE "," KEYS ",\"readers\":[]}"); /* nobody, and not anybody */
    ck_assert(!config->any_reader);
    ck_assert_uint_eq(config->reader_count, 0);
    selkie_plugin_config_close(config);
}
END_TEST

/* What stands in the second line of a file that is else in order, and what is said of it. */
static const struct {
    const char *line, *says;
} wrong[] = {
    {"\"colour\":1", "colour: unknown key"},
    {"\"root\":7", "root: must be a string"},
    {"\"root\":\"\"", "root: must be topic levels"},
    {"\"root\":\"a/#\"", "root: must be topic levels"},
    {"\"root\":\"$SYS\"", "root: must be topic levels"},
    {"\"workers\":0", "workers: must be 1 to 256"},
    {"\"workers\":257", "workers: must be 1 to 256"},
    {"\"workers\":1.5", "workers: must be a whole number"},
    {"\"enrolment\":\"shut\"", "enrolment: must be one of \"open\", \"approve\", \"listed\""},
    {"\"rebind\":\"maybe\"", "rebind: must be one of \"approve\", \"deny\", \"claim\", \"allow\""},
    {"\"rebind\":null", "rebind: must be"},
    {"\"admins\":\"root\"", "admins: must be a list"},
    {"\"admins\":[1]", "admins: entry 1 must be a string"},
    {"\"readers\":\"all\"", "readers: must be one of \"any\""},
    {"\"readers\":true", "readers: must be a list"},
    {"\"readers\":[3]", "readers: entry 1 must be an object"},
    {"\"readers\":[{}]", "user: is required"},
    {"\"readers\":[{\"user\":\"a\",\"topics\":[]}]", "topics: must name at least one topic"},
    {"\"readers\":[{\"user\":\"a\",\"topics\":[\"a/#/b\"]}]", "topics: \"a/#/b\" is not a topic filter"},
    {"\"readers\":[{\"user\":\"a\",\"topic\":[\"x\"]}]", "topic: unknown key"},
    {"\"other_topics\":\"deny\"", "other_topics: must be one of \"defer\", \"allow\""},
    {"\"silent_after\":-1", "silent_after: must be 0 to 31622400"},
    {"\"silent_after\":31622401", "silent_after: must be 0 to 31622400"},
    {"\"replay_wait\":-1", "replay_wait: must be 0 to 600"},
    {"\"replay_wait\":601", "replay_wait: must be 0 to 600"},
    {"\"max_devices\":0", "max_devices: must be 1 to 1000000000"},
    {"\"max_devices\":1000000001", "max_devices: must be 1 to 1000000000"},
    {"\"forget_after_days\":-1", "forget_after_days: must be 0 to 36500"},
    {"\"forget_after_days\":36501", "forget_after_days: must be 0 to 36500"},
    {"\"gateways\":[\"roof\"]", "gateways: must be"},
    {"\"home_assistant\":true", "home_assistant: must be an object"},
    {"\"home_assistant\":{\"prefix\":\"\"}", "prefix: must be topic levels"},
    {"\"home_assistant\":{\"prefix\":\"a/+\"}", "prefix: must be topic levels"},
    {"\"home_assistant\":{\"prefix\":\"selkie\"}", "prefix: must not lie below the root (selkie)"},
    {"\"home_assistant\":{\"prefix\":\"selkie/ha\"}", "prefix: must not lie below the root (selkie)"},
    {"\"root\":\"a/b\",\"home_assistant\":{\"prefix\":\"a\"}", "prefix: must not lie below the root (a/b), nor"},
    {"\"home_assistant\":{\"topic\":\"x\"}", "topic: unknown key"},
    {"\"provider\":\"magic\"", "provider: must be one of \"openssl\", \"mbedtls\""},
};

static void expect_refused(const char *text, const char *line, const char *says)
{
    struct selkie_plugin_config *config = (struct selkie_plugin_config *)1;
    char expected[512];

    kit_write(path, text, strlen(text), 0600);
    ck_assert_int_eq(selkie_plugin_config_open(&config, path, error), SELKIE_ECONFIG);
    ck_assert_ptr_null(config);
    (void)snprintf(expected, sizeof expected, "%s:%s: %s", path, line, says);
    ck_assert_msg(strncmp(error, expected, strlen(expected)) == 0, "expected \"%s\", got \"%s\"", expected, error);
}

START_TEST(a_value_that_makes_no_sense_is_named_with_its_line)
{
    char text[512];

    (void)snprintf(text, sizeof text, "{" STATE "," KEYS ",\n%s\n}", wrong[_i].line);
    expect_refused(text, "2", wrong[_i].says);
}
END_TEST

/* The same for what must be there. */
static const struct {
    const char *text, *line, *says;
} wrong_files[] = {
    {"{" KEYS "}", "1", "state_dir: is required"},
    {"{" KEYS ",\n\"state_dir\":\"\"}", "2", "state_dir: must not be empty"},
    {"{" STATE "}", "1", "keys: is required"},
    {"{" STATE ",\n\"keys\":[]}", "2", "keys: must name at least one key"},
    {"{" STATE ",\n\"keys\":[{\"file\":\"1.key.pem\"}]}", "2", "id: is required"},
    {"{" STATE ",\n\"keys\":[{\"id\":0,\"file\":\"1.key.pem\"}]}", "2", "id: must be 1 to 255"},
    {"{" STATE ",\n\"keys\":[{\"id\":256,\"file\":\"1.key.pem\"}]}", "2", "id: must be 1 to 255"},
    {"{" STATE ",\n\"keys\":[{\"id\":1}]}", "2", "file: is required"},
    {"{" STATE ",\n\"keys\":[{\"id\":1,\n\"file\":\"absent.pem\"}]}", "3", "file: "},
    {"{" STATE ",\n\"keys\":[{\"id\":1,\n\"file\":\"open.pem\"}]}", "3", "file: "},
    {"{" STATE ",\n\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"},{\"id\":1,\n\"file\":\"1.key.pem\"}]}", "3", "file: "},
    {"{" STATE ",\n\"keys\":[{\"id\":1,\n\"uri\":\"nonsense\"}]}", "3", "uri: "},
    {"{" STATE ",\n\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"},{\"id\":7,\n\"file\":\"1.key.pem\"}]}", "3",
     "file: keys 1 and 7 are the same RSA key"},
    {"{" STATE ",\n\"keys\":[{\"id\":1,\"uri\":\"pkcs11:x\",\n\"file\":\"1.key.pem\"}]}", "3", "file: unknown key"},
    {"{" STATE ",\n\"keys\":[{\"id\":1,\"file\":\"1.key.pem\",\n\"pin_file\":\"x\"}]}", "3", "pin_file: unknown key"},
    {"[]", "1", ""},
    {"{", "1", "not JSON"},
    {"", "1", "not JSON"},
};

START_TEST(what_must_be_there_is_asked_for)
{
    expect_refused(wrong_files[_i].text, wrong_files[_i].line, wrong_files[_i].says);
}
END_TEST

START_TEST(a_path_that_does_not_fit_is_refused)
{
    char long_path[5000], text[6000];

    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    (void)snprintf(text, sizeof text, "{" KEYS ",\n\"state_dir\":\"%s\"}", long_path);
    expect_refused(text, "2", "state_dir: is too long");
}
END_TEST

START_TEST(a_file_that_is_not_there_is_named)
{
    struct selkie_plugin_config *config;
    const char *absent = kit_path(dir, "absent.json");

    ck_assert_int_eq(selkie_plugin_config_open(&config, absent, error), SELKIE_ECONFIG);
    ck_assert_ptr_null(config);
    ck_assert_ptr_nonnull(strstr(error, absent));
    ck_assert_ptr_nonnull(strstr(error, "No such file"));
}
END_TEST

START_TEST(a_bad_state_directory_is_blamed_with_its_line)
{
    struct selkie_plugin_config *config = open_text("{" KEYS ",\n\n" STATE "}");
    char expected[512];

    (void)snprintf(expected, sizeof expected, "%s:3: state_dir: state: cannot be made", path);
    ck_assert_str_eq(selkie_plugin_config_reject_state_dir(config, "state: cannot be made"), expected);
    selkie_plugin_config_close(config);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_config");
    TCase *tcase = tcase_create("plugin_config");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, what_is_left_out_has_its_default);
    tcase_add_test(tcase, home_assistant_is_a_prefix_and_maybe_a_button);
    tcase_add_test(tcase, each_key_is_taken);
    tcase_add_test(tcase, a_wrong_model_or_folder_is_said_and_counted_and_stops_nothing);
    tcase_add_test(tcase, each_policy_has_its_name);
    tcase_add_test(tcase, names_of_defaults_may_be_written_down);
    tcase_add_loop_test(tcase, a_value_that_makes_no_sense_is_named_with_its_line, 0,
                        (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_loop_test(tcase, what_must_be_there_is_asked_for, 0, (int)(sizeof wrong_files / sizeof wrong_files[0]));
    tcase_add_test(tcase, a_path_that_does_not_fit_is_refused);
    tcase_add_test(tcase, a_file_that_is_not_there_is_named);
    tcase_add_test(tcase, a_bad_state_directory_is_blamed_with_its_line);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
