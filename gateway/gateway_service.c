/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_service.h"

#include "dedup.h"
#include "forwarder.h"
#include "gateway_stats.h"
#include "log.h"
#include "radio_line.h"
#include "spool.h"
#include "timer.h"

#include <selkie/clock.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define STATS_US   (30 * SELKIE_SEC_US)
#define STATUS_US  (500 * SELKIE_MS_US)
#define BATCH_MAX  32 /* frames in one commit */
#define AFTER_READ 10 /* lower in rank than the lines, which are all read before the disk is waited for */

struct selkie_gateway_service {
    const char *path;
    struct selkie_gateway_config *config;
    sd_event *event;
    struct selkie_spool *spool;
    struct selkie_dedup *dedup;
    unsigned generation; /* of the spool that holds what was heard */
    struct selkie_forwarder *forwarder;
    struct selkie_radio_line *radios[SELKIE_LINES_MAX];
    size_t radio_count;
    sd_event_source *flush;
    sd_event_source *tick;
    sd_event_source *status;
    bool status_due;
    struct selkie_spool_frame batch[BATCH_MAX];
    struct selkie_radio_line *origins[BATCH_MAX]; /* whose frame it is */
    size_t batch_count;
    int64_t started_us;
    uint64_t spooled;
    uint64_t unstored;
    bool stopping;
};

static struct selkie_gateway_stats gather(struct selkie_gateway_service *gateway)
{
    struct selkie_gateway_stats stats = {
        .version = SELKIE_VERSION,
        .uptime_us = selkie_clock_monotonic_us() - gateway->started_us,
        .now_ms = selkie_clock_ms(),
        .spooled = gateway->spooled,
        .unstored = gateway->unstored,
        .forwarder = selkie_forwarder_counters(gateway->forwarder),
        .online = selkie_forwarder_is_online(gateway->forwarder),
        .radios = gateway->radios,
        .radio_count = gateway->radio_count,
    };

    selkie_spool_info(gateway->spool, &stats.spool);
    return stats;
}

static void tell_status(struct selkie_gateway_service *gateway)
{
    char status[SELKIE_STATUS_MAX];

    if (gateway->forwarder == NULL) /* still opening */
        return;
    struct selkie_gateway_stats stats = gather(gateway);
    selkie_gateway_stats_status(status, &stats);
    (void)sd_notifyf(0, "STATUS=%s", status);
}

static int on_status_due(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_gateway_service *gateway = context;

    (void)source;
    (void)usec;
    gateway->status_due = false;
    tell_status(gateway);
    return 0;
}

/* Something that the status tells has changed: it is told soon, and not with each of a hundred frames a second. */
static void on_changed(void *context)
{
    struct selkie_gateway_service *gateway = context;

    if (gateway->status_due)
        return;
    gateway->status_due = true;
    selkie_timer_set(gateway->event, &gateway->status, STATUS_US, on_status_due, gateway);
}

/* What a lost spool took with it was not heard: its repeat is the chance to have it again. */
static void see_fresh_spool(struct selkie_gateway_service *gateway)
{
    unsigned generation = selkie_spool_generation(gateway->spool);

    if (generation != gateway->generation)
        selkie_dedup_clear(gateway->dedup);
    gateway->generation = generation;
}

static void store_batch(struct selkie_gateway_service *gateway)
{
    size_t count = gateway->batch_count;

    if (count == 0)
        return;
    gateway->batch_count = 0;
    if (selkie_spool_put(gateway->spool, gateway->batch, count) < 0) {
        gateway->unstored += count; /* not acknowledged: the devices repeat them */
        return;
    }
    gateway->spooled += count;
    see_fresh_spool(gateway);
    for (size_t i = 0; i < count; i++) {
        const struct selkie_spool_frame *frame = &gateway->batch[i];
        selkie_dedup_add(gateway->dedup, frame->body, frame->len, selkie_clock_monotonic_us());
        selkie_radio_line_ack(gateway->origins[i], frame->body, frame->len);
    }
    selkie_forwarder_kick(gateway->forwarder);
    on_changed(gateway);
}

static int on_flush(sd_event_source *source, void *context)
{
    (void)source;
    store_batch(context);
    return 0;
}

