/* SPDX-License-Identifier: Apache-2.0 */
/* What a URI is and what is none; the broker's settings from JSON and from a command line; the password file. */
#include "mqtt_settings.h"
#include "run_suite.h"

#include <kit/kit.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct selkie_mqtt_settings settings;
static struct selkie_settings *document;

static void setup(void)
{
    selkie_mqtt_settings_init(&settings, 20);
}

static void teardown(void)
{
    selkie_settings_close(document);
}

/* The mistake, or NULL. */
static const char *read_json(const char *text)
{
    selkie_settings_close(document);
    document = selkie_settings_parse("g.json", text, strlen(text));
    selkie_mqtt_settings_read(&settings, selkie_settings_root(document));
    return selkie_settings_error(document);
}

START_TEST(uri_names_host_port_and_tls)
{
    static const struct {
        const char *uri, *host;
        unsigned port;
        bool tls;
    } cases[] = {
        {"mqtt://h", "h", 1883, false},
        {"mqtts://h", "h", 8883, true},
        {"mqtt://h.example-1:1", "h.example-1", 1, false},
        {"mqtts://10.0.0.1:65535", "10.0.0.1", 65535, true},
        {"mqtt://[::1]", "::1", 1883, false},
        {"mqtts://[2001:db8::192.0.2.1]:99", "2001:db8::192.0.2.1", 99, true},
        {"ws://h", "h", 80, false},
        {"wss://h/mqtt?a=b", "h", 443, true},
        {"wss://[::1]:9001/", "::1", 9001, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setup();
        ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, cases[i].uri));
        ck_assert_uint_eq(settings.uri_count, 1);
        ck_assert_str_eq(settings.uris[0].text, cases[i].uri);
        ck_assert_str_eq(settings.uris[0].host, cases[i].host);
        ck_assert_uint_eq(settings.uris[0].port, cases[i].port);
        ck_assert(settings.uris[0].tls == cases[i].tls);
        ck_assert_str_eq(settings.name, cases[i].uri);
        ck_assert(selkie_mqtt_settings_tls(&settings) == cases[i].tls);
    }
}
END_TEST

START_TEST(what_is_no_uri_is_refused)
{
    static const char *const texts[] = {"",
                                        "h",
                                        "http://h",
                                        "mqtt://",
                                        "mqtt://:1",
                                        "mqtt://u:secret@h",
                                        "mqtt://u@h",
                                        "mqtt://h/",
                                        "mqtt://h:",
                                        "mqtt://h:0",
                                        "mqtt://h:65536",
                                        "mqtt://h:x",
                                        "mqtt://h:1x",
                                        "mqtt://h:000001",
                                        "mqtt://[]",
                                        "mqtt://[::1",
                                        "mqtt://[::1]x:1",
                                        "mqtt://[h]:1",
                                        "mqtt://::1",
                                        "MQTT://h",
                                        "mqtt:// h",
                                        "mqtt://h,",
                                        ",mqtt://h",
                                        "mqtt://h, mqtt://h"};
    char text[SELKIE_MQTT_URI_MAX + 20] = "mqtt://";

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        setup();
        const char *fault = selkie_mqtt_settings_add_uris(&settings, texts[i]);
        ck_assert_msg(fault && strstr(fault, "must be mqtt://HOST"), "%s: %s", texts[i], fault ? fault : "taken");
    }
    memset(text + 7, 'h', sizeof text - 8);
    ck_assert_ptr_nonnull(selkie_mqtt_settings_add_uris(&settings, text));
}
END_TEST

START_TEST(several_uris_are_kept_in_their_order)
{
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, "mqtt://a,mqtts://[::1]:5"));
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, "mqtt://c"));
    ck_assert_uint_eq(settings.uri_count, 3);
    ck_assert_str_eq(settings.uris[1].host, "::1");
    ck_assert_str_eq(settings.name, "mqtt://a, mqtts://[::1]:5, mqtt://c");
    ck_assert(selkie_mqtt_settings_tls(&settings));
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, "mqtt://d,mqtt://e,mqtt://f,mqtt://g,mqtt://h"));
    ck_assert_ptr_nonnull(selkie_mqtt_settings_add_uris(&settings, "mqtt://i"));
    ck_assert_uint_eq(settings.uri_count, SELKIE_MQTT_URIS_MAX);
}
END_TEST

