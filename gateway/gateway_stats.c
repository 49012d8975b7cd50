/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_stats.h"

#include "timer.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A counter as JSON: without its highest bit, since jansson has signed integers only. */
static json_int_t count(uint64_t value)
{
    return (json_int_t)(value & INT64_MAX);
}

static uint64_t broken(const struct selkie_radio_line_counters *line)
{
    return line->crc + line->garbage + line->overlong;
}

/* Seconds, or null for none. */
static json_t *seconds(int64_t value)
{
    return value < 0 ? json_null() : json_integer((json_int_t)value);
}

static json_t *hearing_json(const struct selkie_hearing *hearing, int64_t boot_ms)
{
    return json_pack("{s:I, s:o, s:o}", "bytes", count(hearing->bytes), "frame_age_s",
                     seconds(selkie_hearing_frame_age_s(hearing, boot_ms)), "deaf_s",
                     seconds(selkie_hearing_deaf_s(hearing, boot_ms)));
}

static json_t *line_json(struct selkie_radio_line *of)
{
    const struct selkie_radio_line_counters *line = selkie_radio_line_counters(of);
    const struct selkie_ack_counters *acks = selkie_radio_line_acks(of);

    json_t *json = json_pack(
        "{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "port",
        selkie_radio_line_device(of), "open", selkie_radio_line_is_open(of), "received", count(line->received),
        "sealed", count(line->sealed), "session", count(line->session), "duplicates", count(line->duplicate), "foreign",
        count(line->foreign), "filtered", count(line->filtered), "crc", count(line->crc), "garbage",
        count(line->garbage), "overlong", count(line->overlong), "acked", count(acks->acked), "acks_lost",
        count(acks->lost), "acks_overheard", count(acks->overheard), "fragments", count(line->fragments), "restored",
        count(line->restored), "sets_broken", count(line->sets_broken), "sets_expired", count(line->sets_expired),
        "sets_displaced", count(line->sets_displaced));
    const char *fault = selkie_radio_line_fault(of);
    if (fault[0] != '\0')
        (void)json_object_set_new(json, "fault", json_string(fault));
    return json;
}

/* The clock may have been set back since the frame came. */
static int64_t oldest_seconds(const struct selkie_gateway_stats *stats)
{
    int64_t age = stats->now_ms - stats->spool.oldest_rx;

    return stats->spool.frames == 0 || age < 0 ? 0 : age / 1000;
}

/* The disk's words may be in no encoding that JSON takes. */
static json_t *storage_json(const struct selkie_spool_info *spool)
{
    json_t *json = json_pack("{s:b, s:b, s:I}", "working", spool->fault[0] == '\0', "slow", spool->slow, "held",
                             (json_int_t)spool->held);

    if (json && spool->fault[0] != '\0') {
        json_t *fault = json_string(spool->fault);
        (void)json_object_set_new(json, "fault", fault ? fault : json_string("unknown"));
    }
    return json;
}

/* What monitoring alarms on, as numbers that are always there: a reader need not look into each line. */
static int set_alarms(json_t *root, const struct selkie_gateway_stats *stats)
{
    json_int_t deaf = 0, missing = 0, faults = 0;

    for (size_t i = 0; i < stats->line_count; i++) {
        deaf += selkie_hearing_deaf_s(selkie_radio_line_hearing(stats->lines[i]), stats->boot_ms) >= 0;
        missing += !selkie_radio_line_is_open(stats->lines[i]);
        faults += selkie_radio_line_fault(stats->lines[i])[0] != '\0';
    }
    if (json_object_set_new(root, "lines_deaf", json_integer(deaf)) != 0 ||
        json_object_set_new(root, "lines_missing", json_integer(missing)) != 0 ||
        json_object_set_new(root, "lines_faulty", json_integer(faults)) != 0)
        return -1;
    return stats->certificate_end_ms < 0
               ? 0
               : json_object_set_new(root, "certificate_end", json_integer((json_int_t)stats->certificate_end_ms));
}

