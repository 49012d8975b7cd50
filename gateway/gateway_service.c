/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_service.h"

#include "dedup.h"
#include "forwarder.h"
#include "gateway_stats.h"
#include "log.h"
#include "radio_line.h"
#include "spool.h"
#include "stamp.h"
#include "timer.h"
#include "tls_files.h"

#include <selkie/clock.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define STATUS_US  (500 * SELKIE_MS_US)
#define DAY_MS     INT64_C(86400000)
#define HOUR_MS    INT64_C(3600000)
#define BATCH_MAX  32                   /* frames in one commit */
#define MEND_US    (5 * SELKIE_SEC_US)  /* between two looks at the disk, and two tries if it fails */
#define LATE_MS    2000                 /* a device no longer waits for an ACK: its repeat will have one */
#define SLOW_US    (100 * SELKIE_MS_US) /* a commit that takes this long is followed by a rest as long, */
#define REST_US    (1 * SELKIE_SEC_US)  /* but no longer than this */
#define AFTER_READ 10 /* rank behind the lines: all of them are read before the loop waits for the disk */

struct selkie_gateway_service {
    const char *path;
    struct selkie_gateway_config *config;
    sd_event *event;
    struct selkie_spool *spool;
    char *spool_path; /* of the one that is open, whatever the configuration says by now */
    struct selkie_dedup dedup;
    unsigned generation; /* of the spool that holds the frames in `dedup` */
    struct selkie_forwarder *forwarder;
    struct selkie_ack_channel channels[SELKIE_LINES_MAX];
    struct selkie_radio_line *lines[SELKIE_LINES_MAX];
    size_t line_count;
    struct selkie_timer flush;
    struct selkie_timer rested; /* the disk has been left alone for long enough */
    int64_t rest_until_us;
    struct selkie_timer tick;
    struct selkie_timer status;
    struct selkie_timer mend; /* looks at the disk */
    bool told_works;          /* whether it works, as reported last */
    struct selkie_spool_frame batch[BATCH_MAX];
    struct selkie_radio_line *origins[BATCH_MAX]; /* the line of each frame */
    size_t batch_count;
    int64_t started_us;
    int64_t dates_ms; /* when the certificates' dates were last looked at, by the clock that counts suspend */
    int64_t end_looked_ms, certificate_end_ms; /* for the stats; the first by the same clock */
    uint64_t spooled;
    uint64_t unstored;
    bool stopping;
};

/* Status and statistics. */

static struct selkie_gateway_stats gather(struct selkie_gateway_service *gateway)
{
    struct selkie_gateway_stats stats = {
        .version = SELKIE_VERSION,
        .uptime_us = selkie_clock_monotonic_us() - gateway->started_us,
        .now_ms = selkie_clock_ms(),
        .boot_ms = selkie_clock_boot_ms(),
        .interval_s = gateway->config->stats_s,
        .spooled = gateway->spooled,
        .unstored = gateway->unstored,
        .forwarder = selkie_forwarder_counters(gateway->forwarder),
        .online = selkie_forwarder_is_online(gateway->forwarder),
        .shared_name = selkie_forwarder_is_shared(gateway->forwarder),
        .acknowledges_all = selkie_gateway_config_acknowledges_all(gateway->config),
        .certificate_end_ms = gateway->certificate_end_ms,
        .lines = gateway->lines,
        .line_count = gateway->line_count,
    };

    selkie_spool_info(gateway->spool, &stats.spool);
    return stats;
}

/* Files that were renewed count within the hour. */
static void look_at_certificates(struct selkie_gateway_service *gateway)
{
    int64_t now_ms = selkie_clock_boot_ms();

    if (gateway->end_looked_ms != 0 && now_ms - gateway->end_looked_ms < HOUR_MS)
        return;
    gateway->end_looked_ms = now_ms;
    gateway->certificate_end_ms = selkie_tls_files_end_ms(&gateway->config->broker);
}

static void report_status(void *context)
{
    struct selkie_gateway_service *gateway = context;
    char status[SELKIE_GATEWAY_STATUS_MAX];

    if (!gateway->forwarder) /* still opening */
        return;
    struct selkie_gateway_stats stats = gather(gateway);
    selkie_gateway_stats_status(status, &stats);
    (void)sd_notifyf(0, "STATUS=%s", status);
    gateway->told_works = selkie_spool_works(gateway->spool);
    selkie_forwarder_set_storage(gateway->forwarder, gateway->told_works);
}

/* Report the status soon, but not for each of a hundred frames a second. */
static void on_changed(void *context)
{
    struct selkie_gateway_service *gateway = context;

    selkie_timer_start(&gateway->status, STATUS_US);
}

