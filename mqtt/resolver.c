/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <selkie/thread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Shared by the thread and the caller; freed by the one who drops it last. */
struct selkie_resolver_lookup {
    pthread_mutex_t lock; /* guards what follows, and `done` is called under it */
    bool abandoned, ended;
    selkie_resolver_done *done;
    void *context;
    char host[];
};

static atomic_uint threads; /* that wait for the name server, for somebody or for nobody any longer */

static pthread_mutex_t pins_lock = PTHREAD_MUTEX_INITIALIZER;
static struct selkie_resolver_pin *pins; /* newest first */

/* libc's, or the one that a test loads before it. */
static int next_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                            struct addrinfo **result)
{
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;

    *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next ? next(host, service, hints, result) : EAI_FAIL;
}

static bool find_pin(char text[static SELKIE_RESOLVER_TEXT_MAX], const char *host)
{
    (void)pthread_mutex_lock(&pins_lock);
    const struct selkie_resolver_pin *pin = pins;
    while (pin && strcmp(pin->host, host) != 0)
        pin = pin->next;
    if (pin)
        selkie_resolver_format(text, pin->address);
    (void)pthread_mutex_unlock(&pins_lock);
    return pin != NULL;
}

/* This program's getaddrinfo comes before libc's for the shared libraries too, and so for Paho. */
__attribute__((visibility("default"))) int getaddrinfo(const char *host, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **result)
{
    char address[SELKIE_RESOLVER_TEXT_MAX];

    if (!host || !hints || !find_pin(address, host))
        return next_getaddrinfo(host, service, hints, result);
    struct addrinfo numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST;
    return next_getaddrinfo(address, service, &numeric, result);
}

void selkie_resolver_pin(struct selkie_resolver_pin *pin, const char *host, const struct sockaddr_storage *address)
{
    (void)pthread_mutex_lock(&pins_lock);
    *pin = (struct selkie_resolver_pin){.next = pins, .host = host, .address = address};
    pins = pin;
    (void)pthread_mutex_unlock(&pins_lock);
}

void selkie_resolver_unpin(struct selkie_resolver_pin *pin)
{
    (void)pthread_mutex_lock(&pins_lock);
    for (struct selkie_resolver_pin **link = &pins; *link; link = &(*link)->next)
        if (*link == pin) {
            *link = pin->next;
            break;
        }
    (void)pthread_mutex_unlock(&pins_lock);
}

void selkie_resolver_format(char text[static SELKIE_RESOLVER_TEXT_MAX], const struct sockaddr_storage *address)
{
    if (getnameinfo((const struct sockaddr *)address, sizeof *address, text, SELKIE_RESOLVER_TEXT_MAX, NULL, 0,
                    NI_NUMERICHOST) != 0)
        (void)memcpy(text, "?", 2);
}

static void collect(struct selkie_resolver_addresses *addresses, const char *host, int flags)
{
    const struct addrinfo hints = {.ai_flags = flags, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    static const int families[] = {AF_INET, AF_INET6};
    struct addrinfo *result = NULL;

    memset(addresses, 0, sizeof *addresses);
    addresses->error = next_getaddrinfo(host, NULL, &hints, &result);
    if (addresses->error != 0)
        return;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        for (const struct addrinfo *at = result; at && addresses->count < SELKIE_RESOLVER_MAX; at = at->ai_next)
            if (at->ai_family == families[i])
                memcpy(&addresses->list[addresses->count++], at->ai_addr, at->ai_addrlen);
    freeaddrinfo(result);
}

bool selkie_resolver_numeric(struct selkie_resolver_addresses *addresses, const char *host)
{
    collect(addresses, host, AI_NUMERICHOST);
    return addresses->count > 0;
}

/* Under the lock, which it drops: one of the two sides has no more use for the lookup. */
static void drop(struct selkie_resolver_lookup *lookup)
{
    bool last = lookup->abandoned && lookup->ended;

    (void)pthread_mutex_unlock(&lookup->lock);
    if (!last)
        return;
    (void)pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

static void *resolve(void *context)
{
    struct selkie_resolver_lookup *lookup = context;
    struct selkie_resolver_addresses addresses;

    collect(&addresses, lookup->host, 0);
    (void)pthread_mutex_lock(&lookup->lock);
    if (!lookup->abandoned)
        lookup->done(lookup->context, &addresses);
    lookup->ended = true;
    drop(lookup);
    atomic_fetch_sub(&threads, 1);
    return NULL;
}

int selkie_resolver_start_within(struct selkie_resolver_lookup **started, unsigned threads_max, const char *host,
                                 selkie_resolver_done *done, void *context)
{
    struct selkie_resolver_lookup *lookup = NULL;
    int result = atomic_fetch_add(&threads, 1) < threads_max ? 0 : SELKIE_EBUSY;
    pthread_t thread;

    *started = NULL;
    if (result == 0 && !(lookup = calloc(1, sizeof *lookup + strlen(host) + 1)))
        result = SELKIE_ENOMEM;
    if (result == 0) {
        (void)pthread_mutex_init(&lookup->lock, NULL);
        lookup->done = done;
        lookup->context = context;
        memcpy(lookup->host, host, strlen(host) + 1);
        result = selkie_thread_start(&thread, resolve, lookup);
    }
    if (result < 0) {
        atomic_fetch_sub(&threads, 1);
        free(lookup);
        return result;
    }
    (void)pthread_detach(thread);
    *started = lookup;
    return 0;
}

int selkie_resolver_start(struct selkie_resolver_lookup **started, const char *host, selkie_resolver_done *done,
                          void *context)
{
    return selkie_resolver_start_within(started, SELKIE_RESOLVER_THREADS_MAX, host, done, context);
}

void selkie_resolver_abandon(struct selkie_resolver_lookup *lookup)
{
    if (!lookup)
        return;
    (void)pthread_mutex_lock(&lookup->lock);
    lookup->abandoned = true;
    drop(lookup);
}
