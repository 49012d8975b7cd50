/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/vault.h"
#include "keys/secret.h"
#include <selkie/error_text.h>

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_SIZE   32
#define RUN_SIZE   16
#define COUNT_SIZE 8
#define NONCE_SIZE 12
#define TAG_SIZE   16
#define AAD_SIZE   9
#define PATH_SIZE  4200 /* above what the system opens */

/* GCM with the key of one run. */
struct run {
    uint8_t number[RUN_SIZE];
    bool ready;
    mbedtls_gcm_context gcm;
};

struct selkie_vault {
    int lock; /* the key file, locked */
    uint8_t key[KEY_SIZE];
    struct run own;   /* seals */
    struct run other; /* the earlier run whose secret was opened last */
    uint64_t sealed;
};

static int derive(const struct selkie_vault *vault, const uint8_t *salt, size_t salt_len, const char *info,
                  uint8_t *out, size_t len)
{
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    int failure =
        mbedtls_hkdf(sha256, salt, salt_len, vault->key, KEY_SIZE, (const uint8_t *)info, strlen(info), out, len);
    return failure ? SELKIE_ECRYPTO : 0;
}

static int run_set(const struct selkie_vault *vault, struct run *run, const uint8_t number[static RUN_SIZE])
{
    uint8_t key[KEY_SIZE];

    run->ready = false;
    memcpy(run->number, number, RUN_SIZE);
    int result = derive(vault, number, RUN_SIZE, "selkie vault v1", key, sizeof key);
    if (result == 0 && mbedtls_gcm_setkey(&run->gcm, MBEDTLS_CIPHER_ID_AES, key, KEY_SIZE * 8) != 0)
        result = SELKIE_ECRYPTO;
    run->ready = result == 0;
    mbedtls_platform_zeroize(key, sizeof key);
    return result;
}

static int random_bytes(uint8_t *bytes, size_t len)
{
    return getrandom(bytes, len, 0) == (ssize_t)len ? 0 : SELKIE_EENTROPY;
}

/* Written and synced under another name first: an incomplete key must never be used. */
static int make_key(const char *path, const char *state_dir, char error[static SELKIE_VAULT_ERROR_SIZE])
{
    char temporary[PATH_SIZE + 8];
    uint8_t key[KEY_SIZE];
    int result = random_bytes(key, sizeof key);

    (void)snprintf(temporary, sizeof temporary, "%s.new", path);
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (result == 0 && (fd < 0 || dir < 0 || write(fd, key, sizeof key) != sizeof key || fsync(fd) != 0 ||
                        rename(temporary, path) != 0 || fsync(dir) != 0))
        result = SELKIE_EIO;
    if (result < 0)
        selkie_error_text_format(error, SELKIE_VAULT_ERROR_SIZE, "%s: cannot create the storage key: %s", path,
                                 strerror(errno));
    if (fd >= 0)
        (void)close(fd); /* synced */
    if (dir >= 0)
        (void)close(dir);
    mbedtls_platform_zeroize(key, sizeof key);
    return result;
}

/* Not what a storage key is; other faults say by themselves what to do. */
static bool is_spoiled(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && (!S_ISREG(status.st_mode) || status.st_size != KEY_SIZE);
}

static int load_key(struct selkie_vault *vault, const char *path, char error[static SELKIE_VAULT_ERROR_SIZE])
{
    uint8_t bytes[KEY_SIZE + 2];
    int result = selkie_secret_read_file(path, bytes, sizeof bytes, error);

    if (result >= 0 && result != KEY_SIZE) {
        selkie_error_text_format(error, SELKIE_VAULT_ERROR_SIZE, "%s: must be %d bytes, is %d", path, KEY_SIZE, result);
        result = SELKIE_ECONFIG;
    }
    size_t len = strlen(error);
    if (result < 0 && is_spoiled(path))
        (void)snprintf(error + len, SELKIE_VAULT_ERROR_SIZE - len,
                       "; it belongs to the registry.db beside it: restore it from the same backup");
    if (result > 0)
        memcpy(vault->key, bytes, KEY_SIZE);
    mbedtls_platform_zeroize(bytes, sizeof bytes);
    return result < 0 ? result : 0;
}