char *selkie_gateway_stats_json(const struct selkie_gateway_stats *stats)
{
    const struct selkie_sender_counters *frames = &stats->forwarder.frames;
    uint64_t received = 0, sealed = 0, session = 0, lost = 0;
    json_t *lines = json_array();

    for (size_t i = 0; i < stats->line_count; i++) {
        const struct selkie_radio_line_counters *line = selkie_radio_line_counters(stats->lines[i]);
        received += line->received;
        sealed += line->sealed;
        session += line->session;
        lost += broken(line);
        json_t *json = line_json(stats->lines[i]);
        if (json_object_update_new(json, hearing_json(selkie_radio_line_hearing(stats->lines[i]), stats->boot_ms)) !=
                0 ||
            json_array_append_new(lines, json) != 0)
            break;
    }
    json_t *root = json_pack(
        "{s:s, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o*}", "version",
        stats->version, "time", (json_int_t)stats->now_ms, "interval", (int)stats->interval_s, "uptime",
        (json_int_t)(stats->uptime_us / SELKIE_SEC_US), "received", count(received), "sealed", count(sealed), "session",
        count(session), "broken", count(lost), "spooled", count(stats->spooled), "unstored", count(stats->unstored),
        "sent", count(frames->sent), "resent", count(frames->resent), "receipted", count(frames->receipted), "dropped",
        count(stats->spool.dropped), "queue", (json_int_t)stats->spool.frames, "oldest",
        (json_int_t)oldest_seconds(stats), "connects", count(stats->forwarder.connects), "name_conflicts",
        count(stats->forwarder.conflicts), "lines", lines);
    bool whole =
        root && json_object_set_new(root, "storage", storage_json(&stats->spool)) == 0 && set_alarms(root, stats) == 0;
    char *text = whole ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

/* What follows a text in a buffer of SELKIE_GATEWAY_STATUS_MAX. */
__attribute__((format(printf, 2, 3))) static void append(char *text, const char *format, ...)
{
    size_t len = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text + len, SELKIE_GATEWAY_STATUS_MAX - len, format, arguments);
    va_end(arguments);
}

static void append_line(char *text, const struct selkie_radio_line *line, bool named, int64_t boot_ms)
{
    const struct selkie_hearing *hearing = selkie_radio_line_hearing(line);
    const char *slash = strrchr(selkie_radio_line_device(line), '/');
    int64_t deaf_s = selkie_hearing_deaf_s(hearing, boot_ms), age_s = selkie_hearing_frame_age_s(hearing, boot_ms);

    if (!named && !selkie_radio_line_is_open(line))
        return;
    append(text, ", ");
    if (named)
        append(text, "%s: ", slash ? slash + 1 : selkie_radio_line_device(line));
    if (!selkie_radio_line_is_open(line))
        append(text, "missing");
    else if (deaf_s >= 0)
        append(text, "bytes, but no frames for %" PRId64 " s", deaf_s);
    else if (age_s >= 0)
        append(text, "last frame %" PRId64 " s ago", age_s);
    else
        append(text, "no frame yet");
}

static void append_faults(char text[static SELKIE_GATEWAY_STATUS_MAX], const struct selkie_gateway_stats *stats)
{
    for (size_t i = 0; i < stats->line_count; i++) {
        const char *fault = selkie_radio_line_fault(stats->lines[i]);
        if (fault[0] != '\0')
            append(text, "; %s: %s", selkie_radio_line_device(stats->lines[i]), fault);
    }
}

static void append_storage(char text[static SELKIE_GATEWAY_STATUS_MAX], const struct selkie_spool_info *spool)
{
    if (spool->fault[0] != '\0')
        append(text, ", storage failing (%s)", spool->fault);
    else
        append(text, ", storage %s", spool->slow ? "slow" : "ok");
}

void selkie_gateway_stats_status(char text[static SELKIE_GATEWAY_STATUS_MAX], const struct selkie_gateway_stats *stats)
{
    size_t open = 0;

    for (size_t i = 0; i < stats->line_count; i++)
        open += selkie_radio_line_is_open(stats->lines[i]);
    text[0] = '\0';
    if (open == stats->line_count)
        append(text, "serial ok");
    else
        append(text, "serial %zu of %zu missing", stats->line_count - open, stats->line_count);
    append_storage(text, &stats->spool);
    append(text, ", broker %s, %" PRId64 " waiting",
           stats->shared_name ? "used by another gateway of this name"
           : stats->online    ? "ok"
                              : "unavailable",
           stats->spool.frames);
    if (stats->spool.held > 0)
        append(text, " (%" PRId64 " in memory only)", stats->spool.held);
    append(text, "%s", stats->acknowledges_all ? ", acknowledges every device" : "");
    for (size_t i = 0; i < stats->line_count; i++)
        append_line(text, stats->lines[i], stats->line_count > 1, stats->boot_ms);
    append_faults(text, stats);
}
