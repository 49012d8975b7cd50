/* SPDX-License-Identifier: Apache-2.0 */
#include "keyfile.h"
#include <errno.h>
#include <mbedtls/asn1.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <selkie/file.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 65536

#define PRIVATE     "a private key, which belongs on no device; give the public half (*.pub.pem)"
#define CERTIFICATE "a certificate; give the key in it, which 'openssl x509 -pubkey -noout -in FILE' prints"
#define NEITHER     "not a public key in PEM form, nor in DER"

/* What a PEM text is, if not a public key. */
static const char *judge_pem(const char *text)
{
    if (strstr(text, "PRIVATE KEY-----"))
        return PRIVATE;
    if (strstr(text, "-----BEGIN CERTIFICATE REQUEST-----"))
        return "a request for a certificate; give the key in it, which 'openssl req -pubkey -noout -in FILE' prints";
    if (strstr(text, "-----BEGIN CERTIFICATE-----") || strstr(text, "-----BEGIN TRUSTED CERTIFICATE-----"))
        return CERTIFICATE;
    return strncmp(text, "ssh-", 4) == 0 ? "a key for SSH; 'ssh-keygen -e -m PKCS8 -f FILE' prints it in PEM" : NULL;
}

/* What a DER is, if not a public key. SEQUENCE { INTEGER 0 or 1, … } is a private key: RFC 8017 (PKCS#1), RFC 5958
 * (PKCS#8), RFC 5915 (EC). SEQUENCE { SEQUENCE { OID, … }, OCTET STRING } is an encrypted one (RFC 5958), and
 * SEQUENCE { SEQUENCE { [0] or INTEGER, … }, … } a certificate or a request for one (RFC 5280, RFC 2986). */
static const char *judge_der(unsigned char *at, const unsigned char *end)
{
    const int sequence = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
    size_t len;
    int version;
    if (mbedtls_asn1_get_tag(&at, end, &len, sequence) != 0)
        return NULL;
    end = at + len;
    if (at < end && *at == MBEDTLS_ASN1_INTEGER)
        return mbedtls_asn1_get_int(&at, end, &version) == 0 && version <= 1 ? PRIVATE : NULL;
    if (mbedtls_asn1_get_tag(&at, end, &len, sequence) != 0 || len == 0)
        return NULL;
    if (*at != MBEDTLS_ASN1_OID)
        return CERTIFICATE;
    at += len;
    return at < end && *at == MBEDTLS_ASN1_OCTET_STRING ? PRIVATE : NULL;
}

/* The whole file with a NUL behind it; its length, or -1 with a reason. */
static ssize_t read_all(unsigned char bytes[static FILE_MAX], const char *path, const char **fault)
{
    size_t fill = 0;
    ssize_t got = 1;
    int fd = selkie_file_open(path, fault);
    if (fd < 0)
        return -1;
    *fault = NULL;
    while (got != 0 && fill < FILE_MAX - 1 && !*fault) {
        got = read(fd, bytes + fill, FILE_MAX - 1 - fill);
        if (got > 0)
            fill += (size_t)got;
        else if (got < 0 && errno != EINTR)
            *fault = strerror(errno);
    }
    (void)close(fd);
    if (!*fault && fill == FILE_MAX - 1)
        *fault = NEITHER;
    if (*fault)
        return -1;
    bytes[fill] = '\0';
    return (ssize_t)fill;
}

/* Why the file is refused, or NULL. The key is written at the end of `der`. */
static const char *parse(uint8_t der[static 2 * SELKIE_PUBLIC_KEY_SIZE], unsigned char *bytes, size_t len)
{
    const char *fault = judge_pem((const char *)bytes);
    mbedtls_pk_context pk;
    if (!fault)
        fault = judge_der(bytes, bytes + len);
    if (fault)
        return fault;
    mbedtls_pk_init(&pk);
    /* A PEM's length has the NUL in it. */
    if (mbedtls_pk_parse_public_key(&pk, bytes, len + 1) != 0 && mbedtls_pk_parse_public_key(&pk, bytes, len) != 0)
        fault = NEITHER;
    else if (mbedtls_pk_write_pubkey_der(&pk, der, 2 * SELKIE_PUBLIC_KEY_SIZE) != SELKIE_PUBLIC_KEY_SIZE)
        fault = "not an RSA-4096 key with exponent 65537";
    mbedtls_pk_free(&pk);
    return fault;
}

int keyfile_read(uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE], const char *path)
{
    static unsigned char bytes[FILE_MAX];
    uint8_t der[2 * SELKIE_PUBLIC_KEY_SIZE];
    const char *fault;
    ssize_t len = read_all(bytes, path, &fault);
    if (len >= 0)
        fault = parse(der, bytes, (size_t)len);
    mbedtls_platform_zeroize(bytes, sizeof bytes); /* it may be the cloud's private key */
    if (fault) {
        fprintf(stderr, "selkie-device: %s: %s\n", path, fault);
        return -1;
    }
    memcpy(spki, der + sizeof der - SELKIE_PUBLIC_KEY_SIZE, SELKIE_PUBLIC_KEY_SIZE);
    return 0;
}
