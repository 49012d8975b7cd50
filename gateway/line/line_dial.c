/* SPDX-License-Identifier: Apache-2.0 */
#include "line/line_dial.h"

#include "line/line_settings.h"

#include <errno.h>
#include <mqtt_settings.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <resolver.h>
#include <selkie/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A server that lost its power says nothing, ever: after so long without an answer the connection is over. */
#define KEEPALIVE_IDLE_S     20
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT      4
#define UNSENT_MS            30000
#define FAULT_MAX            160
#define LOOKUPS_MAX          (SELKIE_RESOLVER_THREADS_MAX / 2) /* the others are the broker's */

struct selkie_line_dial {
    sd_event *event;
    selkie_line_dial_done *done;
    void *context;
    char host[SELKIE_MQTT_HOST_MAX];
    uint16_t port;
    struct selkie_resolver_lookup *lookup;
    struct selkie_resolver_addresses addresses; /* written by the lookup's thread, read once `found` is readable */
    size_t next;                                /* address to try */
    int found;                                  /* eventfd, or -1 */
    int fd;                                     /* socket that connects, or -1 */
    sd_event_source *waiting;                   /* for `found`, then for `fd` */
    sd_event_source *timer;
    char fault[FAULT_MAX];
};

static void stop(struct selkie_line_dial *dial)
{
    dial->waiting = sd_event_source_disable_unref(dial->waiting);
    dial->timer = sd_event_source_disable_unref(dial->timer);
    selkie_resolver_abandon(dial->lookup);
    dial->lookup = NULL;
    if (dial->found >= 0)
        (void)close(dial->found);
    if (dial->fd >= 0)
        (void)close(dial->fd);
    dial->found = dial->fd = -1;
}

static void finish(struct selkie_line_dial *dial, int fd, const char *fault)
{
    stop(dial);
    dial->done(dial->context, fd, fault);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *context);

static int limit(struct selkie_line_dial *dial)
{
    uint64_t at = (uint64_t)selkie_clock_monotonic_us() + UINT64_C(1000000) * SELKIE_LINE_DIAL_TIMEOUT_S;

    dial->timer = sd_event_source_disable_unref(dial->timer);
    return sd_event_add_time(dial->event, &dial->timer, CLOCK_MONOTONIC, at, 100000, on_timeout, dial);
}

static void set_option(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof value); /* a socket without is still a line */
}

static void tune(int fd)
{
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNSENT_MS);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static void note(struct selkie_line_dial *dial, const struct sockaddr_storage *address, int error)
{
    char text[SELKIE_RESOLVER_TEXT_MAX];

    selkie_resolver_format(text, address);
    (void)snprintf(dial->fault, sizeof dial->fault, "cannot connect to %s: %s", text, strerror(error));
}

static int on_connected(sd_event_source *source, int fd, uint32_t events, void *context);

/* 0: the answer comes by on_connected; else errno. */
static int try_address(struct selkie_line_dial *dial, struct sockaddr_storage *address)
{
    bool is_6 = address->ss_family == AF_INET6;
    socklen_t len = is_6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    if (is_6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(dial->port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons(dial->port);
    dial->fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dial->fd < 0)
        return errno;
    tune(dial->fd);
    if (connect(dial->fd, (const struct sockaddr *)address, len) != 0 && errno != EINPROGRESS)
        return errno;
    int result = sd_event_add_io(dial->event, &dial->waiting, dial->fd, EPOLLOUT, on_connected, dial);
    return result < 0 ? -result : limit(dial) < 0 ? ENOMEM : 0;
}

static void try_next(struct selkie_line_dial *dial)
{
    while (dial->next < dial->addresses.count) {
        struct sockaddr_storage *address = &dial->addresses.list[dial->next++];
        int error = try_address(dial, address);
        if (error == 0)
            return;
        note(dial, address, error);
        dial->waiting = sd_event_source_disable_unref(dial->waiting);
        if (dial->fd >= 0)
            (void)close(dial->fd);
        dial->fd = -1;
    }
    finish(dial, -1, dial->fault);
}

static void failed(struct selkie_line_dial *dial, int error)
{
    note(dial, &dial->addresses.list[dial->next - 1], error);
    dial->waiting = sd_event_source_disable_unref(dial->waiting);
    (void)close(dial->fd);
    dial->fd = -1;
    try_next(dial);
}

static int on_connected(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct selkie_line_dial *dial = context;
    int error = 0;
    socklen_t len = sizeof error;

    (void)source;
    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        failed(dial, error);
        return 0;
    }
    dial->fd = -1; /* the callee's */
    dial->waiting = sd_event_source_disable_unref(dial->waiting);
    finish(dial, fd, NULL);
    return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_line_dial *dial = context;

    (void)source;
    (void)usec;
    if (dial->fd >= 0)
        failed(dial, ETIMEDOUT);
    else
        finish(dial, -1, "the name server does not answer");
    return 0;
}

/* The lookup's thread. */
static void on_lookup(void *context, const struct selkie_resolver_addresses *addresses)
{
    struct selkie_line_dial *dial = context;

    dial->addresses = *addresses;
    (void)eventfd_write(dial->found, 1); /* cannot fail: once, into an empty one */
}

static int on_found(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct selkie_line_dial *dial = context;
    eventfd_t count;

    (void)source;
    (void)events;
    if (eventfd_read(fd, &count) != 0)
        return 0;
    dial->waiting = sd_event_source_disable_unref(dial->waiting);
    if (dial->addresses.count == 0)
        (void)snprintf(dial->fault, sizeof dial->fault, "no address: %s",
                       dial->addresses.error != 0 ? gai_strerror(dial->addresses.error) : "the name has none");
    try_next(dial);
    return 0;
}

/* All ways go on in the loop, so that `done` is never called from selkie_line_dial_open. Where too many lookups wait
 * for the name server, this one waits with them, and fails with them. */
static int begin(struct selkie_line_dial *dial)
{
    dial->found = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (dial->found < 0 || limit(dial) < 0 ||
        sd_event_add_io(dial->event, &dial->waiting, dial->found, EPOLLIN, on_found, dial) < 0)
        return SELKIE_ENOMEM;
    if (!selkie_resolver_numeric(&dial->addresses, dial->host)) {
        int result = selkie_resolver_start_within(&dial->lookup, LOOKUPS_MAX, dial->host, on_lookup, dial);
        return result == SELKIE_EBUSY ? 0 : result;
    }
    (void)eventfd_write(dial->found, 1);
    return 0;
}

int selkie_line_dial_open(struct selkie_line_dial **opened, sd_event *event, const char *device,
                          selkie_line_dial_done *done, void *context)
{
    struct selkie_line_dial *dial = calloc(1, sizeof *dial);

    *opened = NULL;
    if (!dial)
        return SELKIE_ENOMEM;
    dial->event = event;
    dial->done = done;
    dial->context = context;
    dial->found = dial->fd = -1;
    int result = SELKIE_EINVAL;
    if (selkie_line_settings_is_tcp(device) &&
        selkie_mqtt_settings_parse_host(dial->host, &dial->port, device + strlen(SELKIE_LINE_TCP), 0))
        result = begin(dial);
    if (result < 0) {
        selkie_line_dial_close(dial);
        return result;
    }
    *opened = dial;
    return 0;
}

void selkie_line_dial_close(struct selkie_line_dial *dial)
{
    if (!dial)
        return;
    stop(dial);
    free(dial);
}