static void on_tick(void *context)
{
    struct selkie_gateway_service *gateway = context;
    selkie_spool_sync(gateway->spool);
    look_at_certificates(gateway);
    struct selkie_gateway_stats stats = gather(gateway);
    char *json = selkie_gateway_stats_json(&stats);

    if (json)
        selkie_forwarder_publish_stats(gateway->forwarder, json);
    free(json);
    report_status(gateway);
    if (selkie_clock_boot_ms() - gateway->dates_ms >= DAY_MS) {
        gateway->dates_ms = selkie_clock_boot_ms();
        selkie_gateway_config_warn_of_dates(gateway->config);
    }
    selkie_timer_set(&gateway->tick, gateway->config->stats_s * SELKIE_SEC_US);
}

/* A frame's way: from a line into the batch, to the disk, then ACK and forwarder. */

/* A spool that was lost took its frames with it: their repeats are new frames. */
static void check_generation(struct selkie_gateway_service *gateway)
{
    unsigned generation = selkie_spool_generation(gateway->spool);

    if (generation != gateway->generation)
        selkie_dedup_clear(&gateway->dedup);
    gateway->generation = generation;
}

/* A disk that fails is not tried for each frame: a dying card takes seconds each time. It may fail while it is read,
 * when no frame comes that would tell. */
static void on_mend(void *context)
{
    struct selkie_gateway_service *gateway = context;
    bool worked = selkie_spool_works(gateway->spool);

    (void)selkie_spool_mend(gateway->spool);
    if (!worked)
        selkie_forwarder_kick(gateway->forwarder);
    if (!worked || !gateway->told_works)
        report_status(gateway);
    selkie_timer_set(&gateway->mend, MEND_US);
}

/* A frame from memory is safe: a receipt came for it, or the disk works again. */
static void on_safe(void *context, const struct selkie_spool_frame *frame)
{
    struct selkie_gateway_service *gateway = context;
    bool late = selkie_stamp_age(frame) < 0 || selkie_stamp_age(frame) > LATE_MS;

    selkie_dedup_add(&gateway->dedup, frame->body, frame->len, selkie_clock_monotonic_us());
    for (size_t i = 0; i < gateway->line_count && gateway->forwarder && !late; i++)
        if (strncmp(selkie_radio_line_device(gateway->lines[i]), frame->port, sizeof frame->port - 1) == 0)
            selkie_radio_line_ack(gateway->lines[i], frame->body, frame->len, false);
}

/* No ACK yet: if the memory is lost as well, the devices' repeats are all there is. */
static void hold_batch(struct selkie_gateway_service *gateway, size_t count)
{
    gateway->unstored += count;
    selkie_spool_hold(gateway->spool, gateway->batch, count);
    if (!gateway->forwarder)
        return;
    selkie_forwarder_kick(gateway->forwarder);
    on_changed(gateway);
}

/* The loop stands still while the disk works. A slow disk must leave it time in between, for the ACKs to find a gap on
 * the air and for the broker's answers. The frames that come meanwhile share the next commit. */
static int put_batch(struct selkie_gateway_service *gateway, size_t count)
{
    int64_t began_us = selkie_clock_monotonic_us();
    int result = selkie_spool_put(gateway->spool, gateway->batch, count);
    int64_t now_us = selkie_clock_monotonic_us(), took_us = now_us - began_us;

    if (took_us >= SLOW_US)
        gateway->rest_until_us = now_us + (took_us < REST_US ? took_us : REST_US);
    return result;
}

static void store_batch(void *context)
{
    struct selkie_gateway_service *gateway = context;
    size_t count = gateway->batch_count;

    if (count == 0)
        return;
    gateway->batch_count = 0;
    if (!selkie_spool_works(gateway->spool) || put_batch(gateway, count) < 0) {
        hold_batch(gateway, count);
        return;
    }
    gateway->spooled += count;
    check_generation(gateway);
    if (!gateway->forwarder) /* before the start and after the end, nothing is sent, on the radio neither */
        return;
    for (size_t i = 0; i < count; i++) {
        const struct selkie_spool_frame *frame = &gateway->batch[i];
        selkie_dedup_add(&gateway->dedup, frame->body, frame->len, selkie_clock_monotonic_us());
        selkie_radio_line_ack(gateway->origins[i], frame->body, frame->len, false);
    }
    selkie_forwarder_kick(gateway->forwarder);
    on_changed(gateway);
}

static void on_rested(void *context)
{
    struct selkie_gateway_service *gateway = context;

    if (selkie_timer_later(&gateway->flush, AFTER_READ) < 0)
        store_batch(gateway);
}

