/* SPDX-License-Identifier: Apache-2.0 */
/* Provider pkcs11 against a real token, which tests/kit/token-softhsm and token-opencryptoki set up around this
 * program: it opens and refuses what the other providers do, and a token may go away and come back. */
#include "oaep_vectors.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <run_suite.h>
#include <sched.h>
#include <selkie/clock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic int64_t clock_us; /* how far it is set forward */

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    int result = __real_clock_gettime(id, now);
    int64_t us = (int64_t)now->tv_nsec / 1000 + (id == CLOCK_MONOTONIC ? clock_us : 0);

    now->tv_sec += us / 1000000;
    now->tv_nsec = us % 1000000 * 1000;
    return result;
}

static const char *fault_file, *logins_file;

/* How often the PIN was tried through the module that can take the token away. */
static long logins(void)
{
    struct stat status;
    return stat(logins_file, &status) == 0 ? (long)status.st_size : 0;
}

static void take_away(const char *code)
{
    kit_write(fault_file, code, strlen(code), 0600);
}

static void put_back(void)
{
    ck_assert_int_eq(unlink(fault_file), 0);
}

/* Add a key of the token; through the module that can take it away where `faulty`. */
static int add_as(uint8_t id, struct selkie_keyring *keyring, const char *object, const char *pin, bool faulty,
                  char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    char uri[512];
    const char *pin_file = kit_path(kit_dir(), "pin");
    const char *module = faulty ? SELKIE_P11_FAULT : getenv("SELKIE_TEST_MODULE");
    const struct selkie_key_source source = {.id = id, .uri = uri, .pin_file = pin_file};

    kit_write(pin_file, pin, strlen(pin), 0600);
    snprintf(uri, sizeof uri, "pkcs11:token=selkie;object=%s;type=private?module-path=%s", object, module);
    return selkie_keyring_add(keyring, &source, error);
}

static int add(struct selkie_keyring *keyring, const char *object, const char *pin, bool faulty,
               char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    return add_as(1, keyring, object, pin, faulty, error);
}

static struct selkie_keyring *open_object(const char *object, bool faulty)
{
    char error[SELKIE_KEYRING_ERROR_SIZE], pin[64];
    struct selkie_keyring *keyring;
    snprintf(pin, sizeof pin, "%s\n", getenv("SELKIE_TEST_PIN"));
    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    ck_assert_msg(add(keyring, object, pin, faulty, error) == 0, "%s", error);
    return keyring;
}

START_TEST(golden_vectors_open_and_the_rejected_do_not)
{
    json_t *vectors = vectors_load(SELKIE_VECTORS), *vector;
    struct selkie_keyring *keyring = open_object("golden", false);
    uint8_t message[SELKIE_MESSAGE_MAX];
    size_t i, len, body_len;

    ck_assert((selkie_keyring_warning(keyring, 0) != NULL) == (getenv("SELKIE_TEST_RAW") != NULL));
    json_array_foreach (vectors_list(vectors, "sealed"), i, vector) {
        uint8_t *body = vectors_bytes(vector, "body", &body_len), *expected = vectors_bytes(vector, "message", &len);
        ck_assert_int_eq(selkie_keyring_unseal(keyring, 1, body + SELKIE_SEALED_HEADER_SIZE, message), (int)len);
        ck_assert_mem_eq(message, expected, len);
        free(body);
        free(expected);
    }
    static const char *const closed[] = {"ciphertext-changed", "label-not-empty", "ciphertext-not-below-modulus"};
    json_array_foreach (vectors_list(vectors, "rejected"), i, vector) {
        for (size_t j = 0; j < sizeof closed / sizeof *closed; j++) {
            if (strcmp(vectors_text(vector, "name"), closed[j]) != 0)
                continue;
            uint8_t *body = vectors_bytes(vector, "body", &body_len);
            ck_assert_int_eq(selkie_keyring_unseal(keyring, 1, body + SELKIE_SEALED_HEADER_SIZE, message),
                             SELKIE_EBADSEAL);
            free(body);
        }
    }
    selkie_keyring_close(keyring);
    json_decref(vectors);
}
END_TEST

START_TEST(wycheproof_agrees)
{
    json_t *vectors = oaep_vectors_load();
    if (!vectors)
        return;
    struct selkie_keyring *keyring = open_object("wycheproof", false);

    ck_assert_uint_gt(oaep_vectors_check(keyring, json_array_get(vectors_list(vectors, "testGroups"), 0)), 0);
    selkie_keyring_close(keyring);
    json_decref(vectors);
}
END_TEST

