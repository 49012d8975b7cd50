/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* vasprintf */
#include "kit.h"

#include "model/output.h"
#include <selkie/clock.h>
#include <selkie/thread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define WAIT_US 30000000
#define KINDS   (SELKIE_OUTPUT_GATEWAY + 1)

struct kit_host {
    struct selkie_unsealer *unsealer;
    struct selkie_keyring *own_keyring;
    pthread_mutex_t lock; /* rung, logged */
    pthread_cond_t bell;
    bool rung;
    unsigned logged[LOG_DEBUG + 1];
    char log[4096]; /* its beginning */

    struct selkie_output_list taken[KINDS];
    uint64_t seq, outbox, token;
    bool *receipts;
    size_t receipts_size;
};

static void fail(const char *what)
{
    fprintf(stderr, "kit: %s\n", what);
    abort();
}

static void wake(void *context)
{
    struct kit_host *host = context;
    pthread_mutex_lock(&host->lock);
    host->rung = true;
    pthread_cond_signal(&host->bell);
    pthread_mutex_unlock(&host->lock);
}

static void note(void *context, int level, const char *line)
{
    struct kit_host *host = context;
    pthread_mutex_lock(&host->lock);
    host->logged[level]++;
    size_t len = strlen(host->log);
    snprintf(host->log + len, sizeof host->log - len, "%s\n", line);
    pthread_mutex_unlock(&host->lock);
    if (getenv("KIT_LOG"))
        fprintf(stderr, "<%d>%s\n", level, line);
}

struct kit_host *kit_open(const struct selkie_unsealer_options *given)
{
    struct kit_host *host = calloc(1, sizeof *host);
    struct selkie_unsealer_options options = *given;
    char error[SELKIE_UNSEALER_ERROR_SIZE];

    pthread_mutex_init(&host->lock, NULL);
    selkie_thread_cond_init(&host->bell);
    if (!options.keyring)
        options.keyring = host->own_keyring = kit_keyring(NULL);
    options.create = true; /* what happens without is tested in unit/registry */
    if (!options.workers)
        options.workers = 2;
    options.wake = wake;
    options.log = note;
    options.wake_context = options.log_context = host;
    if (selkie_unsealer_open(&host->unsealer, &options, error) < 0)
        fail(error);
    return host;
}

struct kit_host *kit_open_dir(const char *dir)
{
    return kit_open(&(struct selkie_unsealer_options){.state_dir = dir});
}

void kit_close(struct kit_host *host)
{
    selkie_unsealer_close(host->unsealer);
    selkie_keyring_close(host->own_keyring);
    for (int i = 0; i < KINDS; i++)
        selkie_output_list_free(&host->taken[i]);
    pthread_cond_destroy(&host->bell);
    pthread_mutex_destroy(&host->lock);
    free(host->receipts);
    free(host);
}

struct selkie_unsealer *kit_unsealer(struct kit_host *host)
{
    return host->unsealer;
}

static uint64_t submit(struct kit_host *host, const char *gateway, const struct kit_body *body, int64_t rx_ms,
                       int64_t age_ms, int16_t rssi)
{
    const struct selkie_arrival arrival = {.body = body->bytes,
                                           .len = body->len,
                                           .gateway = gateway,
                                           .has_seq = true,
                                           .seq = ++host->seq,
                                           .rx_ms = rx_ms ? rx_ms : selkie_clock_ms(),
                                           .age_ms = age_ms,
                                           .rssi = rssi};
    if (selkie_unsealer_submit(host->unsealer, &arrival) < 0)
        fail("the intake is full");
    return host->seq;
}

uint64_t kit_submit_aged(struct kit_host *host, const char *gateway, const struct kit_body *body, int64_t rx_ms,
                         int64_t age_ms)
{
    return submit(host, gateway, body, rx_ms, age_ms, 0);
}

uint64_t kit_submit_rssi(struct kit_host *host, const struct kit_body *body, int16_t rssi)
{
    return submit(host, "g1", body, 0, -1, rssi);
}

uint64_t kit_submit_from(struct kit_host *host, const char *gateway, const struct kit_body *body, int64_t rx_ms)
{
    return kit_submit_aged(host, gateway, body, rx_ms, -1);
}

uint64_t kit_submit(struct kit_host *host, const struct kit_body *body, int64_t rx_ms)
{
    return kit_submit_from(host, "g1", body, rx_ms);
}

static void keep_receipt(struct kit_host *host, uint64_t seq)
{
    if (seq >= host->receipts_size) {
        size_t size = (size_t)seq * 2 + 64;
        host->receipts = realloc(host->receipts, size * sizeof *host->receipts);
        memset(host->receipts + host->receipts_size, 0, size - host->receipts_size);
        host->receipts_size = size;
    }
    host->receipts[seq] = true;
}

static void take_all(struct kit_host *host)
{
    struct selkie_output *output;

    while ((output = selkie_unsealer_take(host->unsealer))) {
        if (output->outbox > host->outbox)
            host->outbox = output->outbox;
        if (output->kind == SELKIE_OUTPUT_RECEIPT) {
            keep_receipt(host, output->seq);
            selkie_output_free(output);
        } else {
            selkie_output_list_add(&host->taken[output->kind], output);
        }
    }
}

/* Take what is there; else wait for a wake-up. False once the deadline is over. */
static bool wait_for_more(struct kit_host *host, int64_t until_us)
{
    bool in_time = true;

    pthread_mutex_lock(&host->lock);
    while (!host->rung && in_time)
        in_time = selkie_thread_wait_until(&host->bell, &host->lock, until_us);
    host->rung = false;
    pthread_mutex_unlock(&host->lock);
    take_all(host);
    return in_time;
}

