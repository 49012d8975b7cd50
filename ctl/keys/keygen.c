/* SPDX-License-Identifier: Apache-2.0 */
/* An RSA-4096 pair for the cloud. The private half is written once, readable by its owner only; the public half comes
 * as PEM for selkie-device and as a C header with its pin for firmware. */
#include "ctl_command.h"
#include "keys/key_source.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BITS 4096
#define PIN_SIZE 32

static enum ctl_exit fail_errno(const char *path)
{
    return ctl_fail("%s: %s", path, strerror(errno));
}

static enum ctl_exit exists(const char *path)
{
    return ctl_fail("%s: exists already, and keygen never overwrites a key; choose another folder or number", path);
}

/* Write bytes into a new file, with fsync: a key that a power cut destroys locks out every device that has its public
 * half. Never touches an existing file. */
static enum ctl_exit write_new(const char *path, mode_t mode, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 && errno == EEXIST)
        return exists(path);
    if (fd < 0)
        return fail_errno(path);

    FILE *file = fdopen(fd, "w");
    bool written = file && setvbuf(file, NULL, _IONBF, 0) == 0 && /* no copy of a private key */
                   fwrite(bytes, 1, len, file) == len && fsync(fd) == 0;
    enum ctl_exit result = written ? CTL_DONE : fail_errno(path);
    if (file)
        fclose(file);
    else
        close(fd);
    if (result != CTL_DONE)
        unlink(path);
    return result;
}

/* What was written into `bio`, if `made`; frees it. */
static enum ctl_exit write_bio_take(const char *path, mode_t mode, BIO *bio, bool made)
{
    char *bytes;
    long len = made ? BIO_get_mem_data(bio, &bytes) : 0;
    enum ctl_exit result = made ? write_new(path, mode, bytes, (size_t)len) : ctl_fail_openssl(path);
    BIO_free(bio);
    return result;
}

static enum ctl_exit write_private(const char *path, EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    bool made = bio && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1;
    return write_bio_take(path, 0600, bio, made);
}

static enum ctl_exit write_public(const char *path, EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return write_bio_take(path, 0644, bio, bio && PEM_write_bio_PUBKEY(bio, pkey) == 1);
}

static void print_array(BIO *bio, const char *name, int id, const uint8_t *bytes, size_t len)
{
    BIO_printf(bio, "static const uint8_t selkie_key_%d_%s[%zu] = {", id, name, len);
    for (size_t i = 0; i < len; i++)
        BIO_printf(bio, "%s0x%02x,", i % 16 == 0 ? "\n    " : " ", bytes[i]);
    BIO_puts(bio, "\n};\n");
}

/* What device/include/selkie/device/trust.h takes: the DER SubjectPublicKeyInfo and the SHA-256 over it. */
static enum ctl_exit write_header(const char *path, int id, const uint8_t *spki, size_t len,
                                  const uint8_t pin[static PIN_SIZE])
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio)
        return ctl_fail_openssl(path);
    BIO_printf(
        bio,
        "/* The cloud's public key %d, made by selkiectl keygen. Not a secret, but a device must be sure of it. "
        "*/\n"
        "#ifndef SELKIE_KEY_%d_H\n#define SELKIE_KEY_%d_H\n\n#include <stdint.h>\n\n#define SELKIE_KEY_%d_ID %d\n\n"
        "/* SubjectPublicKeyInfo, DER: RSA-4096, exponent 65537. */\n",
        id, id, id, id, id);
    print_array(bio, "spki", id, spki, len);
    BIO_puts(bio, "\n/* The pin: SHA-256 over the bytes above. */\n");
    print_array(bio, "pin", id, pin, PIN_SIZE);
    BIO_puts(bio, "\n#endif\n");
    return write_bio_take(path, 0644, bio, true);
}

static enum ctl_exit write_public_forms(const char *pem, const char *header, int id, EVP_PKEY *pkey)
{
    uint8_t pin[PIN_SIZE];
    uint8_t *spki = NULL;
    int len = i2d_PUBKEY(pkey, &spki);
    if (len <= 0 || EVP_Digest(spki, (size_t)len, pin, NULL, EVP_sha256(), NULL) != 1) {
        OPENSSL_free(spki);
        return ctl_fail_openssl("the public key");
    }
    enum ctl_exit result = write_public(pem, pkey);
    if (result == CTL_DONE)
        result = write_header(header, id, spki, (size_t)len, pin);
    OPENSSL_free(spki);
    if (result != CTL_DONE)
        return result;
    printf("%s\n%s\npin ", pem, header);
    for (size_t i = 0; i < sizeof pin; i++)
        printf("%02x", pin[i]);
    putchar('\n');
    return CTL_DONE;
}

static enum ctl_exit sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(path);
    enum ctl_exit result = fsync(fd) == 0 ? CTL_DONE : fail_errno(path);
    close(fd);
    return result;
}

/* Checked before the seconds that a key takes, and before the first file is written; O_EXCL decides in the end. */
static enum ctl_exit prepare_folder(const char *folder, const char *const paths[])
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return fail_errno(folder);
    for (; *paths; paths++) {
        if (access(*paths, F_OK) == 0)
            return exists(*paths);
    }
    return CTL_DONE;
}

static enum ctl_exit make_pair(EVP_PKEY **pkey, const char *path)
{
    *pkey = EVP_RSA_gen(KEY_BITS);
    if (!*pkey)
        return ctl_fail_openssl("an RSA key");
    enum ctl_exit result = write_private(path, *pkey);
    if (result == CTL_DONE)
        puts(path);
    return result;
}

enum ctl_exit ctl_keygen(const struct ctl_options *options, const struct ctl_command *command)
{
    (void)command;
    char texts[3][4096];
    const char *const paths[] = {texts[0], texts[1], texts[2], NULL};
    if (options->key_id == 0 || !options->out) {
        ctl_fail("keygen: --id and --out are required");
        return CTL_USAGE;
    }
    if (options->pin_file && !options->from) {
        ctl_fail("keygen: --pin-file is of no use without --from");
        return CTL_USAGE;
    }
    if (strlen(options->out) > sizeof texts[0] - 32)
        return ctl_fail("%s: %s", options->out, strerror(ENAMETOOLONG));
    snprintf(texts[0], sizeof texts[0], "%s/%d.key.pem", options->out, options->key_id);
    snprintf(texts[1], sizeof texts[1], "%s/%d.pub.pem", options->out, options->key_id);
    snprintf(texts[2], sizeof texts[2], "%s/%d.pub.h", options->out, options->key_id);
    /* Before anything is made: a folder for a key that cannot be read is of no use. */
    EVP_PKEY *pkey = NULL;
    enum ctl_exit result = options->from ? ctl_key_source_load(&pkey, options->from, options->pin_file) : CTL_DONE;
    if (result == CTL_DONE)
        result = prepare_folder(options->out, paths + (options->from ? 1 : 0));
    if (result == CTL_DONE && !options->from)
        result = make_pair(&pkey, paths[0]);
    if (result == CTL_DONE)
        result = write_public_forms(paths[1], paths[2], options->key_id, pkey);
    EVP_PKEY_free(pkey);
    return result == CTL_DONE ? sync_folder(options->out) : result;
}