START_TEST(what_is_wrong_with_a_token_or_its_key_is_said)
{
    char error[SELKIE_KEYRING_ERROR_SIZE];
    const char *pin = getenv("SELKIE_TEST_PIN");
    struct selkie_keyring *keyring;

    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    ck_assert_int_eq(add(keyring, "golden", "00000000", false, error), SELKIE_ECONFIG);
    ck_assert_msg(strstr(error, "PIN") && strstr(error, "pkcs11:token=selkie"), "%s", error);
    ck_assert_int_lt(add(keyring, "absent", pin, false, error), 0);
    ck_assert_msg(strstr(error, "no RSA private key") != NULL, "%s", error);
    ck_assert_int_eq(add(keyring, "short", pin, false, error), SELKIE_ECONFIG);
    ck_assert_msg(strstr(error, "4096") != NULL, "%s", error);
    struct selkie_key_source source = {.id = 1, .uri = "pkcs11:token=selkie?module-path=/nonexistent.so"};
    ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_ECONFIG);
    ck_assert_msg(strstr(error, "/nonexistent.so") != NULL, "%s", error);
    source.uri = "http://not-a-token";
    ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_ECONFIG);
    source.uri = "pkcs11:token=selkie";
    source.pin_file = kit_path(kit_dir(), "pin");
    kit_write(source.pin_file, pin, strlen(pin), 0644);
    ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_ECONFIG);
    selkie_keyring_close(keyring);
}
END_TEST

static EVP_PKEY *key_of(json_t *object, const char *field)
{
    size_t len;
    uint8_t *der = vectors_bytes(object, field, &len);
    const uint8_t *at = der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)len);
    free(der);
    return key;
}

/* Ask until the key answers otherwise than not ready; at most ten seconds. */
static int unseal_when_ready(struct selkie_keyring *keyring, const struct kit_body *body)
{
    uint8_t message[SELKIE_MESSAGE_MAX];
    int64_t until_us = selkie_clock_monotonic_us() + 10000000;
    int result;
    while ((result = selkie_keyring_unseal(keyring, 1, body->bytes + SELKIE_SEALED_HEADER_SIZE, message)) ==
               SELKIE_ENOTREADY &&
           selkie_clock_monotonic_us() < until_us)
        sched_yield();
    return result;
}

/* The token's key is the golden vectors' key, as is the file. */
START_TEST(one_key_under_two_ids_is_refused)
{
    static const char *const providers[] = {"openssl", "mbedtls"};
    char error[SELKIE_KEYRING_ERROR_SIZE];
    const char *pin = getenv("SELKIE_TEST_PIN");

    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
        const struct selkie_key_source source = {.id = 2, .provider = providers[i], .file = kit_key_file()};
        struct selkie_keyring *keyring = open_object("golden", false);
        ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_EEXIST);
        ck_assert_msg(strstr(error, "keys 1 and 2 are the same RSA key") != NULL, "%s", error);
        selkie_keyring_close(keyring);
        keyring = kit_keyring(providers[i]);
        ck_assert_int_eq(add_as(3, keyring, "golden", pin, false, error), SELKIE_EEXIST);
        ck_assert_msg(strstr(error, "keys 1 and 3 are the same RSA key") != NULL, "%s", error);
        ck_assert_uint_eq(selkie_keyring_count(keyring), 1);
        selkie_keyring_close(keyring);
    }
    struct selkie_keyring *keyring = open_object("golden", false);
    ck_assert_int_eq(add_as(4, keyring, "golden", pin, false, error), SELKIE_EEXIST);
    ck_assert_msg(strstr(error, "keys 1 and 4 are the same RSA key") != NULL, "%s", error);
    /* What was refused takes no other key of the same token with it. */
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "x");
    uint8_t message[SELKIE_MESSAGE_MAX];
    ck_assert_int_gt(selkie_keyring_unseal(keyring, 1, body.bytes + SELKIE_SEALED_HEADER_SIZE, message), 0);
    selkie_keyring_close(keyring);
}
END_TEST

static void modulus_of_golden(uint8_t modulus[static SELKIE_CIPHERTEXT_SIZE])
{
    json_t *vectors = vectors_load(SELKIE_VECTORS);
    EVP_PKEY *key = key_of(json_object_get(vectors, "rsa"), "private_pkcs8_der");
    BIGNUM *n = NULL;
    ck_assert_int_eq(EVP_PKEY_get_bn_param(key, "n", &n), 1);
    ck_assert_int_eq(BN_bn2binpad(n, modulus, SELKIE_CIPHERTEXT_SIZE), SELKIE_CIPHERTEXT_SIZE);
    BN_free(n);
    EVP_PKEY_free(key);
    json_decref(vectors);
}

