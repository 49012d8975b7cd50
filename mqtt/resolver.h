/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of a host name, without ever blocking the event loop, and the address that Paho connects to.
 *
 * Paho resolves the name on its sending thread with the lock held that each of its functions takes, and uses one
 * address only (docs/DESIGN.md, "Threads"). So a lookup runs on a thread of its own here, and `resolver.c` defines the
 * function `getaddrinfo` that Paho calls: for a pinned host it returns the pinned address at once, for others it calls
 * libc's. The name stays in Paho's URI, which is where Paho takes the name from that the certificate must have.
 *
 * Heap; start, abandon and pins: any thread. */
#ifndef SELKIE_MQTT_RESOLVER_H
#define SELKIE_MQTT_RESOLVER_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define SELKIE_RESOLVER_MAX 8 /* further addresses of a name are ignored */

/* IPv4 first, as Paho prefers it, else in the resolver's order. */
struct selkie_resolver_addresses {
    size_t count;
    int error; /* getaddrinfo's, where there is none; 0: the name is known, but has none */
    struct sockaddr_storage list[SELKIE_RESOLVER_MAX];
};

#define SELKIE_RESOLVER_TEXT_MAX 64
void selkie_resolver_format(char text[static SELKIE_RESOLVER_TEXT_MAX], const struct sockaddr_storage *address);

/* A host that is an address already. False: it is a name. Never blocks. */
bool selkie_resolver_numeric(struct selkie_resolver_addresses *addresses, const char *host);

struct selkie_resolver_lookup;

/* Called on the lookup's own thread. Without an address, `error` says why. */
typedef void selkie_resolver_done(void *context, const struct selkie_resolver_addresses *addresses);

/* Threads that may wait for a name server at one time, those of abandoned lookups included: the service of the gateway
 * may have 16 tasks. */
#define SELKIE_RESOLVER_THREADS_MAX 8

/* Resolve the name; `done` follows, unless the lookup is abandoned before. SELKIE_EBUSY: too many lookups wait, each
 * for a name server that does not answer. SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_resolver_start(struct selkie_resolver_lookup **started, const char *host,
                                            selkie_resolver_done *done, void *context);

/* The same for those that leave threads to others: SELKIE_EBUSY already where `threads_max` lookups of any kind wait.
 */
SELKIE_USE_RESULT int selkie_resolver_start_within(struct selkie_resolver_lookup **started, unsigned threads_max,
                                                   const char *host, selkie_resolver_done *done, void *context);

/* Abandon each lookup once, before or after it is done; `done` is not called after this. The thread ends when the name
 * server has answered, or libc gives up. NULL is harmless. */
void selkie_resolver_abandon(struct selkie_resolver_lookup *lookup);

/* While a host is pinned, getaddrinfo returns this address to everybody in the process; the newest pin of a host
 * counts. The pin, the host and the address must live until the pin is removed. */
struct selkie_resolver_pin {
    struct selkie_resolver_pin *next;
    const char *host;
    const struct sockaddr_storage *address;
};
void selkie_resolver_pin(struct selkie_resolver_pin *pin, const char *host, const struct sockaddr_storage *address);
void selkie_resolver_unpin(struct selkie_resolver_pin *pin); /* harmless without a pin */

#endif
