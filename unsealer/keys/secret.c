/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MADV_DONTDUMP */
#include "keys/secret.h"

#include <mbedtls/platform_util.h>
#include <sys/mman.h>

void *selkie_secret_alloc(size_t size)
{
    /* Pages of its own: locking and excluding go by the page. */
    void *secret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secret == MAP_FAILED)
        return NULL;
    /* A limit on locked memory is no reason not to start. */
    (void)mlock(secret, size);
    (void)madvise(secret, size, MADV_DONTDUMP);
    return secret;
}

void selkie_secret_free(void *secret, size_t size)
{
    if (!secret)
        return;
    mbedtls_platform_zeroize(secret, size);
    (void)munmap(secret, size);
}