/* Add the modulus; whether the sum still fits. */
static bool add_modulus(uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                        const uint8_t modulus[static SELKIE_CIPHERTEXT_SIZE])
{
    unsigned sum = 0;
    for (size_t i = SELKIE_CIPHERTEXT_SIZE; i-- > 0; sum >>= 8) {
        sum += (unsigned)ciphertext[i] + modulus[i];
        ciphertext[i] = (uint8_t)sum;
    }
    return sum == 0;
}

/* Our own check comes first: a fault that waits for the token's next call is still waiting. The ciphertexts are a good
 * one plus the modulus, which a token that reduces opens to the same message; the modulus itself; and the greatest. */
START_TEST(the_token_is_not_given_a_ciphertext_beyond_its_modulus)
{
    struct selkie_keyring *keyring = open_object("golden", true);
    struct kit_device device = kit_device(1, 1);
    struct kit_body good;
    uint8_t modulus[SELKIE_CIPHERTEXT_SIZE], beyond[3][SELKIE_CIPHERTEXT_SIZE], message[SELKIE_MESSAGE_MAX];

    modulus_of_golden(modulus);
    do {
        good = kit_data(&device, "x");
        memcpy(beyond[0], good.bytes + SELKIE_SEALED_HEADER_SIZE, sizeof beyond[0]);
    } while (!add_modulus(beyond[0], modulus));
    memcpy(beyond[1], modulus, sizeof modulus);
    memset(beyond[2], 0xff, sizeof beyond[2]);
    ck_assert_int_gt(unseal_when_ready(keyring, &good), 0);
    take_away("5 once");
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        ck_assert_int_eq(selkie_keyring_unseal(keyring, 1, beyond[i], message), SELKIE_EBADSEAL);
        ck_assert_int_eq(access(fault_file, F_OK), 0);
    }
    take_away("50"); /* gone for longer: what is wrong with them is still certain */
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
        ck_assert_int_eq(selkie_keyring_unseal(keyring, 1, beyond[i], message), SELKIE_EBADSEAL);
    put_back();
    ck_assert_int_gt(unseal_when_ready(keyring, &good), 0);
    modulus[SELKIE_CIPHERTEXT_SIZE - 1]--; /* it is odd; the greatest that the token may see */
    ck_assert_int_eq(selkie_keyring_unseal(keyring, 1, modulus, message), SELKIE_EBADSEAL);
    selkie_keyring_close(keyring);
}
END_TEST

START_TEST(a_pin_in_the_uri_is_refused_and_not_repeated)
{
    static const char *const uris[] = {"pkcs11:token=selkie;object=golden?pin-value=87654321",
                                       "pkcs11:token=selkie?pin-source=/etc/passwd",
                                       "pkcs11:token=selkie;pin-value=87654321", "pkcs11:token=%zz?pin-value=87654321",
                                       "pkcs11:token=selkie?module-path=/nonexistent.so&Pin-Value=87654321"};
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct selkie_keyring *keyring;

    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        const struct selkie_key_source source = {.id = 1, .uri = uris[i]};
        ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_ECONFIG);
        ck_assert_msg(!strstr(error, "87654321") && !strstr(error, "passwd") && strstr(error, "pkcs11:"), "%s", error);
        ck_assert_msg(strstr(error, "pin_file") != NULL, "%s", error);
    }
    selkie_keyring_close(keyring);
}
END_TEST

static int unseal(struct selkie_keyring *keyring, const struct kit_body *body)
{
    uint8_t message[SELKIE_MESSAGE_MAX];

    return selkie_keyring_unseal(keyring, 1, body->bytes + SELKIE_SEALED_HEADER_SIZE, message);
}

/* A key of a token that can be taken away, a frame that it opens, and one that it does not. */
static struct selkie_keyring *open_faulty(struct kit_body *good, struct kit_body *bad)
{
    struct selkie_keyring *keyring = open_object("golden", true);
    struct kit_device device = kit_device(1, 1);

    *good = kit_data(&device, "x");
    *bad = *good;
    bad->bytes[100] ^= 1;
    ck_assert_int_gt(unseal_when_ready(keyring, good), 0);
    return keyring;
}

