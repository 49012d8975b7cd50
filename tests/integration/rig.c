/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "harness_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char spool_folder[256];

void rig_spool_in(const char *folder)
{
    (void)snprintf(spool_folder, sizeof(spool_folder), "%s", folder);
}

static const char *spool_path(void)
{
    static char path[sizeof(spool_folder) + 16];

    (void)snprintf(path, sizeof(path), "%s/spool.db", spool_folder[0] != '\0' ? spool_folder : harness_path("."));
    return path;
}

const char *rig_config_text(const char *format, ...)
{
    static char path[256]; /* stays, unlike the harness's ring */
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    ck_assert_int_lt(vsnprintf(text, sizeof(text), format, arguments), (int)sizeof(text));
    va_end(arguments);
    const char *written = harness_write(
        "gateway.json", 0600, "{\"gateway\":\"" RIG_NAME "\",\"spool\":{\"path\":\"%s\"},%s}", spool_path(), text);
    (void)snprintf(path, sizeof(path), "%s", written);
    return path;
}

const char *rig_config(const char *broker_uri, const char *device, const char *extra)
{
    return rig_config_text("\"broker\":{\"uri\":\"%s\"},\"serial\":[{\"device\":\"%s\"}]%s%s", broker_uri, device,
                           extra[0] != '\0' ? "," : "", extra);
}

struct harness_process *rig_gateway(const char *config)
{
    const char *argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};

    return harness_spawn("gateway", argv, false);
}

struct harness_process *rig_gateway_ready(const char *config, bool with_broker)
{
    struct harness_process *gateway = rig_gateway(config);

    harness_wait_log(gateway, "open, ");
    if (with_broker)
        harness_wait_log(gateway, ": connected");
    return gateway;
}

struct rig rig_start(const char *broker_config, const char *extra)
{
    struct rig rig = {.broker = harness_broker(broker_config)};

    rig.plugin = rig_plugin(rig.broker);
    rig.pty = harness_pty("tty");
    rig.config = rig_config(rig.broker->uri, rig.pty->path, extra);
    rig.gateway = rig_gateway_ready(rig.config, true);
    return rig;
}

void rig_stop(struct harness_process *gateway, long waiting)
{
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    ck_assert_int_eq(rig_waiting(), waiting);
}

struct harness_client *rig_plugin(const struct harness_broker *broker)
{
    struct harness_client *plugin = harness_connect(broker, NULL);

    ck_assert_int_eq(harness_subscribe(plugin, RIG_UP, 1), 1);
    ck_assert_int_eq(harness_subscribe(plugin, RIG_STATE, 1), 1);
    ck_assert_int_eq(harness_subscribe(plugin, RIG_STATS, 1), 1);
    return plugin;
}

void rig_body(uint8_t body[static RIG_BODY_SIZE], uint32_t number)
{
    memset(body, (int)(number * 7 & 0xFF), RIG_BODY_SIZE);
    body[0] = 0x11;
    memcpy(body + 8, &number, sizeof(number));
}

uint32_t rig_number(const uint8_t *body)
{
    uint32_t number;

    memcpy(&number, body + 8, sizeof(number));
    return number;
}

void rig_send_body(struct harness_pty *pty, const uint8_t *body, size_t len)
{
    uint8_t wire[SELKIE_LINK_WIRE_MAX];
    int wire_len = selkie_link_encode(wire, sizeof(wire), body, len);

    ck_assert_int_gt(wire_len, 0);
    harness_pty_write(pty, wire, (size_t)wire_len);
}

void rig_send(struct harness_pty *pty, uint32_t number)
{
    uint8_t body[RIG_BODY_SIZE];

    rig_body(body, number);
    rig_send_body(pty, body, sizeof(body));
}

uint16_t rig_crc(uint32_t number)
{
    uint8_t body[RIG_BODY_SIZE];

    rig_body(body, number);
    return selkie_crc16(body, sizeof body);
}

int rig_ack(struct harness_pty *pty, int patience_ms)
{
    struct selkie_link_rx rx;
    int64_t limit = harness_now_ms() + patience_ms;
    uint8_t byte;

    selkie_link_rx_init(&rx);
    while (harness_pty_read(pty, &byte, 1, (int)(limit - harness_now_ms())) == 1) {
        int len = selkie_link_rx_byte(&rx, byte);
        if (len == 3 && rx.body[0] == 0x12)
            return rx.body[1] << 8 | rx.body[2];
    }
    return -1;
}