static void on_body(void *context, struct selkie_radio_line *radio, const uint8_t *body, size_t len)
{
    struct selkie_gateway_service *gateway = context;

    /* A repeat may stand in the batch itself, and is then no repeat of something stored. */
    for (size_t i = 0; i < gateway->batch_count; i++)
        if (gateway->batch[i].len == len && memcmp(gateway->batch[i].body, body, len) == 0) {
            store_batch(gateway);
            break;
        }
    see_fresh_spool(gateway);
    if (selkie_dedup_has(gateway->dedup, body, len, selkie_clock_monotonic_us())) {
        selkie_radio_line_count_duplicate(radio);
        selkie_radio_line_ack(radio, body, len);
        return;
    }
    struct selkie_spool_frame *frame = &gateway->batch[gateway->batch_count];
    frame->rx = selkie_clock_ms();
    (void)strncpy(frame->port, selkie_radio_line_device(radio), sizeof(frame->port) - 1);
    frame->len = (uint16_t)len;
    memcpy(frame->body, body, len);
    gateway->origins[gateway->batch_count++] = radio;
    if (gateway->batch_count == BATCH_MAX || sd_event_source_set_enabled(gateway->flush, SD_EVENT_ONESHOT) < 0)
        store_batch(gateway);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_gateway_service *gateway = context;
    struct selkie_gateway_stats stats = gather(gateway);
    char *json = selkie_gateway_stats_json(&stats);

    (void)source;
    (void)usec;
    if (json != NULL)
        selkie_forwarder_publish_stats(gateway->forwarder, json);
    free(json);
    tell_status(gateway);
    selkie_timer_set(gateway->event, &gateway->tick, STATS_US, on_tick, gateway);
    return 0;
}

static void on_drained(void *context)
{
    struct selkie_gateway_service *gateway = context;

    (void)sd_event_exit(gateway->event, 0);
}

static int open_radio(struct selkie_gateway_service *gateway, const struct selkie_gateway_config *config,
                      const struct selkie_gateway_line *line)
{
    struct selkie_radio_line_handler handler = {.context = gateway, .body = on_body, .changed = on_changed};
    struct selkie_radio_line *radio = selkie_radio_line_open(gateway->event, config, line, &handler);

    if (radio == NULL)
        return SELKIE_ENOMEM;
    gateway->radios[gateway->radio_count++] = radio;
    return 0;
}

static int open_timers(struct selkie_gateway_service *gateway)
{
    int result = sd_event_add_defer(gateway->event, &gateway->flush, on_flush, gateway);

    if (result >= 0)
        result = sd_event_source_set_enabled(gateway->flush, SD_EVENT_OFF);
    if (result >= 0)
        result = sd_event_source_set_priority(gateway->flush, AFTER_READ);
    if (result < 0)
        selkie_log(LOG_ERR, "no event loop: %s", strerror(-result));
    selkie_timer_set(gateway->event, &gateway->tick, STATS_US, on_tick, gateway);
    return result < 0 ? SELKIE_EIO : 0;
}

static int open_parts(struct selkie_gateway_service *gateway)
{
    struct selkie_forwarder_handler forwarder = {.context = gateway, .changed = on_changed, .drained = on_drained};
    const struct selkie_gateway_config *config = gateway->config;

    gateway->dedup = selkie_dedup_open();
    if (gateway->dedup == NULL)
        return SELKIE_ENOMEM;
    gateway->spool = selkie_spool_open(config->spool_path, config->max_frames);
    if (gateway->spool == NULL)
        return SELKIE_ESTORAGE;
    int result = open_timers(gateway);
    if (result < 0)
        return result;
    gateway->forwarder = selkie_forwarder_open(gateway->event, config, gateway->spool, &forwarder);
    if (gateway->forwarder == NULL)
        return SELKIE_ENOMEM;
    for (size_t i = 0; i < config->line_count; i++) {
        result = open_radio(gateway, config, &config->lines[i]);
        if (result < 0)
            return result;
    }
    return 0;
}

struct selkie_gateway_service *selkie_gateway_service_open_take(sd_event *event, const char *path,
                                                                struct selkie_gateway_config *config)
{
    struct selkie_gateway_service *gateway = calloc(1, sizeof(*gateway));