struct selkie_output *kit_next(struct kit_host *host, enum selkie_output_kind kind)
{
    static const char *const names[] = {"payload", "state", "event", "rejected", "receipt", "answer"};
    struct selkie_output_list *list = &host->taken[kind];
    int64_t until_us = selkie_clock_monotonic_us() + WAIT_US;

    while (!list->first)
        if (!wait_for_more(host, until_us)) {
            fprintf(stderr, "kit: no %s came\n", names[kind]);
            abort();
        }
    struct selkie_output *output = list->first;
    list->first = output->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    output->next = NULL;
    return output;
}

bool kit_has_receipt(struct kit_host *host, uint64_t seq)
{
    take_all(host);
    return seq < host->receipts_size && host->receipts[seq];
}

void kit_receipt(struct kit_host *host, uint64_t seq)
{
    int64_t until_us = selkie_clock_monotonic_us() + WAIT_US;
    while (!kit_has_receipt(host, seq))
        if (!wait_for_more(host, until_us) && !kit_has_receipt(host, seq))
            fail("no receipt came");
}

void kit_submit_wait(struct kit_host *host, struct kit_body body)
{
    kit_receipt(host, kit_submit(host, &body, 0));
}

unsigned kit_waiting(struct kit_host *host, enum selkie_output_kind kind)
{
    take_all(host);
    return host->taken[kind].count;
}

void kit_delivered(struct kit_host *host)
{
    take_all(host);
    selkie_unsealer_delivered(host->unsealer, host->outbox);
}

void kit_expect_payload(struct kit_host *host, const struct kit_device *device, uint32_t counter, const char *payload)
{
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_PAYLOAD);
    if (memcmp(output->address, device->address, sizeof device->address) != 0 || output->counter != counter ||
        output->len != strlen(payload) || memcmp(output->data, payload, output->len) != 0) {
        fprintf(stderr, "kit: expected %u \"%s\", got %u \"%s\"\n", counter, payload, output->counter,
                (const char *)output->data);
        abort();
    }
    selkie_output_free(output);
}

void kit_expect_rejected(struct kit_host *host, const char *reason)
{
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_REJECTED);
    if (strcmp(output->reason, reason) != 0) {
        fprintf(stderr, "kit: expected rejection %s, got %s\n", reason, output->reason);
        abort();
    }
    selkie_output_free(output);
}

json_t *kit_expect_event(struct kit_host *host, const char *event)
{
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_EVENT);
    json_t *json = json_loadb((const char *)output->data, output->len, 0, NULL);
    const char *name = json_string_value(json_object_get(json, "event"));
    if (!name || strcmp(name, event) != 0) {
        fprintf(stderr, "kit: expected event %s, got %s\n", event, (const char *)output->data);
        abort();
    }
    selkie_output_free(output);
    return json;
}

void kit_event(struct kit_host *host, const char *event)
{
    json_decref(kit_expect_event(host, event));
}

json_int_t kit_stat(struct kit_host *host, const char *group, const char *member)
{
    char *text = selkie_unsealer_stats(host->unsealer);
    json_t *stats = json_loads(text, 0, NULL);
    json_t *value = json_object_get(json_object_get(stats, group), member);
    if (json_is_object(value))
        value = json_object_get(value, "count");
    if (!json_is_integer(value)) {
        fprintf(stderr, "kit: the stats have no number %s.%s\n", group, member);
        abort();
    }
    json_int_t number = json_integer_value(value);
    json_decref(stats);
    free(text);
    return number;
}

unsigned kit_logged(struct kit_host *host, int level)
{
    unsigned count = 0;
    pthread_mutex_lock(&host->lock);
    for (int i = 0; i <= level; i++)
        count += host->logged[i];
    pthread_mutex_unlock(&host->lock);
    return count;
}

bool kit_log_has(struct kit_host *host, const char *text)
{
    pthread_mutex_lock(&host->lock);
    bool has = strstr(host->log, text) != NULL;
    pthread_mutex_unlock(&host->lock);
    return has;
}

json_t *kit_command(struct kit_host *host, const char *command)
{
    char *text;
    int len = asprintf(&text, "{\"commands\":[%s]}", command);

    if (len < 0 || selkie_unsealer_command(host->unsealer, ++host->token, text, (size_t)len) < 0)
        fail("the command was not taken");
    free(text);
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_ANSWER);
    json_t *answer = json_loadb((const char *)output->data, output->len, 0, NULL);
    json_t *response = json_array_get(json_object_get(answer, "responses"), 0);
    if (output->token != host->token || !response)
        fail("the answer is not the command's");
    json_incref(response);
    json_decref(answer);
    selkie_output_free(output);
    return response;
}

void kit_do(struct kit_host *host, const char *format, ...)
{
    char *command;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&command, format, arguments) < 0)
        fail("no memory");
    va_end(arguments);
    json_t *response = kit_command(host, command);
    if (json_object_get(response, "error")) {
        fprintf(stderr, "kit: %s: %s\n", command, json_string_value(json_object_get(response, "error")));
        abort();
    }
    json_decref(response);
    free(command);
}

void kit_execute(const char *dir, const char *format, ...)
{
    char sql[512];
    va_list arguments;
    sqlite3 *db;

    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    if (sqlite3_open(kit_path(dir, "registry.db"), &db) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(sqlite3_errmsg(db));
    sqlite3_close(db);
}
