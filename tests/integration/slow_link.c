/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* accept4 */
#include "slow_link.h"

#include "harness.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE  256  /* bytes, so that each takes its time */
#define PIECES 1024 /* under way in one direction */

/* One direction of the connection. */
struct way {
    int from, to;
    int64_t free_ms; /* when the next piece may begin */
    size_t first, count;
    struct {
        int64_t due_ms;
        size_t len; /* 0: the end */
        char bytes[PIECE];
    } pieces[PIECES];
};

/* One connection at a time: a program that comes again ends the one before. */
struct slow_link {
    int listener, bell, port, to_port;
    unsigned bits_per_s, round_trip_ms;
    pthread_t thread;
    atomic_int accepted;
    atomic_bool stop;
    struct way ways[2]; /* up, down */
};

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void hang_up(struct slow_link *link)
{
    for (size_t i = 0; i < 2; i++) {
        if (link->ways[i].from >= 0)
            (void)close(link->ways[i].from);
        link->ways[i].from = link->ways[i].to = -1;
        link->ways[i].count = 0;
    }
}

static void take_call(struct slow_link *link)
{
    struct sockaddr_in address = loopback(link->to_port);
    int small = 4096;
    int client = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC);

    hang_up(link);
    atomic_fetch_add(&link->accepted, 1);
    int broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (connect(broker, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(client);
        (void)close(broker);
        return;
    }
    int64_t begins_ms = harness_now_ms() + link->round_trip_ms;
    link->ways[0] = (struct way){.from = client, .to = broker, .free_ms = begins_ms};
    link->ways[1] = (struct way){.from = broker, .to = client, .free_ms = begins_ms};
}

static void take_piece(const struct slow_link *link, struct way *way, int64_t now_ms)
{
    size_t at = (way->first + way->count) % PIECES;
    ssize_t len = recv(way->from, way->pieces[at].bytes, PIECE, 0);

    way->pieces[at].len = len > 0 ? (size_t)len : 0;
    if (way->free_ms < now_ms)
        way->free_ms = now_ms;
    if (link->bits_per_s > 0)
        way->free_ms += (int64_t)way->pieces[at].len * 8000 / link->bits_per_s;
    way->pieces[at].due_ms = way->free_ms + link->round_trip_ms / 2;
    if (len <= 0)
        way->free_ms = INT64_MAX; /* nothing follows */
    way->count++;
}

/* False where the connection has ended. */
static bool hand_over(struct way *way, int64_t now_ms)
{
    while (way->count > 0 && way->pieces[way->first].due_ms <= now_ms) {
        size_t len = way->pieces[way->first].len;
        if (len == 0 || send(way->to, way->pieces[way->first].bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
            return false;
        way->first = (way->first + 1) % PIECES;
        way->count--;
    }
    return true;
}

static int patience_ms(const struct way *way, int64_t now_ms)
{
    int64_t next_ms = way->count < PIECES && way->free_ms > now_ms ? way->free_ms : INT64_MAX;

    if (way->count > 0 && way->pieces[way->first].due_ms < next_ms)
        next_ms = way->pieces[way->first].due_ms;
    return next_ms == INT64_MAX ? INT32_MAX : next_ms > now_ms ? (int)(next_ms - now_ms) : 0;
}

static void *run(void *context)
{
    struct slow_link *link = context;

    while (!atomic_load(&link->stop)) {
        struct pollfd fds[4] = {{.fd = link->listener, .events = POLLIN}, {.fd = link->bell, .events = POLLIN}};
        int64_t now_ms = harness_now_ms();
        int wait_ms = INT32_MAX;
        for (size_t i = 0; i < 2; i++) {
            struct way *way = &link->ways[i];
            bool ready = way->from >= 0 && way->count < PIECES && way->free_ms <= now_ms;
            fds[2 + i] = (struct pollfd){.fd = ready ? way->from : -1, .events = POLLIN};
            if (way->from >= 0 && patience_ms(way, now_ms) < wait_ms)
                wait_ms = patience_ms(way, now_ms);
        }
        if (poll(fds, 4, wait_ms == INT32_MAX ? -1 : wait_ms) < 0)
            continue;
        now_ms = harness_now_ms();
        for (size_t i = 0; i < 2; i++)
            if (fds[2 + i].revents != 0)
                take_piece(link, &link->ways[i], now_ms);
        if (!hand_over(&link->ways[0], now_ms) || !hand_over(&link->ways[1], now_ms))
            hang_up(link);
        if (fds[0].revents != 0)
            take_call(link);
    }
    hang_up(link);
    return NULL;
}

struct slow_link *slow_link_start(int to_port, unsigned bits_per_s, unsigned round_trip_ms)
{
    struct slow_link *link = calloc(1, sizeof *link);
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;

    ck_assert_ptr_nonnull(link);
    link->to_port = to_port;
    link->bits_per_s = bits_per_s;
    link->round_trip_ms = round_trip_ms;
    link->ways[0].from = link->ways[1].from = -1;
    link->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    link->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(link->listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(link->listener, 4), 0);
    ck_assert_int_eq(getsockname(link->listener, (struct sockaddr *)&address, &len), 0);
    link->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&link->thread, NULL, run, link), 0);
    return link;
}

void slow_link_stop(struct slow_link *link)
{
    atomic_store(&link->stop, true);
    ck_assert_int_eq(eventfd_write(link->bell, 1), 0);
    ck_assert_int_eq(pthread_join(link->thread, NULL), 0);
    (void)close(link->listener);
    (void)close(link->bell);
    free(link);
}

int slow_link_port(const struct slow_link *link)
{
    return link->port;
}

int slow_link_accepted(const struct slow_link *link)
{
    return atomic_load(&link->accepted);
}