    if (gateway == NULL) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        selkie_gateway_config_close(config);
        return NULL;
    }
    gateway->path = path;
    gateway->config = config;
    gateway->event = event;
    gateway->started_us = selkie_clock_monotonic_us();
    if (open_parts(gateway) < 0) {
        selkie_gateway_service_close(gateway);
        return NULL;
    }
    selkie_log(LOG_NOTICE, "%s: gateway \"%s\", %lld frames waiting", SELKIE_VERSION, config->gateway,
               (long long)selkie_spool_count(gateway->spool));
    tell_status(gateway);
    return gateway;
}

void selkie_gateway_service_close(struct selkie_gateway_service *gateway)
{
    if (gateway == NULL)
        return;
    for (size_t i = 0; i < gateway->radio_count; i++)
        selkie_radio_line_close(gateway->radios[i]);
    sd_event_source_disable_unref(gateway->flush);
    sd_event_source_disable_unref(gateway->tick);
    sd_event_source_disable_unref(gateway->status);
    /* The spool first: all is safe then, however long the broker's library takes to end. */
    selkie_spool_close(gateway->spool);
    selkie_forwarder_close(gateway->forwarder);
    selkie_dedup_close(gateway->dedup);
    selkie_gateway_config_close(gateway->config);
    free(gateway);
}

void selkie_gateway_service_stop(struct selkie_gateway_service *gateway)
{
    if (gateway->stopping) {
        on_drained(gateway);
        return;
    }
    gateway->stopping = true;
    (void)sd_notify(0, "STOPPING=1");
    store_batch(gateway);
    /* Nothing new comes in: what the devices send now is not acknowledged, and they repeat it. */
    for (size_t i = 0; i < gateway->radio_count; i++)
        selkie_radio_line_close(gateway->radios[i]);
    gateway->radio_count = 0;
    selkie_log(LOG_NOTICE, "stopping, %lld frames waiting", (long long)selkie_spool_count(gateway->spool));
    selkie_forwarder_drain(gateway->forwarder);
}

static const struct selkie_gateway_line *find_line(const struct selkie_gateway_config *config,
                                                   const struct selkie_radio_line *radio)
{
    for (size_t i = 0; i < config->line_count; i++)
        if (strcmp(config->lines[i].device, selkie_radio_line_device(radio)) == 0 &&
            config->lines[i].baud == selkie_radio_line_baud(radio))
            return &config->lines[i];
    return NULL;
}

static void keep_or_close(struct selkie_gateway_service *gateway, const struct selkie_gateway_config *config)
{
    size_t kept = 0;

    for (size_t i = 0; i < gateway->radio_count; i++) {
        struct selkie_radio_line *radio = gateway->radios[i];
        const struct selkie_gateway_line *line = find_line(config, radio);
        if (line != NULL) {
            selkie_radio_line_configure(radio, config, line);
            gateway->radios[kept++] = radio;
        } else {
            selkie_radio_line_close(radio);
        }
    }
    gateway->radio_count = kept;
}

static bool is_open(const struct selkie_gateway_service *gateway, const struct selkie_gateway_line *line)
{
    for (size_t i = 0; i < gateway->radio_count; i++)
        if (strcmp(selkie_radio_line_device(gateway->radios[i]), line->device) == 0)
            return true;
    return false;
}

void selkie_gateway_service_reload(struct selkie_gateway_service *gateway)
{
    struct selkie_gateway_config *config = selkie_gateway_config_load(gateway->path);

    if (gateway->stopping || config == NULL) {
        selkie_log(LOG_ERR, "the configuration stays as it was");
        selkie_gateway_config_close(config);
        return;
    }
    if (strcmp(config->spool_path, gateway->config->spool_path) != 0)
        selkie_log(LOG_WARNING, "the spool stays %s until the next start", gateway->config->spool_path);
    store_batch(gateway); /* its frames point to radios that may go */
    selkie_spool_set_max(gateway->spool, config->max_frames);
    keep_or_close(gateway, config);
    for (size_t i = 0; i < config->line_count; i++)
        if (!is_open(gateway, &config->lines[i]) && open_radio(gateway, config, &config->lines[i]) < 0)
            selkie_log(LOG_ERR, "serial line %s: %s", config->lines[i].device, selkie_error_text(SELKIE_ENOMEM));
    selkie_forwarder_configure(gateway->forwarder, config);
    selkie_gateway_config_close(gateway->config);
    gateway->config = config;
    selkie_log(LOG_NOTICE, "configuration read again");
    tell_status(gateway);
}