static int take_lock(struct selkie_vault *vault, const char *path, char error[static SELKIE_VAULT_ERROR_SIZE])
{
    vault->lock = open(path, O_RDONLY | O_CLOEXEC);
    if (vault->lock >= 0 && flock(vault->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        selkie_error_text_format(error, SELKIE_VAULT_ERROR_SIZE, "%s: in use by another process", path);
    else
        selkie_error_text_format(error, SELKIE_VAULT_ERROR_SIZE, "%s: %s", path, strerror(errno));
    return SELKIE_EBUSY;
}

int selkie_vault_open(struct selkie_vault **opened, const char *state_dir, bool make,
                      char error[static SELKIE_VAULT_ERROR_SIZE])
{
    char path[PATH_SIZE];
    uint8_t number[RUN_SIZE];
    struct selkie_vault *vault = selkie_secret_alloc(sizeof *vault);
    int result = 0;

    *opened = NULL;
    selkie_error_text_format(error, SELKIE_VAULT_ERROR_SIZE, "%s: out of memory or random numbers for the storage key",
                             state_dir);
    if (!vault)
        return SELKIE_ENOMEM;
    vault->lock = -1;
    mbedtls_gcm_init(&vault->own.gcm);
    mbedtls_gcm_init(&vault->other.gcm);
    (void)snprintf(path, sizeof path, "%s/storage.key", state_dir); /* one that is cut off does not open */
    if (make && access(path, F_OK) != 0 && errno == ENOENT)
        result = make_key(path, state_dir, error);
    if (result == 0)
        result = load_key(vault, path, error);
    if (result == 0)
        result = take_lock(vault, path, error);
    if (result == 0)
        result = random_bytes(number, sizeof number);
    if (result == 0)
        result = run_set(vault, &vault->own, number);
    if (result < 0) {
        selkie_vault_close(vault);
        return result;
    }
    error[0] = 0;
    *opened = vault;
    return 0;
}

void selkie_vault_close(struct selkie_vault *vault)
{
    if (!vault)
        return;
    if (vault->lock >= 0)
        (void)close(vault->lock);
    mbedtls_gcm_free(&vault->own.gcm);
    mbedtls_gcm_free(&vault->other.gcm);
    selkie_secret_free(vault, sizeof *vault);
}

void selkie_vault_check_value(const struct selkie_vault *vault, uint8_t value[static SELKIE_VAULT_CHECK_SIZE])
{
    if (derive(vault, NULL, 0, "selkie vault v1 check", value, SELKIE_VAULT_CHECK_SIZE) < 0)
        memset(value, 0, SELKIE_VAULT_CHECK_SIZE);
}

static void put_u64(uint8_t bytes[static 8], uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        bytes[i] = (uint8_t)value;
}

static void make_aad(uint8_t aad[static AAD_SIZE], char kind, uint64_t place)
{
    aad[0] = (uint8_t)kind;
    put_u64(aad + 1, place);
}

int selkie_vault_seal(struct selkie_vault *vault, char kind, uint64_t place, const uint8_t *plain, size_t len,
                      uint8_t *sealed)
{
    uint8_t nonce[NONCE_SIZE] = {0}, aad[AAD_SIZE];
    uint8_t *count = sealed + RUN_SIZE, *text = count + COUNT_SIZE;

    make_aad(aad, kind, place);
    memcpy(sealed, vault->own.number, RUN_SIZE);
    put_u64(count, ++vault->sealed);
    memcpy(nonce + NONCE_SIZE - COUNT_SIZE, count, COUNT_SIZE);
    int failure = mbedtls_gcm_crypt_and_tag(&vault->own.gcm, MBEDTLS_GCM_ENCRYPT, len, nonce, sizeof nonce, aad,
                                            sizeof aad, plain, text, TAG_SIZE, text + len);
    return failure ? SELKIE_ECRYPTO : 0;
}

int selkie_vault_open_sealed(struct selkie_vault *vault, char kind, uint64_t place, const uint8_t *sealed, size_t len,
                             uint8_t *plain)
{
    uint8_t nonce[NONCE_SIZE] = {0}, aad[AAD_SIZE];

    if (len < SELKIE_VAULT_OVERHEAD)
        return SELKIE_ECRYPTO;
    struct run *run = memcmp(sealed, vault->own.number, RUN_SIZE) == 0 ? &vault->own : &vault->other;
    if (run == &vault->other && (!run->ready || memcmp(sealed, run->number, RUN_SIZE) != 0) &&
        run_set(vault, run, sealed) < 0)
        return SELKIE_ECRYPTO;

    const uint8_t *count = sealed + RUN_SIZE, *text = count + COUNT_SIZE;
    size_t text_len = len - SELKIE_VAULT_OVERHEAD;
    make_aad(aad, kind, place);
    memcpy(nonce + NONCE_SIZE - COUNT_SIZE, count, COUNT_SIZE);
    int failure = mbedtls_gcm_auth_decrypt(&run->gcm, text_len, nonce, sizeof nonce, aad, sizeof aad, text + text_len,
                                           TAG_SIZE, text, plain);
    return failure ? SELKIE_ECRYPTO : (int)text_len;
}