START_TEST(a_token_goes_away_and_comes_back)
{
    static const char *const codes[] = {"50" /* CKR_DEVICE_REMOVED */, "5" /* CKR_GENERAL_ERROR */,
                                        "179" /* CKR_SESSION_HANDLE_INVALID */, "64" /* CKR_ENCRYPTED_DATA_INVALID */};
    struct kit_body good, bad;
    struct selkie_keyring *keyring = open_faulty(&good, &bad);

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        take_away(codes[i]);
        ck_assert_int_eq(unseal(keyring, &good), SELKIE_ENOTREADY);
        ck_assert_int_eq(unseal(keyring, &bad), SELKIE_ENOTREADY);
        put_back();
        ck_assert_int_gt(unseal_when_ready(keyring, &good), 0);
        ck_assert_int_eq(unseal_when_ready(keyring, &bad), SELKIE_EBADSEAL);
    }
    selkie_keyring_close(keyring);
}
END_TEST

/* A fault that has passed by the time that one looks for it. */
START_TEST(a_token_that_fails_once_costs_no_frame)
{
    struct kit_body good, bad;
    struct selkie_keyring *keyring = open_faulty(&good, &bad);

    take_away("5 once");
    ck_assert_int_gt(unseal(keyring, &good), 0);
    ck_assert_int_ne(access(fault_file, F_OK), 0);
    take_away("5 once");
    ck_assert_int_eq(unseal(keyring, &bad), SELKIE_EBADSEAL);
    selkie_keyring_close(keyring);
}
END_TEST

/* Frames that were dropped because the key was away. */
static json_int_t let_go(struct kit_host *host)
{
    char *text = selkie_unsealer_stats(kit_unsealer(host));
    json_t *stats = json_loads(text, 0, NULL);
    json_int_t count = json_integer_value(json_object_get(json_object_get(stats, "dropped"), "key_away"));
    json_decref(stats);
    free(text);
    return count;
}

START_TEST(frames_wait_at_their_gateway_while_the_token_is_away)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(), .keyring = open_object("golden", true)};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);
    struct kit_body first = kit_data(&device, "first"), second = kit_data(&device, "second");

    kit_receipt(host, kit_submit(host, &first, 0));
    kit_expect_payload(host, &device, 0, "first");
    take_away("50");
    uint64_t seq = kit_submit(host, &second, 0);
    /* A frame that needs no key has its receipt; the one before it has none. */
    struct kit_body broken = {.len = 1, .bytes = {0x20}};
    kit_receipt(host, kit_submit(host, &broken, 0));
    kit_expect_rejected(host, "malformed");
    int64_t until_us = selkie_clock_monotonic_us() + 10000000;
    while (let_go(host) == 0 && selkie_clock_monotonic_us() < until_us)
        sched_yield();
    ck_assert_int_eq(let_go(host), 1);
    ck_assert(!kit_has_receipt(host, seq));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    put_back();
    /* The gateway sends it again until it has its receipt. */
    do {
        json_int_t before = let_go(host);
        seq = kit_submit(host, &second, 0);
        while (!kit_has_receipt(host, seq) && let_go(host) == before && selkie_clock_monotonic_us() < until_us)
            sched_yield();
    } while (!kit_has_receipt(host, seq) && selkie_clock_monotonic_us() < until_us);
    kit_expect_payload(host, &device, 1, "second");
    kit_close(host);
    selkie_keyring_close(options.keyring);
}
END_TEST

