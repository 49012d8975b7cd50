/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl keygen --from with a real token, which tests/kit/token-softhsm and token-opencryptoki set up around this
 * program: the public files are those of the same key in a PEM file. */
#include "harness.h"

#include <run_suite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* keygen from a key of the token. Returns its exit status and what it said (free it). */
static int keygen(const char *folder, const char *object, const char *pin_file, char **output)
{
    char uri[512];
    (void)snprintf(uri, sizeof uri, "pkcs11:token=selkie;%s?module-path=%s", object, getenv("SELKIE_TEST_MODULE"));
    const char *const argv[] = {harness_program("selkiectl"),   "keygen", "--id", "9", "--out", folder, "--from", uri,
                                pin_file ? "--pin-file" : NULL, pin_file, NULL};
    return harness_run("keygen", argv, output);
}

START_TEST(a_key_in_a_token_has_the_public_files_of_its_pem)
{
    char folder[256], path[300], *output, *made, *expected;
    char *pin_file = strdup(harness_write("pin", 0600, "%s\n", getenv("SELKIE_TEST_PIN")));
    (void)snprintf(folder, sizeof folder, "%s", harness_path("keys"));
    int status = keygen(folder, "object=golden;type=private", pin_file, &output);
    ck_assert_msg(status == 0 && strstr(output, "pin "), "exit %d: %s", status, output);
    free(output);
    (void)snprintf(path, sizeof path, "%s/9.pub.pem", folder);
    made = harness_read(path);
    expected = harness_read(harness_public_key());
    ck_assert_str_eq(made, expected);
    (void)snprintf(path, sizeof path, "%s/9.key.pem", folder);
    ck_assert_int_eq(access(path, F_OK), -1);
    free(made);
    free(expected);
    free(pin_file);
}
END_TEST

/* A public key object needs no PIN; opencryptoki's token here has only the private one. */
START_TEST(a_token_shows_a_public_key_without_a_pin_or_is_asked_for_one)
{
    char folder[256], *output;
    (void)snprintf(folder, sizeof folder, "%s", harness_path("keys"));
    int status = keygen(folder, "object=golden", NULL, &output);
    bool shown = strstr(output, "9.pub.h") != NULL;
    ck_assert_msg(shown ? status == 0 : status == 1 && strstr(output, "use --pin-file"), "exit %d: %s", status, output);
    ck_assert_int_eq(access(folder, F_OK), shown ? 0 : -1);
    free(output);
}
END_TEST

START_TEST(what_is_wrong_with_a_token_is_said)
{
    char folder[256], *output;
    char *pin_file = strdup(harness_write("pin", 0600, "%s\n", getenv("SELKIE_TEST_PIN")));
    char *wrong = strdup(harness_write("wrong", 0600, "00000000\n"));
    const struct {
        const char *object, *pin_file, *said;
    } cases[] = {{"object=short", pin_file, "2048 bits; must have exactly 4096"},
                 {"object=nobody", pin_file, "no RSA key of the token matches the URI"},
                 {"object=golden", wrong, "check the PIN"},
                 {"serial=none", pin_file, "no such token in any slot"}};
    (void)snprintf(folder, sizeof folder, "%s", harness_path("keys"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = keygen(folder, cases[i].object, cases[i].pin_file, &output);
        ck_assert_msg(status == 1 && strstr(output, cases[i].said), "exit %d: %s", status, output);
        ck_assert_int_eq(access(folder, F_OK), -1);
        free(output);
    }
    free(pin_file);
    free(wrong);
}
END_TEST

int main(void)
{
    if (!getenv("SELKIE_TEST_MODULE") || !getenv("SELKIE_TEST_PIN")) {
        printf("skipped: run by tests/kit/token-softhsm or token-opencryptoki\n");
        return TEST_SKIPPED;
    }
    Suite *suite = suite_create("ctl_token");
    TCase *tcase = tcase_create("ctl_token");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_key_in_a_token_has_the_public_files_of_its_pem);
    tcase_add_test(tcase, a_token_shows_a_public_key_without_a_pin_or_is_asked_for_one);
    tcase_add_test(tcase, what_is_wrong_with_a_token_is_said);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
