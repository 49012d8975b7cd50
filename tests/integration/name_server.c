/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program: a name server of the test's own. SELKIE_NAMES is a list such as
 * "two.test=127.0.0.2,127.0.0.1 hang.test=", in which a name without an address never has an answer. Other names have
 * the machine's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int chain(lookup *real, char *addresses, const struct addrinfo *hints, struct addrinfo **result)
{
    struct addrinfo numeric = *hints;

    numeric.ai_flags |= AI_NUMERICHOST;
    for (char *rest = addresses, *address; (address = strsep(&rest, ","));) {
        int error = real(address, NULL, &numeric, result);
        if (error != 0)
            return error;
        while (*result)
            result = &(*result)->ai_next;
    }
    return 0;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    lookup *real = NULL;
    const char *names = getenv("SELKIE_NAMES");
    char text[400];

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    (void)strncpy(text, names ? names : "", sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (char *rest = text, *entry; (entry = strsep(&rest, " "));) {
        char *addresses = strchr(entry, '=');
        if (!addresses || !host || strlen(host) != (size_t)(addresses - entry) ||
            strncmp(entry, host, strlen(host)) != 0 || (hints->ai_flags & AI_NUMERICHOST) != 0)
            continue;
        while (addresses[1] == '\0')
            (void)pause();
        return chain(real, addresses + 1, hints, result);
    }
    return real(host, service, hints, result);
}