/* Store the batch once all lines are read. */
static void store_soon(struct selkie_gateway_service *gateway)
{
    int64_t rest_us = gateway->rest_until_us - selkie_clock_monotonic_us();

    if (gateway->batch_count == BATCH_MAX || !gateway->forwarder)
        store_batch(gateway);
    else if (rest_us > 0)
        selkie_timer_start(&gateway->rested, rest_us);
    else
        on_rested(gateway);
}

static void on_body(void *context, struct selkie_radio_line *line, const uint8_t *body, size_t len, int16_t rssi)
{
    struct selkie_gateway_service *gateway = context;

    /* Store the batch first if it holds the same frame: only then is this one a repeat of a stored frame. */
    for (size_t i = 0; i < gateway->batch_count; i++)
        if (gateway->batch[i].len == len && memcmp(gateway->batch[i].body, body, len) == 0) {
            store_batch(gateway);
            break;
        }
    check_generation(gateway);
    if (selkie_dedup_has(&gateway->dedup, body, len, selkie_clock_monotonic_us())) {
        if (gateway->forwarder)
            selkie_radio_line_ack(line, body, len, true);
        return;
    }
    if (selkie_spool_holds(gateway->spool, body, len))
        return;
    struct selkie_spool_frame *frame = &gateway->batch[gateway->batch_count];
    selkie_stamp_now(frame);
    (void)strncpy(frame->port, selkie_radio_line_device(line), sizeof frame->port - 1);
    frame->rssi = rssi;
    frame->len = (uint16_t)len;
    memcpy(frame->body, body, len);
    gateway->origins[gateway->batch_count++] = line;
    store_soon(gateway);
}

/* Start, stop and reload. */

static void on_drained(void *context)
{
    struct selkie_gateway_service *gateway = context;

    (void)sd_event_exit(gateway->event, 0);
}

static int open_line(struct selkie_gateway_service *gateway, const struct selkie_gateway_config *config,
                     const struct selkie_gateway_line *line)
{
    struct selkie_radio_line_handler handler = {.context = gateway, .body = on_body, .changed = on_changed};
    struct selkie_radio_line *opened =
        selkie_radio_line_open(gateway->event, &gateway->channels[line->channel], config, line, &handler);

    if (!opened)
        return SELKIE_ENOMEM;
    gateway->lines[gateway->line_count++] = opened;
    return 0;
}

static void close_lines(struct selkie_gateway_service *gateway)
{
    for (size_t i = 0; i < gateway->line_count; i++)
        selkie_radio_line_close(gateway->lines[i]);
    gateway->line_count = 0;
}

static int open_parts(struct selkie_gateway_service *gateway)
{
    struct selkie_forwarder_handler handler = {.context = gateway, .changed = on_changed, .drained = on_drained};
    const struct selkie_gateway_config *config = gateway->config;

    /* The lines first: from now on the kernel keeps what the radio hears. */
    for (size_t i = 0; i < config->line_count; i++)
        if (open_line(gateway, config, &config->lines[i]) < 0)
            return SELKIE_ENOMEM;
    gateway->spool = selkie_spool_open(config->spool_path, config->max_frames);
    if (!gateway->spool)
        return SELKIE_ESTORAGE;
    selkie_spool_set_safe(gateway->spool, on_safe, gateway);
    selkie_timer_set(&gateway->tick, config->stats_s * SELKIE_SEC_US);
    gateway->forwarder = selkie_forwarder_open(gateway->event, config, gateway->spool, &handler);
    if (!gateway->forwarder)
        return SELKIE_ENOMEM;
    return 0;
}

struct selkie_gateway_service *selkie_gateway_service_open_take(sd_event *event, const char *path,
                                                                struct selkie_gateway_config *config)
{
    struct selkie_gateway_service *gateway = calloc(1, sizeof *gateway);

    if (!gateway) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        selkie_gateway_config_close(config);
        return NULL;
    }
    gateway->path = path;
    gateway->config = config;
    gateway->spool_path = strdup(config->spool_path);
    gateway->event = event;
    for (size_t i = 0; i < SELKIE_LINES_MAX; i++)
        selkie_ack_channel_init(&gateway->channels[i], event);
    selkie_timer_init(&gateway->flush, event, store_batch, gateway);
    selkie_timer_init(&gateway->rested, event, on_rested, gateway);
    selkie_timer_init(&gateway->tick, event, on_tick, gateway);
    selkie_timer_init(&gateway->status, event, report_status, gateway);
    selkie_timer_init(&gateway->mend, event, on_mend, gateway);
    gateway->started_us = selkie_clock_monotonic_us();
    gateway->dates_ms = selkie_clock_boot_ms();
    if (!gateway->spool_path || open_parts(gateway) < 0) {
        selkie_gateway_service_close(gateway);
        return NULL;
    }
    selkie_log(LOG_NOTICE, "%s: gateway \"%s\", %lld frames waiting", SELKIE_VERSION, config->gateway,
               (long long)selkie_spool_count(gateway->spool));
    report_status(gateway);
    selkie_timer_set(&gateway->mend, MEND_US);
    return gateway;
}