START_TEST(every_key_is_read)
{
    const char *error = read_json("{\"uri\":\"mqtts://h\",\"username\":\"u\",\"password_file\":\"p\",\"ca\":\"a\","
                                  "\"cert\":\"c\",\"key\":\"k\",\"keepalive_s\":5,\"connect_timeout_s\":300}");

    ck_assert_msg(!error, "%s", error);
    ck_assert_str_eq(settings.name, "mqtts://h");
    ck_assert_str_eq(settings.username, "u");
    ck_assert_str_eq(settings.password_file, "p");
    ck_assert_str_eq(settings.ca, "a");
    ck_assert_str_eq(settings.cert, "c");
    ck_assert_str_eq(settings.key, "k");
    ck_assert_uint_eq(settings.keepalive_s, 5);
    ck_assert_uint_eq(settings.connect_timeout_s, 300);
}
END_TEST

START_TEST(uri_may_be_a_list)
{
    const char *error = read_json("{\"uri\":[\"mqtt://a\",\"mqtt://b:1\"]}");

    ck_assert_msg(!error, "%s", error);
    ck_assert_uint_eq(settings.uri_count, 2);
    ck_assert_str_eq(settings.name, "mqtt://a, mqtt://b:1");
    ck_assert_uint_eq(settings.keepalive_s, 30);
    ck_assert_uint_eq(settings.connect_timeout_s, 20);
    ck_assert_ptr_null(settings.username);
}
END_TEST

START_TEST(a_default_uri_stands_until_the_object_has_one)
{
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, "mqtt://localhost"));
    ck_assert_ptr_null(read_json("{}"));
    ck_assert_str_eq(settings.name, "mqtt://localhost");
    ck_assert_ptr_null(read_json("{\"uri\":\"mqtt://b\"}"));
    ck_assert_str_eq(settings.name, "mqtt://b");
    ck_assert_uint_eq(settings.uri_count, 1);
}
END_TEST

static const struct {
    const char *text, *error;
} mistakes[] = {
    {"{}", "uri: is required"},
    {"{\"uri\":7}", "uri: must be"},
    {"{\n\"uri\":\"http://h\"}", "g.json:2: uri: must be mqtt://HOST"},
    {"{\"uri\":[]}", "uri: must be one URI or more"},
    {"{\"uri\":[\"mqtt://a\",7]}", "uri"},
    {"{\"uri\":[\"mqtt://a\",\"b\"]}", "uri: entry 2 must be mqtt://HOST"},
    {"{\"uri\":\"mqtt://a,mqtt://b\"}", "uri: must be mqtt://HOST"}, /* a list is a list */
    {"{\"uri\":\"mqtt://a\",\"url\":1}", "url: unknown key"},
    {"{\"uri\":\"mqtt://a\",\"keepalive_s\":4}", "keepalive_s: must be 5 to 3600"},
    {"{\"uri\":\"mqtt://a\",\"connect_timeout_s\":0}", "connect_timeout_s: must be 1 to 300"},
};

START_TEST(a_mistake_is_named_with_its_key)
{
    const char *error = read_json(mistakes[_i].text);

    ck_assert_msg(error && strstr(error, mistakes[_i].error), "%s: %s", mistakes[_i].text, error ? error : "taken");
}
END_TEST

