/* SPDX-License-Identifier: Apache-2.0 */
/* Wycheproof's RSA-OAEP vectors against the providers that hold a key in a file. */
#include "oaep_vectors.h"

#include <check.h>
#include <run_suite.h>
#include <stdlib.h>

static const char *const providers[] = {"openssl", "mbedtls"};

static void add_key(struct selkie_keyring *keyring, const char *provider, const json_t *group)
{
    size_t len;
    uint8_t *der = vectors_bytes(group, "privateKeyPkcs8", &len);
    const struct selkie_key_source source = {.id = 1, .provider = provider, .file = kit_write_key(der, len)};
    char error[SELKIE_KEYRING_ERROR_SIZE];
    ck_assert_msg(selkie_keyring_add(keyring, &source, error) == 0, "%s", error);
    free(der);
}

START_TEST(wycheproof_agrees)
{
    json_t *vectors = oaep_vectors_load(), *group;
    size_t i, done = 0;

    json_array_foreach (vectors_list(vectors, "testGroups"), i, group) {
        struct selkie_keyring *keyring;
        ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
        add_key(keyring, providers[_i], group);
        done += oaep_vectors_check(keyring, group);
        selkie_keyring_close(keyring);
    }
    ck_assert_uint_eq(done, (size_t)vectors_integer(vectors, "numberOfTests"));
    json_decref(vectors);
}
END_TEST

int main(void)
{
    json_t *vectors = oaep_vectors_load();
    if (!vectors)
        return TEST_SKIPPED;
    json_decref(vectors);
    Suite *suite = suite_create("wycheproof_oaep");
    TCase *tcase = tcase_create("providers");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, wycheproof_agrees, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
