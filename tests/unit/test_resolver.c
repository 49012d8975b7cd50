/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups on a thread of their own, and the address that a pinned host has for everybody, shared libraries included. */
#include "resolver.h"
#include "run_suite.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct selkie_resolver_addresses result;
static bool done;

static bool hangs;

/* What resolver.c calls for libc's: it finds the next one of that name. */
void *__real_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name);

static int slow_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                            struct addrinfo **found)
{
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;

    (void)pthread_mutex_lock(&lock);
    while (hangs && strcmp(host, "hang.test") == 0)
        (void)pthread_cond_wait(&changed, &lock);
    (void)pthread_mutex_unlock(&lock);
    if (strcmp(host, "hang.test") == 0)
        return EAI_NONAME;
    *(void **)&next = __real_dlsym(RTLD_NEXT, "getaddrinfo");
    return next(host, service, hints, found);
}

void *__wrap_dlsym(void *handle, const char *name)
{
    (void)handle;
    ck_assert_str_eq(name, "getaddrinfo");
    return (void *)(uintptr_t)slow_getaddrinfo;
}

static void on_done(void *context, const struct selkie_resolver_addresses *addresses)
{
    ck_assert_ptr_eq(context, &result);
    (void)pthread_mutex_lock(&lock);
    result = *addresses;
    done = true;
    (void)pthread_cond_broadcast(&changed); /* a lookup that hangs waits for it too */
    (void)pthread_mutex_unlock(&lock);
}

static size_t look_up(const char *host)
{
    struct selkie_resolver_lookup *lookup;

    done = false;
    ck_assert_int_eq(selkie_resolver_start(&lookup, host, on_done, &result), 0);
    (void)pthread_mutex_lock(&lock);
    while (!done)
        (void)pthread_cond_wait(&changed, &lock);
    (void)pthread_mutex_unlock(&lock);
    selkie_resolver_abandon(lookup);
    return result.count;
}

static const char *text_of(const struct sockaddr_storage *address)
{
    static char text[SELKIE_RESOLVER_TEXT_MAX];

    selkie_resolver_format(text, address);
    return text;
}

START_TEST(localhost_has_addresses_ipv4_first)
{
    ck_assert_uint_gt(look_up("localhost"), 0);
    ck_assert_str_eq(text_of(&result.list[0]), "127.0.0.1");
    for (size_t i = 1; i < result.count; i++)
        ck_assert(result.list[i - 1].ss_family == AF_INET || result.list[i].ss_family == AF_INET6);
}
END_TEST

START_TEST(a_name_that_is_none_has_no_address)
{
    ck_assert_uint_eq(look_up("no such host"), 0);
}
END_TEST

START_TEST(a_lookup_may_be_abandoned_at_once)
{
    struct selkie_resolver_lookup *lookup;

    for (int i = 0; i < 50; i++) {
        int started;
        while ((started = selkie_resolver_start(&lookup, "localhost", on_done, &result)) == SELKIE_EBUSY)
            (void)sched_yield(); /* those before it have not ended yet */
        ck_assert_int_eq(started, 0);
        selkie_resolver_abandon(lookup);
    }
    selkie_resolver_abandon(NULL);
}
END_TEST

START_TEST(threads_that_wait_are_bounded)
{
    struct selkie_resolver_lookup *lookup;

    hangs = true;
    for (int i = 0; i < SELKIE_RESOLVER_THREADS_MAX; i++) {
        ck_assert_int_eq(selkie_resolver_start(&lookup, "hang.test", on_done, &result), 0);
        selkie_resolver_abandon(lookup);
    }
    ck_assert_int_eq(selkie_resolver_start(&lookup, "localhost", on_done, &result), SELKIE_EBUSY);
    ck_assert_ptr_null(lookup);
    (void)pthread_mutex_lock(&lock);
    hangs = false;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
    int started;
    while ((started = selkie_resolver_start(&lookup, "localhost", on_done, &result)) == SELKIE_EBUSY)
        (void)sched_yield();
    ck_assert_int_eq(started, 0);
    selkie_resolver_abandon(lookup);
}
END_TEST

START_TEST(who_leaves_threads_to_others_gets_no_more_than_that)
{
    const unsigned share = SELKIE_RESOLVER_THREADS_MAX / 2;
    struct selkie_resolver_lookup *lookup;

    hangs = true;
    for (unsigned i = 0; i < 2 * share; i++) {
        ck_assert_int_eq(selkie_resolver_start_within(&lookup, share, "hang.test", on_done, &result),
                         i < share ? 0 : SELKIE_EBUSY);
        selkie_resolver_abandon(lookup);
    }
    ck_assert_uint_gt(look_up("localhost"), 0); /* the others' */
    (void)pthread_mutex_lock(&lock);
    hangs = false;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
}
END_TEST

START_TEST(an_address_is_known_without_a_lookup)
{
    struct selkie_resolver_addresses addresses;

    ck_assert(selkie_resolver_numeric(&addresses, "192.0.2.1"));
    ck_assert_str_eq(text_of(&addresses.list[0]), "192.0.2.1");
    ck_assert(selkie_resolver_numeric(&addresses, "2001:db8::1"));
    ck_assert_uint_eq(addresses.count, 1);
    ck_assert_str_eq(text_of(&addresses.list[0]), "2001:db8::1");
    ck_assert(!selkie_resolver_numeric(&addresses, "localhost"));
}
END_TEST

/* As Paho asks. */
static const char *ask(const char *host)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    struct sockaddr_storage address = {0};

    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return "none";
    ck_assert_ptr_null(found->ai_next);
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return text_of(&address);
}

START_TEST(a_pinned_host_has_the_newest_pins_address)
{
    struct selkie_resolver_addresses four, six;
    struct selkie_resolver_pin one, two, other;

    ck_assert(selkie_resolver_numeric(&four, "192.0.2.1"));
    ck_assert(selkie_resolver_numeric(&six, "2001:db8::1"));
    selkie_resolver_pin(&one, "b.invalid", &four.list[0]);
    selkie_resolver_pin(&other, "c.invalid", &six.list[0]);
    ck_assert_str_eq(ask("b.invalid"), "192.0.2.1");
    ck_assert_str_eq(ask("c.invalid"), "2001:db8::1");
    selkie_resolver_pin(&two, "b.invalid", &six.list[0]);
    ck_assert_str_eq(ask("b.invalid"), "2001:db8::1");
    selkie_resolver_unpin(&two);
    selkie_resolver_unpin(&two);
    ck_assert_str_eq(ask("b.invalid"), "192.0.2.1");
    selkie_resolver_unpin(&one);
    selkie_resolver_unpin(&other);
    ck_assert_str_eq(ask("127.0.0.1"), "127.0.0.1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resolver");
    TCase *tcase = tcase_create("resolver");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, localhost_has_addresses_ipv4_first);
    tcase_add_test(tcase, a_name_that_is_none_has_no_address);
    tcase_add_test(tcase, a_lookup_may_be_abandoned_at_once);
    tcase_add_test(tcase, threads_that_wait_are_bounded);
    tcase_add_test(tcase, who_leaves_threads_to_others_gets_no_more_than_that);
    tcase_add_test(tcase, an_address_is_known_without_a_lookup);
    tcase_add_test(tcase, a_pinned_host_has_the_newest_pins_address);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
