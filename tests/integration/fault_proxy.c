/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* accept4 */
#include "fault_proxy.h"

#include "harness.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 32

struct pair {
    int client; /* -1 = free */
    int broker; /* -1 = mute from the start */
    bool silent;
    bool only_pings;
    size_t skip[2]; /* bytes left of the packet that is held back, by direction */
};

struct fault_proxy {
    int to_port;
    int port;
    int listener;
    int bell; /* ends poll where a call changed something */
    pthread_t thread;
    atomic_int mode;
    atomic_int silence; /* calls not yet seen */
    atomic_int only_pings;
    atomic_int cut_after; /* bytes, or -1 */
    atomic_int accepted;
    atomic_bool stop;
    struct pair pairs[PAIRS];
};

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void close_pair(struct pair *pair, bool reset)
{
    struct linger hard = {.l_onoff = 1};

    if (reset)
        (void)setsockopt(pair->client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    if (reset && pair->broker >= 0)
        (void)setsockopt(pair->broker, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    (void)close(pair->client);
    if (pair->broker >= 0)
        (void)close(pair->broker);
    *pair = (struct pair){.client = -1, .broker = -1};
}

static void accept_one(struct fault_proxy *proxy)
{
    struct sockaddr_in address = loopback(proxy->to_port);
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);

    if (client < 0)
        return;
    atomic_fetch_add(&proxy->accepted, 1);
    for (size_t i = 0; i < PAIRS; i++) {
        struct pair *pair = &proxy->pairs[i];
        if (pair->client >= 0)
            continue;
        *pair = (struct pair){.client = client, .broker = -1};
        if (atomic_load(&proxy->mode) == FAULT_PROXY_MUTE)
            return;
        pair->broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(pair->broker, (struct sockaddr *)&address, sizeof(address)) != 0)
            close_pair(pair, true);
        return;
    }
    (void)close(client);
}

static bool send_all(int fd, const char *data, ssize_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, (size_t)len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        len -= sent;
    }
    return true;
}

/* The bytes of MQTT packets without those that are no ping; all packets here are short, so that their length stands in
 * one or two bytes, and they come whole. Returns how many stay. */
static ssize_t keep_pings(char *data, ssize_t len, size_t *skip)
{
    ssize_t kept = 0;

    for (ssize_t i = 0; i < len;) {
        size_t packet = *skip;
        if (packet == 0) {
            size_t low = (unsigned char)data[i + 1] & 0x7F;
            packet = (unsigned char)data[i + 1] < 0x80 ? 2 + low : 3 + low + ((size_t)(unsigned char)data[i + 2] << 7);
        }
        if (packet == 2) { /* PINGREQ, PINGRESP */
            data[kept++] = data[i];
            data[kept++] = data[i + 1];
        }
        size_t here = packet < (size_t)(len - i) ? packet : (size_t)(len - i);
        *skip = packet - here;
        i += (ssize_t)here;
    }
    return kept;
}

/* False where the pair is to be closed. */
static bool forward(struct fault_proxy *proxy, struct pair *pair, bool up)
{
    char data[4096];
    ssize_t len = recv(up ? pair->client : pair->broker, data, sizeof(data), 0);
    int left = atomic_load(&proxy->cut_after);

    if (len <= 0)
        return false;
    if (pair->silent || pair->broker < 0)
        return true;
    if (pair->only_pings)
        len = keep_pings(data, len, &pair->skip[up]);
    if (!up || left < 0)
        return send_all(up ? pair->broker : pair->client, data, len);
    if (len < left) {
        atomic_store(&proxy->cut_after, left - (int)len);
        return send_all(pair->broker, data, len);
    }
    (void)send_all(pair->broker, data, left);
    atomic_store(&proxy->cut_after, -1);
    return false;
}

static void serve(struct fault_proxy *proxy, struct pair *pair, const struct pollfd *client,
                  const struct pollfd *broker)
{
    if (pair->client < 0)
        return;
    if ((client->revents != 0 && !forward(proxy, pair, true)) ||
        (pair->broker >= 0 && broker->revents != 0 && !forward(proxy, pair, false)))
        close_pair(pair, true);
}

static void *run(void *context)
{
    struct fault_proxy *proxy = context;
    struct pollfd fds[2 + 2 * PAIRS];
    eventfd_t rings;

    while (!atomic_load(&proxy->stop)) {
        fds[0] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = proxy->bell, .events = POLLIN};
        for (size_t i = 0; i < PAIRS; i++) {
            fds[2 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].client, .events = POLLIN};
            fds[3 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].broker, .events = POLLIN};
        }
        if (poll(fds, 2 + 2 * PAIRS, -1) < 0)
            continue;
        if (fds[1].revents != 0)
            (void)eventfd_read(proxy->bell, &rings);
        if (atomic_exchange(&proxy->silence, 0) > 0)
            for (size_t i = 0; i < PAIRS; i++)
                proxy->pairs[i].silent = true;
        if (atomic_exchange(&proxy->only_pings, 0) > 0)
            for (size_t i = 0; i < PAIRS; i++)
                proxy->pairs[i].only_pings = true;
        for (size_t i = 0; i < PAIRS; i++)
            serve(proxy, &proxy->pairs[i], &fds[2 + 2 * i], &fds[3 + 2 * i]);
        if (fds[0].revents != 0)
            accept_one(proxy);
    }
    for (size_t i = 0; i < PAIRS; i++)
        if (proxy->pairs[i].client >= 0)
            close_pair(&proxy->pairs[i], false);
    return NULL;
}

struct fault_proxy *fault_proxy_start(int to_port)
{
    struct fault_proxy *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);

    ck_assert_ptr_nonnull(proxy);
    proxy->to_port = to_port;
    atomic_init(&proxy->cut_after, -1);
    for (size_t i = 0; i < PAIRS; i++)
        proxy->pairs[i] = (struct pair){.client = -1, .broker = -1};
    proxy->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(proxy->listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(proxy->listener, PAIRS), 0);
    ck_assert_int_eq(getsockname(proxy->listener, (struct sockaddr *)&address, &len), 0);
    proxy->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&proxy->thread, NULL, run, proxy), 0);
    return proxy;
}

static void ring(struct fault_proxy *proxy)
{
    ck_assert_int_eq(eventfd_write(proxy->bell, 1), 0);
}

void fault_proxy_stop(struct fault_proxy *proxy)
{
    atomic_store(&proxy->stop, true);
    ring(proxy);
    ck_assert_int_eq(pthread_join(proxy->thread, NULL), 0);
    (void)close(proxy->listener);
    (void)close(proxy->bell);
    free(proxy);
}

int fault_proxy_port(const struct fault_proxy *proxy)
{
    return proxy->port;
}

void fault_proxy_mode(struct fault_proxy *proxy, enum fault_proxy_mode mode)
{
    atomic_store(&proxy->mode, (int)mode);
}

void fault_proxy_silence(struct fault_proxy *proxy)
{
    atomic_fetch_add(&proxy->silence, 1);
    ring(proxy);
}

void fault_proxy_only_pings(struct fault_proxy *proxy)
{
    atomic_fetch_add(&proxy->only_pings, 1);
    ring(proxy);
}

void fault_proxy_cut_after(struct fault_proxy *proxy, int bytes)
{
    atomic_store(&proxy->cut_after, bytes);
}

int fault_proxy_accepted(const struct fault_proxy *proxy)
{
    return atomic_load(&proxy->accepted);
}