/* Another program on the same token; whether it succeeds. */
static bool tool(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool tool(const char *format, ...)
{
    char what[200], line[500];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(line, sizeof line, "pkcs11-tool --module %s --token-label selkie %s >/dev/null 2>&1",
                   getenv("SELKIE_TEST_MODULE"), what);
    return system(line) == 0; /* NOLINT: fixed text */
}

static bool has_tool(void)
{
    return system("command -v pkcs11-tool >/dev/null") == 0;
}

static bool change_pin(const char *from, const char *to)
{
    return tool("--login --pin %s --change-pin --new-pin %s", from, to);
}

/* The PIN is changed while the token is away. Seconds of frames must not lock it: a token that is away is asked for
 * once a second. */
START_TEST(a_pin_that_is_wrong_now_is_tried_once)
{
    const char *pin = getenv("SELKIE_TEST_PIN");
    char why[SELKIE_KEYRING_ERROR_SIZE], error[SELKIE_KEYRING_ERROR_SIZE];
    struct kit_body good, bad;

    if (!has_tool())
        return;
    struct selkie_keyring *keyring = open_faulty(&good, &bad);
    ck_assert(!selkie_keyring_fault(keyring, 0, why));
    take_away("50");
    ck_assert_int_eq(unseal(keyring, &good), SELKIE_ENOTREADY);
    ck_assert(selkie_keyring_fault(keyring, 0, why));
    ck_assert(change_pin(pin, "13572468"));
    put_back();
    for (int i = 0; i < 5; i++) {
        clock_us += 1100000;
        ck_assert_int_eq(unseal(keyring, &good), SELKIE_ENOTREADY);
    }
    ck_assert(selkie_keyring_fault(keyring, 0, why));
    ck_assert_msg(strstr(why, "refuses the PIN") && strstr(why, "not tried again") && strstr(why, "reload"), "%s", why);
    selkie_keyring_close(keyring);

    /* It is not locked, and a new configuration tries the PIN that it has. */
    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    ck_assert_msg(add(keyring, "golden", "13572468", false, error) == 0, "%s", error);
    selkie_keyring_close(keyring);
    ck_assert(change_pin("13572468", pin));
}
END_TEST

static struct selkie_keyring *open_two(const char *pin)
{
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct selkie_keyring *keyring;

    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    ck_assert_msg(add_as(1, keyring, "golden", pin, true, error) == 0, "%s", error);
    ck_assert_msg(add_as(2, keyring, "second", pin, true, error) == 0, "%s", error);
    return keyring;
}

/* Frames for both keys, for seconds. */
static void ask_both(struct selkie_keyring *keyring, int expected)
{
    uint8_t ciphertext[SELKIE_CIPHERTEXT_SIZE] = {0}, message[SELKIE_MESSAGE_MAX];

    for (int i = 0; i < 5; i++) {
        clock_us += 1100000;
        ck_assert_int_eq(selkie_keyring_unseal(keyring, 1, ciphertext, message), expected);
        ck_assert_int_eq(selkie_keyring_unseal(keyring, 2, ciphertext, message), expected);
    }
}

/* The tries are the token's, so the keys of one token share them; and a reload with the same PIN, as after a rotation
 * of logs, is no reason to take another. */
START_TEST(a_pin_is_tried_once_for_each_token)
{
    const char *pin = getenv("SELKIE_TEST_PIN");
    char why[2][SELKIE_KEYRING_ERROR_SIZE], error[SELKIE_KEYRING_ERROR_SIZE];
    struct selkie_keyring *keyring = has_tool() ? open_two(pin) : NULL, *reloaded;

    if (!keyring)
        return;
    take_away("50");
    ask_both(keyring, SELKIE_ENOTREADY);
    ck_assert(change_pin(pin, "13572468"));
    put_back();
    long before = logins();
    ask_both(keyring, SELKIE_ENOTREADY);
    ck_assert_int_eq(logins() - before, 1);
    for (unsigned i = 0; i < 2; i++)
        ck_assert(selkie_keyring_fault(keyring, i, why[i]));
    ck_assert_str_eq(why[0], why[1]);
    ck_assert_msg(strstr(why[0], "token \"selkie\"") && strstr(why[0], "refuses the PIN"), "%s", why[0]);

    ck_assert_int_eq(selkie_keyring_open(&reloaded), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(add_as(1, reloaded, "golden", pin, true, error), SELKIE_ECONFIG);
        ck_assert_msg(strstr(error, "refuses the PIN") != NULL, "%s", error);
    }
    ck_assert_int_eq(logins() - before, 1);
    /* A PIN that was not tried yet is. */
    ck_assert_msg(add_as(1, reloaded, "golden", "13572468", true, error) == 0, "%s", error);
    ck_assert_int_eq(logins() - before, 2);
    selkie_keyring_close(reloaded);
    selkie_keyring_close(keyring);
    ck_assert(change_pin("13572468", pin));
}
END_TEST

/* The token's PIN is made that of the file, instead of the other way round. The login that this needs sets the token's
 * count back, by which one sees it. */
START_TEST(a_refused_pin_is_tried_again_when_somebody_has_logged_in)
{
    const char *pin = getenv("SELKIE_TEST_PIN");
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct selkie_keyring *keyring;

    if (!has_tool())
        return;
    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(add(keyring, "golden", "13572468", true, error), SELKIE_ECONFIG);
    ck_assert(change_pin(pin, "13572468"));
    ck_assert_msg(add(keyring, "golden", "13572468", true, error) == 0, "%s", error);
    selkie_keyring_close(keyring);
    ck_assert(change_pin("13572468", pin));
}
END_TEST

/* opencryptoki locks after three; SoftHSM only says that it counts. */
START_TEST(the_last_try_is_the_operators)
{
    const char *pin = getenv("SELKIE_TEST_PIN");
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct selkie_keyring *keyring;

    if (getenv("SELKIE_TEST_RAW") || !has_tool())
        return;
    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    for (int i = 0; i < 2; i++)
        ck_assert(!tool("--login --pin 99999999 --list-objects"));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(add(keyring, "golden", pin, false, error), SELKIE_ECONFIG);
        ck_assert_msg(strstr(error, "one more try") != NULL, "%s", error);
    }
    ck_assert(tool("--login --pin %s --list-objects", pin));
    ck_assert_msg(add(keyring, "golden", pin, false, error) == 0, "%s", error);
    selkie_keyring_close(keyring);

    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    for (int i = 0; i < 3; i++)
        ck_assert(!tool("--login --pin 99999999 --list-objects"));
    ck_assert_int_eq(add(keyring, "golden", pin, false, error), SELKIE_ECONFIG);
    ck_assert_msg(strstr(error, "is locked") != NULL, "%s", error);
    ck_assert(tool("--login --login-type so --so-pin 76543210 --init-pin --new-pin %s", pin));
    ck_assert_msg(add(keyring, "golden", pin, false, error) == 0, "%s", error);
    selkie_keyring_close(keyring);
}
END_TEST