/* What the lines received since the loop ended. */
static void read_rest(struct selkie_gateway_service *gateway)
{
    for (size_t i = 0; gateway->spool && i < gateway->line_count; i++)
        selkie_radio_line_read_rest(gateway->lines[i]);
    store_batch(gateway);
}

void selkie_gateway_service_close(struct selkie_gateway_service *gateway)
{
    if (!gateway)
        return;
    selkie_timer_wipe(&gateway->tick);
    selkie_timer_wipe(&gateway->status);
    selkie_timer_wipe(&gateway->mend);
    selkie_forwarder_close(gateway->forwarder); /* Paho may take its time: the lines go on receiving meanwhile */
    gateway->forwarder = NULL;
    read_rest(gateway);
    close_lines(gateway);
    for (size_t i = 0; i < SELKIE_LINES_MAX; i++)
        selkie_ack_channel_wipe(&gateway->channels[i]);
    selkie_timer_wipe(&gateway->flush);
    selkie_timer_wipe(&gateway->rested);
    if (gateway->spool)
        selkie_spool_set_safe(gateway->spool, NULL, NULL);
    selkie_spool_close(gateway->spool);
    selkie_gateway_config_close(gateway->config);
    free(gateway->spool_path);
    free(gateway);
}

void selkie_gateway_service_stop(struct selkie_gateway_service *gateway)
{
    if (gateway->stopping) {
        on_drained(gateway);
        return;
    }
    gateway->stopping = true;
    selkie_spool_end(gateway->spool);
    (void)sd_notify(0, "STOPPING=1");
    /* The lines stay open to the end: what the radio hears meanwhile is stored, for this process or the next one. */
    selkie_log(LOG_NOTICE, "stopping, %lld frames waiting", (long long)selkie_spool_count(gateway->spool));
    selkie_forwarder_drain(gateway->forwarder);
}

/* Take the open line of this device and speed out of the list. NULL if there is none. */
static struct selkie_radio_line *take_line(struct selkie_gateway_service *gateway,
                                           const struct selkie_gateway_line *wanted)
{
    for (size_t i = 0; i < gateway->line_count; i++) {
        struct selkie_radio_line *line = gateway->lines[i];
        if (selkie_radio_line_is(line, wanted)) {
            gateway->lines[i] = gateway->lines[--gateway->line_count];
            return line;
        }
    }
    return NULL;
}

/* Keep the lines that the new configuration has too, close the others, and only then open new ones: a device may have
 * changed its speed. */
static void change_lines(struct selkie_gateway_service *gateway, const struct selkie_gateway_config *config)
{
    struct selkie_radio_line *kept[SELKIE_LINES_MAX];

    for (size_t i = 0; i < config->line_count; i++)
        kept[i] = take_line(gateway, &config->lines[i]);
    close_lines(gateway);
    for (size_t i = 0; i < config->line_count; i++)
        if (kept[i]) {
            selkie_radio_line_configure(kept[i], config, &config->lines[i]);
            gateway->lines[gateway->line_count++] = kept[i];
        } else {
            (void)open_line(gateway, config, &config->lines[i]);
        }
}

void selkie_gateway_service_reload(struct selkie_gateway_service *gateway)
{
    struct selkie_gateway_config *config = selkie_gateway_config_load(gateway->path);

    if (gateway->stopping || !config) {
        selkie_log(LOG_ERR, "the configuration stays as it was");
        selkie_gateway_config_close(config);
        return;
    }
    if (strcmp(config->spool_path, gateway->spool_path) != 0)
        selkie_log(LOG_WARNING, "the spool stays %s until the next start", gateway->spool_path);
    store_batch(gateway); /* its frames point to lines that may be closed */
    selkie_spool_set_max(gateway->spool, config->max_frames);
    change_lines(gateway, config);
    selkie_forwarder_configure(gateway->forwarder, config);
    if (config->stats_s != gateway->config->stats_s)
        selkie_timer_set(&gateway->tick, config->stats_s * SELKIE_SEC_US);
    selkie_gateway_config_close(gateway->config);
    gateway->config = config;
    selkie_log(LOG_NOTICE, "configuration read again");
    report_status(gateway);
}
