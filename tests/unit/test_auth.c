/* SPDX-License-Identifier: Apache-2.0 */
/* How a registered gateway proves who it is. The unsealer's answers are wrapped, and the certificates are the test's.
 */
#include "access.h"
#include "fake_mosquitto.h"
#include "run_suite.h"

#include <mosquitto.h>
#include <openssl/x509.h>
#include <string.h>

enum selkie_gateway_auth __wrap_selkie_unsealer_gateway(struct selkie_unsealer *unsealer, const char *name);
bool __wrap_selkie_unsealer_check_gateway(struct selkie_unsealer *unsealer, const char *name, const char *password);

enum selkie_gateway_auth __wrap_selkie_unsealer_gateway(struct selkie_unsealer *unsealer, const char *name)
{
    (void)unsealer;
    if (strcmp(name, "roof") == 0)
        return SELKIE_GATEWAY_PASSWORD;
    return strcmp(name, "tower") == 0 ? SELKIE_GATEWAY_CERTIFICATE : SELKIE_GATEWAY_UNKNOWN;
}

bool __wrap_selkie_unsealer_check_gateway(struct selkie_unsealer *unsealer, const char *name, const char *password)
{
    (void)unsealer;
    return strcmp(name, "roof") == 0 && strcmp(password, "right") == 0;
}

static int check(const char *user, const char *password)
{
    char name[32], word[32];
    struct mosquitto_evt_basic_auth attempt = {.username = name, .password = password ? word : NULL};

    strcpy(name, user);
    strcpy(word, password ? password : "");
    return selkie_access_authenticate(NULL, &attempt);
}

/* The same with a certificate whose subject has these common names (len 0 = as long as the text). */
static int check_certified(const char *user, const char *first, int len, const char *second)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);

    if (first)
        (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)first, len ? len : -1, -1,
                                         0);
    if (second)
        (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)second, -1, -1, 0);
    (void)X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"tower", -1, -1, 0);
    fake_certificate = certificate;
    int answer = check(user, NULL);
    X509_free(fake_certificate); /* nobody asked */
    fake_certificate = NULL;
    return answer;
}

START_TEST(a_name_that_is_no_gateways_is_left_to_mosquitto)
{
    ck_assert_int_eq(check("alice", "right"), MOSQ_ERR_PLUGIN_DEFER);
    ck_assert_int_eq(check("", NULL), MOSQ_ERR_PLUGIN_DEFER);
}
END_TEST

START_TEST(a_gateway_with_a_password_needs_it)
{
    ck_assert_int_eq(check("roof", "right"), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(check("roof", "wrong"), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check("roof", ""), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check("roof", NULL), MOSQ_ERR_AUTH);
}
END_TEST

START_TEST(a_gateway_with_a_certificate_needs_one_of_its_name_alone)
{
    ck_assert_int_eq(check_certified("tower", "tower", 0, NULL), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(check_certified("tower", "towel", 0, NULL), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check_certified("tower", "tower2", 0, NULL), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check_certified("tower", "towe", 0, NULL), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check_certified("tower", "Tower", 0, NULL), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check_certified("tower", "tower\0.evil", 11, NULL), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check_certified("tower", "tower", 0, "mast"), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check_certified("tower", "mast", 0, "tower"), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check_certified("tower", NULL, 0, NULL), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check("tower", NULL), MOSQ_ERR_AUTH);
    ck_assert_int_eq(check("tower", "right"), MOSQ_ERR_AUTH);
}
END_TEST

START_TEST(a_certificate_is_no_password)
{
    ck_assert_int_eq(check_certified("roof", "roof", 0, NULL), MOSQ_ERR_AUTH);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth");
    TCase *tcase = tcase_create("auth");

    tcase_add_test(tcase, a_name_that_is_no_gateways_is_left_to_mosquitto);
    tcase_add_test(tcase, a_gateway_with_a_password_needs_it);
    tcase_add_test(tcase, a_gateway_with_a_certificate_needs_one_of_its_name_alone);
    tcase_add_test(tcase, a_certificate_is_no_password);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
