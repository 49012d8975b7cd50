/* SPDX-License-Identifier: Apache-2.0 */
#include "keyfile.h"
#include <mbedtls/pk.h>
#include <selkie/file.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Takes the descriptor. */
static bool holds_private_key(int fd)
{
    char line[128];
    bool found = false;
    FILE *file = fdopen(fd, "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = strstr(line, "-----BEGIN ") && strstr(line, "PRIVATE KEY-----");
    if (file)
        fclose(file);
    else
        (void)close(fd);
    return found;
}

int keyfile_read(uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE], const char *path)
{
    uint8_t der[2 * SELKIE_PUBLIC_KEY_SIZE];
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    const char *fault;
    int len = -1, fd = selkie_file_open(path, &fault);
    if (fd < 0)
        fprintf(stderr, "selkie-device: %s: %s\n", path, fault);
    else if (holds_private_key(fd))
        fprintf(stderr,
                "selkie-device: %s: a private key, which belongs on no device; give the public half (*.pub.pem)\n",
                path);
    else if (mbedtls_pk_parse_public_keyfile(&pk, path) != 0)
        fprintf(stderr, "selkie-device: %s: not a public key in PEM form\n", path);
    else if ((len = mbedtls_pk_write_pubkey_der(&pk, der, sizeof der)) != SELKIE_PUBLIC_KEY_SIZE)
        fprintf(stderr, "selkie-device: %s: not an RSA-4096 key with exponent 65537\n", path);
    mbedtls_pk_free(&pk);
    if (len != SELKIE_PUBLIC_KEY_SIZE)
        return -1;
    memcpy(spki, der + sizeof der - SELKIE_PUBLIC_KEY_SIZE, SELKIE_PUBLIC_KEY_SIZE); /* it is written at the end */
    return 0;
}
