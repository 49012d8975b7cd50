/* SPDX-License-Identifier: Apache-2.0 */
#include "oaep_vectors.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS SELKIE_WYCHEPROOF_DIR "/rsa_oaep_4096_sha256_mgf1sha256_test.json"

json_t *oaep_vectors_load(void)
{
    json_t *vectors = vectors_load(VECTORS);
    if (!vectors)
        printf("skipped: no %s\n", VECTORS);
    return vectors;
}

static void check_one(struct selkie_keyring *keyring, const json_t *test)
{
    size_t len, label_len, message_len;
    uint8_t *ciphertext = vectors_bytes(test, "ct", &len), *label = vectors_bytes(test, "label", &label_len);
    uint8_t *expected = vectors_bytes(test, "msg", &message_len), message[SELKIE_MESSAGE_MAX];

    /* Of another length: the frame's header is refused before anything is opened. */
    if (len == SELKIE_CIPHERTEXT_SIZE) {
        bool opens = strcmp(vectors_text(test, "result"), "valid") == 0 && label_len == 0;
        int result = selkie_keyring_unseal(keyring, 1, ciphertext, message);
        ck_assert_msg(result == (opens ? (int)message_len : SELKIE_EBADSEAL), "tcId %d: %d",
                      (int)vectors_integer(test, "tcId"), result);
        if (opens)
            ck_assert_mem_eq(message, expected, message_len);
    }
    free(ciphertext);
    free(label);
    free(expected);
}

size_t oaep_vectors_check(struct selkie_keyring *keyring, const json_t *group)
{
    const json_t *tests = vectors_list(group, "tests"), *test;
    size_t i;

    json_array_foreach (tests, i, test)
        check_one(keyring, test);
    return json_array_size(tests);
}