START_TEST(settings_that_do_not_fit_together_are_named)
{
    static const struct {
        const char *text, *key;
    } cases[] = {
        {"{\"uri\":\"mqtt://h\",\"ca\":\"a\"}", "uri"},
        {"{\"uri\":[\"mqtts://h\",\"mqtt://h\"],\"cert\":\"c\"}", "uri"},
        {"{\"uri\":\"mqtts://h\",\"key\":\"k\"}", "key"},
        {"{\"uri\":\"mqtt://h\",\"password_file\":\"p\"}", "password_file"},
        {"{\"uri\":[\"mqtts://h\",\"mqtt://h\"],\"username\":\"u\",\"password_file\":\"p\"}", NULL},
    };
    const char *key;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setup();
        ck_assert_ptr_null(read_json(cases[i].text));
        const char *fault = selkie_mqtt_settings_fault(&settings, &key);
        ck_assert_msg((fault != NULL) == (cases[i].key != NULL), "%s", cases[i].text);
        if (fault)
            ck_assert_str_eq(key, cases[i].key);
    }
}
END_TEST

START_TEST(a_password_in_plain_text_is_seen)
{
    static const struct {
        const char *uris;
        bool exposed;
    } cases[] = {{"mqtt://h", true},
                 {"mqtt://localhost.example:1883", true},
                 {"mqtts://h", false},
                 {"mqtt://localhost,mqtt://[::1]:1883,mqtt://127.0.0.1", false},
                 {"mqtts://h,mqtt://h", true}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setup();
        ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, cases[i].uris));
        ck_assert_ptr_null(selkie_mqtt_settings_exposed(&settings)); /* there is none */
        settings.password_file = "p";
        ck_assert_msg((selkie_mqtt_settings_exposed(&settings) != NULL) == cases[i].exposed, "%s", cases[i].uris);
    }
}
END_TEST

START_TEST(any_other_value_is_another_connection)
{
    static const char *const texts[] = {
        "{\"uri\":\"mqtts://h\",\"username\":\"u\"}",
        "{\"uri\":\"mqtts://g\",\"username\":\"u\"}",
        "{\"uri\":[\"mqtts://h\",\"mqtts://g\"],\"username\":\"u\"}",
        "{\"uri\":\"mqtts://h\",\"username\":\"v\"}",
        "{\"uri\":\"mqtts://h\"}",
        "{\"uri\":\"mqtts://h\",\"username\":\"u\",\"password_file\":\"p\"}",
        "{\"uri\":\"mqtts://h\",\"username\":\"u\",\"ca\":\"p\"}",
        "{\"uri\":\"mqtts://h\",\"username\":\"u\",\"cert\":\"p\"}",
        "{\"uri\":\"mqtts://h\",\"username\":\"u\",\"key\":\"p\"}",
        "{\"uri\":\"mqtts://h\",\"username\":\"u\",\"keepalive_s\":31}",
        "{\"uri\":\"mqtts://h\",\"username\":\"u\",\"connect_timeout_s\":21}",
    };
    struct selkie_mqtt_settings first;
    struct selkie_settings *kept;

    ck_assert_ptr_null(read_json(texts[0]));
    first = settings;
    kept = document;
    document = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        setup();
        ck_assert_ptr_null(read_json(texts[i]));
        ck_assert_msg(selkie_mqtt_settings_same(&first, &settings) == (i == 0), "%s", texts[i]);
        ck_assert_msg(selkie_mqtt_settings_same(&settings, &first) == (i == 0), "%s", texts[i]);
    }
    selkie_settings_close(kept);
}
END_TEST

static int read_password(const void *bytes, size_t len, unsigned mode, char password[static SELKIE_MQTT_PASSWORD_MAX],
                         char why[static SELKIE_MQTT_TEXT_MAX])
{
    const char *path = kit_path(kit_dir(), "password");

    kit_write(path, bytes, len, mode);
    int result = selkie_mqtt_settings_password(password, path, why);
    ck_assert(result == 0 || strstr(why, path));
    return result;
}

START_TEST(the_password_is_the_first_line_of_a_file_that_is_not_everybodys)
{
    char password[SELKIE_MQTT_PASSWORD_MAX], why[SELKIE_MQTT_TEXT_MAX];

    ck_assert_int_eq(read_password("secret word\nmore\n", 17, 0640, password, why), 0);
    ck_assert_str_eq(password, "secret word");
    ck_assert_int_eq(read_password("no end", 6, 0600, password, why), 0);
    ck_assert_str_eq(password, "no end");
    ck_assert_int_eq(read_password("secret\n", 7, 0604, password, why), SELKIE_EIO);
    ck_assert_int_eq(selkie_mqtt_settings_password(password, "/nonexistent/password", why), SELKIE_EIO);
    ck_assert_ptr_nonnull(strstr(why, "No such file"));
}
END_TEST