static void write_pem(const char *dir, const char *name, EVP_PKEY *key)
{
    const char *path = kit_path(dir, name);
    FILE *file = fopen(path, "w");
    if (!key || !file || !PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL))
        abort();
    fclose(file);
    EVP_PKEY_free(key);
}

static int write_keys(const char *dir)
{
    json_t *golden = vectors_load(SELKIE_VECTORS), *wycheproof = oaep_vectors_load();
    write_pem(dir, "golden.pem", key_of(json_object_get(golden, "rsa"), "private_pkcs8_der"));
    if (wycheproof)
        write_pem(dir, "wycheproof.pem",
                  key_of(json_array_get(vectors_list(wycheproof, "testGroups"), 0), "privateKeyPkcs8"));
    write_pem(dir, "short.pem", EVP_RSA_gen(2048));
    write_pem(dir, "second.pem", EVP_RSA_gen(SELKIE_CIPHERTEXT_SIZE * 8));
    json_decref(golden);
    json_decref(wycheproof);
    return 0;
}

static void set_up(void)
{
    kit_root_make();
    fault_file = kit_path(kit_dir(), "fault");
    setenv("P11_FAULT_MODULE", getenv("SELKIE_TEST_MODULE"), 1);
    setenv("P11_FAULT_FILE", fault_file, 1);
    logins_file = kit_path(kit_dir(), "logins");
    setenv("P11_FAULT_LOGINS", logins_file, 1);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write-keys") == 0)
        return write_keys(argv[2]);
    if (!getenv("SELKIE_TEST_MODULE") || !getenv("SELKIE_TEST_PIN")) {
        printf("skipped: run by tests/kit/token-softhsm or token-opencryptoki\n");
        return TEST_SKIPPED;
    }
    Suite *suite = suite_create("pkcs11");
    TCase *tcase = tcase_create("token");
    tcase_set_timeout(tcase, 100);
    tcase_add_unchecked_fixture(tcase, set_up, kit_root_remove);
    tcase_add_test(tcase, golden_vectors_open_and_the_rejected_do_not);
    tcase_add_test(tcase, wycheproof_agrees);
    tcase_add_test(tcase, what_is_wrong_with_a_token_or_its_key_is_said);
    tcase_add_test(tcase, one_key_under_two_ids_is_refused);
    tcase_add_test(tcase, the_token_is_not_given_a_ciphertext_beyond_its_modulus);
    tcase_add_test(tcase, a_pin_in_the_uri_is_refused_and_not_repeated);
    tcase_add_test(tcase, a_token_goes_away_and_comes_back);
    tcase_add_test(tcase, a_token_that_fails_once_costs_no_frame);
    tcase_add_test(tcase, a_pin_that_is_wrong_now_is_tried_once);
    tcase_add_test(tcase, a_pin_is_tried_once_for_each_token);
    tcase_add_test(tcase, a_refused_pin_is_tried_again_when_somebody_has_logged_in);
    tcase_add_test(tcase, the_last_try_is_the_operators);
    tcase_add_test(tcase, frames_wait_at_their_gateway_while_the_token_is_away);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