void rig_send_body_acked(struct harness_pty *pty, const uint8_t *body, size_t len)
{
    rig_send_body(pty, body, len);
    ck_assert_int_eq(rig_ack(pty, HARNESS_PATIENCE), selkie_crc16(body, len));
}

void rig_send_acked(struct harness_pty *pty, uint32_t number)
{
    uint8_t body[RIG_BODY_SIZE];

    rig_body(body, number);
    rig_send_body_acked(pty, body, sizeof body);
}

uint32_t rig_receive(struct harness_client *plugin, int64_t *seq)
{
    struct harness_message *message = harness_receive(plugin, RIG_UP);
    const char *text = harness_message_property(message, "seq");

    ck_assert_uint_eq(message->len, RIG_BODY_SIZE);
    ck_assert_ptr_nonnull(text);
    if (seq != NULL)
        *seq = strtoll(text, NULL, 10);
    uint32_t number = rig_number(message->payload);
    harness_message_free(message);
    return number;
}

void rig_receive_none(struct harness_client *plugin, int patience_ms)
{
    struct harness_message *message = harness_receive_try(plugin, RIG_UP, patience_ms);

    ck_assert_msg(message == NULL, "frame %u came", message != NULL ? rig_number(message->payload) : 0);
}

void rig_receipt(struct harness_client *plugin, int64_t seq)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "{\"seq\":[%" PRId64 "]}", seq);

    ck_assert_int_eq(harness_publish(plugin, RIG_RECEIPT, text, (size_t)len, 1, false, NULL), 0);
}

long rig_waiting(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    ck_assert_int_eq(sqlite3_open_v2(spool_path(), &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM frame", -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    long count = (long)sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return count;
}

/* False where there is no such file. */
static bool copy(const char *from, const char *to)
{
    char data[65536];
    ssize_t len;
    int in = open(from, O_RDONLY | O_CLOEXEC);

    (void)unlink(to);
    if (in < 0)
        return false;
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ck_assert_int_ge(out, 0);
    while ((len = read(in, data, sizeof(data))) > 0)
        ck_assert_int_eq(write(out, data, (size_t)len), len);
    ck_assert_int_eq(len, 0);
    (void)close(in);
    ck_assert_int_eq(close(out), 0);
    return true;
}

void rig_each_waiting(void (*each)(const uint8_t *body, size_t len))
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    static const char *const logs[] = {"-wal", "-journal"}; /* the latter until it has been made */
    char from[300];
    char to[300];

    if (!copy(spool_path(), harness_path("copy.db")))
        return;
    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
        (void)snprintf(from, sizeof(from), "%s%s", spool_path(), logs[i]);
        (void)snprintf(to, sizeof(to), "%s%s", harness_path("copy.db"), logs[i]);
        (void)copy(from, to);
    }
    (void)snprintf(to, sizeof(to), "%s", harness_path("copy.db"));
    ck_assert_int_eq(sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int result = sqlite3_prepare_v2(db, "SELECT body FROM frame", -1, &statement, NULL);
    ck_assert_msg(result == SQLITE_OK || strstr(sqlite3_errmsg(db), "no such table") != NULL, "%s", sqlite3_errmsg(db));
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW)
        each(sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0));
    ck_assert(statement == NULL || result == SQLITE_DONE);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
}

void rig_expect_state(struct harness_client *plugin, const char *state)
{
    struct harness_message *message = harness_receive(plugin, RIG_STATE);
    char expected[64];

    (void)snprintf(expected, sizeof(expected), "{\"state\":\"%s\",\"instance\":", state);
    ck_assert_msg(strncmp((const char *)message->payload, expected, strlen(expected)) == 0, "%s",
                  (const char *)message->payload);
    ck_assert_int_eq(message->format, 1);
    ck_assert_str_eq(message->content_type, "application/json");
    harness_message_free(message);
}

unsigned rig_log_count(const struct harness_process *process, const char *text)
{
    char *log = harness_read(process->log);
    unsigned count = 0;

    for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text))
        count++;
    free(log);
    return count;
}

void rig_wait_log_count(const struct harness_process *process, const char *text, unsigned count)
{
    int64_t limit = harness_now_ms() + 2 * HARNESS_PATIENCE;

    while (rig_log_count(process, text) < count) {
        ck_assert_msg(harness_now_ms() < limit, "%s did not say '%s' %u times", process->name, text, count);
        harness_breathe();
    }
}