/* What editors and copying leave in a file would be a wrong password, and the broker would only say "refused". */
static const struct {
    const char *text;
    size_t len;
    const char *why;
} no_passwords[] = {
    {"", 0, ": holds no password, nor anything else"},
    {"\nsecret\n", 8, ": its first line is empty"},
    {"  \t\nsecret\n", 11, ": its first line holds only blanks"},
    {"secret\r\n", 8, ": its first line ends with a carriage return"},
    {"\r\n", 2, ": its first line ends with a carriage return"},
    {"sec\rret\n", 8, ": its first line holds a control character"},
    {"\xEF\xBB\xBFsecret\n", 10, ": begins with a byte order mark"},
    {"\xFF\xFEs\0e\0", 6, ": is a text in UTF-16"},
    {"sec\0ret\n", 8, ": its first line holds a control character"},
};

START_TEST(a_file_that_holds_no_password_is_refused_by_name)
{
    char password[SELKIE_MQTT_PASSWORD_MAX], why[SELKIE_MQTT_TEXT_MAX];

    ck_assert_int_eq(read_password(no_passwords[_i].text, no_passwords[_i].len, 0600, password, why), SELKIE_EIO);
    ck_assert_msg(strstr(why, no_passwords[_i].why), "%s", why);
    ck_assert_str_eq(password, "");
}
END_TEST

START_TEST(a_password_that_is_too_long_is_refused_and_not_cut)
{
    char password[SELKIE_MQTT_PASSWORD_MAX], why[SELKIE_MQTT_TEXT_MAX], text[SELKIE_MQTT_PASSWORD_MAX];

    memset(text, 'x', sizeof text);
    ck_assert_int_eq(read_password(text, sizeof text, 0600, password, why), SELKIE_EIO);
    ck_assert_ptr_nonnull(strstr(why, ": a password has at most 1023 bytes"));
    text[sizeof text - 1] = '\n';
    ck_assert_int_eq(read_password(text, sizeof text, 0600, password, why), 0);
    ck_assert_uint_eq(strlen(password), sizeof text - 1);
}
END_TEST

START_TEST(a_password_is_read_from_a_regular_file_only)
{
    const char *path = kit_path(kit_dir(), "password");
    char password[SELKIE_MQTT_PASSWORD_MAX], why[SELKIE_MQTT_TEXT_MAX];

    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(selkie_mqtt_settings_password(password, path, why), SELKIE_EIO);
    ck_assert_ptr_nonnull(strstr(why, ": is a FIFO, not a file"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt_settings");
    TCase *tcase = tcase_create("mqtt_settings");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, uri_names_host_port_and_tls);
    tcase_add_test(tcase, what_is_no_uri_is_refused);
    tcase_add_test(tcase, several_uris_are_kept_in_their_order);
    tcase_add_test(tcase, every_key_is_read);
    tcase_add_test(tcase, uri_may_be_a_list);
    tcase_add_test(tcase, a_default_uri_stands_until_the_object_has_one);
    tcase_add_loop_test(tcase, a_mistake_is_named_with_its_key, 0, (int)(sizeof mistakes / sizeof mistakes[0]));
    tcase_add_test(tcase, settings_that_do_not_fit_together_are_named);
    tcase_add_test(tcase, a_password_in_plain_text_is_seen);
    tcase_add_test(tcase, any_other_value_is_another_connection);
    tcase_add_test(tcase, the_password_is_the_first_line_of_a_file_that_is_not_everybodys);
    tcase_add_loop_test(tcase, a_file_that_holds_no_password_is_refused_by_name, 0,
                        (int)(sizeof no_passwords / sizeof no_passwords[0]));
    tcase_add_test(tcase, a_password_that_is_too_long_is_refused_and_not_cut);
    tcase_add_test(tcase, a_password_is_read_from_a_regular_file_only);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
