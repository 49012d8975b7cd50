/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_client.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <selkie/clock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define FAREWELL_MS      1000
#define RECONNECT_MS     250 /* the first pause, doubled each time */
#define RECONNECT_MAX_MS 16000

struct selkie_ctl_client {
    const struct selkie_ctl_config *config;
    struct selkie_mqtt_queue *queue;
    struct selkie_mqtt *mqtt;
    int signals; /* signalfd, or -1 */
    char id[CTL_CLIENT_ID_SIZE];
    size_t packet_max;
    bool lost;
    struct selkie_mqtt_queue *kept; /* messages that came during the wait for something else */
};

/* The next event of the connection, or why there is none. A negative deadline: wait for ever. */
static enum ctl_wait wait_event(struct selkie_ctl_client *client, struct selkie_mqtt_event **event, int64_t deadline_us)
{
    struct pollfd fds[] = {{selkie_mqtt_queue_fd(client->queue), POLLIN, 0}, {client->signals, POLLIN, 0}};

    while (!(*event = selkie_mqtt_take(client->queue))) {
        int64_t left_us = deadline_us < 0 ? -1 : deadline_us - selkie_clock_monotonic_us();
        if (deadline_us >= 0 && left_us <= 0)
            return CTL_TIMEOUT;
        int ready = poll(fds, 2, left_us < 0 ? -1 : (int)(left_us / 1000 + 1));
        if (ready > 0 && fds[1].revents != 0)
            return CTL_INTERRUPTED;
    }
    return CTL_MESSAGE;
}

static int64_t deadline_us(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : selkie_clock_monotonic_us() + (int64_t)timeout_ms * 1000;
}

static void print_lost(struct selkie_ctl_client *client, int code)
{
    client->lost = true;
    ctl_fail("%s: %s", selkie_ctl_client_uri(client),
             code >= SELKIE_MQTT_REFUSAL ? selkie_mqtt_reason(code) : "the connection was lost");
}

/* The code of the answer of this kind to what was just begun with this result, or -1 after a failure was printed. */
static int await_answer(struct selkie_ctl_client *client, enum selkie_mqtt_event_kind kind, int begun, const char *what)
{
    int64_t limit_us = deadline_us(client->config->timeout_ms);
    struct selkie_mqtt_event *event;
    enum ctl_wait wait = CTL_MESSAGE;

    while (begun >= 0 && (wait = wait_event(client, &event, limit_us)) == CTL_MESSAGE) {
        if (event->kind == SELKIE_MQTT_MESSAGE)
            (void)selkie_mqtt_queue_put(client->kept, event); /* it counts those that it drops */
        int code = event->code;
        bool is_answer = event->kind == kind;
        if (event->kind == SELKIE_MQTT_LOST)
            print_lost(client, code);
        free(event);
        if (is_answer)
            return code;
        if (client->lost)
            return -1;
    }
    ctl_fail("%s: %s: %s", selkie_ctl_client_uri(client), what,
             begun == SELKIE_EIO       ? "the connection was lost"
             : begun == SELKIE_EFULL   ? "too many messages wait for the broker's answer"
             : begun < 0               ? selkie_error_text(begun)
             : wait == CTL_INTERRUPTED ? "interrupted"
                                       : "no answer");
    return -1;
}

static enum ctl_exit explain(const struct selkie_ctl_client *client, const struct selkie_mqtt_event *event)
{
    const struct selkie_mqtt_settings *broker = &client->config->broker;

    if (event->kind == SELKIE_MQTT_UNREACHABLE)
        return ctl_fail("no broker at %s: %s", broker->name, event->text);
    if (!broker->username)
        return ctl_fail("the broker %s refuses a client without a user name: %s", broker->name, event->text);
    return ctl_fail("the broker %s refuses the user '%s': %s", broker->name, broker->username, event->text);
}

/* CTL_MESSAGE with the event that says how it went, for free(); CTL_INTERRUPTED, or CTL_LOST with the reason. */
static enum ctl_wait try_to_connect(struct selkie_ctl_client *client, struct selkie_mqtt_event **event,
                                    char why[static SELKIE_MQTT_TEXT_MAX])
{
    static const char *const properties[] = {"counter", "gateway", "rx", "clock",
                                             "form",    "rssi",    NULL}; /* the plugin's */
    struct selkie_mqtt_options options = {
        .settings = &client->config->broker, .id = client->id, .properties = properties};

    if (selkie_mqtt_connect(client->mqtt, &options, why) < 0)
        return CTL_LOST;
    enum ctl_wait wait = wait_event(client, event, -1);
    if (wait == CTL_MESSAGE && (*event)->kind == SELKIE_MQTT_CONNECTED)
        client->packet_max = (*event)->packet_max;
    return wait;
}

static enum ctl_exit connect_client(struct selkie_ctl_client *client)
{
    char why[SELKIE_MQTT_TEXT_MAX];
    struct selkie_mqtt_event *event;
    uint32_t chance;

    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return ctl_fail("cannot get random numbers: %s", strerror(errno));
    (void)snprintf(client->id, sizeof client->id, "selkiectl-%08" PRIx32, chance);
    enum ctl_wait wait = try_to_connect(client, &event, why);
    if (wait == CTL_INTERRUPTED)
        return ctl_fail("no broker at %s: interrupted", client->config->broker.name);
    if (wait != CTL_MESSAGE)
        return ctl_fail("%s", why);
    enum ctl_exit result = event->kind == SELKIE_MQTT_CONNECTED ? CTL_DONE : explain(client, event);
    free(event);
    return result;
}

/* What still comes in a pause is of the old connection. */
static enum ctl_wait pause_for(struct selkie_ctl_client *client, int ms)
{
    int64_t limit_us = deadline_us(ms);
    struct selkie_mqtt_event *event;
    enum ctl_wait wait;

    while ((wait = wait_event(client, &event, limit_us)) == CTL_MESSAGE)
        free(event);
    return wait;
}

bool selkie_ctl_client_is_lost(const struct selkie_ctl_client *client)
{
    return client->lost;
}

enum ctl_wait selkie_ctl_client_reconnect(struct selkie_ctl_client *client)
{
    char said[SELKIE_MQTT_TEXT_MAX] = "", why[SELKIE_MQTT_TEXT_MAX];

    for (int pause_ms = RECONNECT_MS;; pause_ms = pause_ms >= RECONNECT_MAX_MS ? RECONNECT_MAX_MS : 2 * pause_ms) {
        struct selkie_mqtt_event *event = NULL;
        if (pause_for(client, pause_ms) == CTL_INTERRUPTED)
            return CTL_INTERRUPTED;
        enum ctl_wait wait = try_to_connect(client, &event, why);
        if (wait == CTL_INTERRUPTED)
            return wait;
        bool connected = event && event->kind == SELKIE_MQTT_CONNECTED;
        const char *reason = event ? event->text : why;
        if (!connected && strcmp(said, reason) != 0) {
            (void)snprintf(said, sizeof said, "%s", reason);
            event ? explain(client, event) : ctl_fail("%s", why);
        }
        free(event);
        if (connected) {
            client->lost = false;
            return CTL_MESSAGE;
        }
    }
}

/* Before Paho's threads begin, so that they have the signals blocked too and none of them takes one. */
static int block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

enum ctl_exit selkie_ctl_client_open(struct selkie_ctl_client **opened, const struct selkie_ctl_config *config,
                                     bool until_interrupted)
{
    const struct selkie_mqtt_limits limits = {.messages = SELKIE_CTL_MESSAGES_MAX, .message_bytes = SIZE_MAX};
    struct selkie_ctl_client *client = calloc(1, sizeof *client);

    *opened = NULL;
    if (!client)
        return ctl_fail("out of memory");
    client->config = config;
    client->signals = until_interrupted ? block_signals() : -1;
    enum ctl_exit result = CTL_DONE;
    if (until_interrupted && client->signals < 0)
        result = ctl_fail("cannot wait for signals: %s", strerror(errno));
    else if (selkie_mqtt_queue_open(&client->queue, limits) < 0 || selkie_mqtt_queue_open(&client->kept, limits) < 0 ||
             selkie_mqtt_open(&client->mqtt, client->queue, client) < 0)
        result = ctl_fail("cannot wait for events: %s", strerror(errno));
    else
        result = connect_client(client);
    if (result != CTL_DONE) {
        selkie_ctl_client_close(client);
        return result;
    }
    *opened = client;
    return CTL_DONE;
}

/* Wait until the DISCONNECT is sent, for a short time. */
static void take_leave(struct selkie_ctl_client *client)
{
    int64_t limit_us = deadline_us(FAREWELL_MS);
    struct selkie_mqtt_event *event;
    bool done = !client->mqtt || client->lost || !selkie_mqtt_disconnect(client->mqtt, false);

    while (!done && wait_event(client, &event, limit_us) == CTL_MESSAGE) {
        done = event->kind == SELKIE_MQTT_DISCONNECTED || event->kind == SELKIE_MQTT_LOST;
        free(event);
    }
}

void selkie_ctl_client_close(struct selkie_ctl_client *client)
{
    if (!client)
        return;
    take_leave(client);
    selkie_mqtt_close(client->mqtt);
    selkie_mqtt_queue_close(client->queue);
    selkie_mqtt_queue_close(client->kept);
    if (client->signals >= 0)
        close(client->signals);
    free(client);
}

const char *selkie_ctl_client_uri(const struct selkie_ctl_client *client)
{
    return selkie_mqtt_uri(client->mqtt);
}

const char *selkie_ctl_client_id(const struct selkie_ctl_client *client)
{
    return client->id;
}

int selkie_ctl_client_subscribe(struct selkie_ctl_client *client, const char *filter, int qos)
{
    int begun = selkie_mqtt_subscribe(client->mqtt, filter, qos);

    return await_answer(client, SELKIE_MQTT_SUBSCRIBED, begun, filter);
}

int selkie_ctl_client_publish(struct selkie_ctl_client *client, const char *topic, const void *payload, size_t len)
{
    const struct selkie_mqtt_message message = {
        .topic = topic, .payload = payload, .len = len, .qos = 1, .answer = true, .json = true};
    int begun = selkie_mqtt_publish(client->mqtt, &message);

    return await_answer(client, SELKIE_MQTT_PUBLISHED, begun, topic);
}

size_t selkie_ctl_client_packet_max(const struct selkie_ctl_client *client)
{
    return client->packet_max;
}

enum ctl_wait selkie_ctl_client_next(struct selkie_ctl_client *client, struct selkie_mqtt_event **message,
                                     int timeout_ms)
{
    int64_t limit_us = deadline_us(timeout_ms);
    struct selkie_mqtt_event *event = selkie_mqtt_queue_pop(client->kept);

    *message = event;
    while (!*message && !client->lost) {
        enum ctl_wait wait = wait_event(client, &event, limit_us);
        if (wait != CTL_MESSAGE)
            return wait;
        if (event->kind == SELKIE_MQTT_LOST)
            print_lost(client, event->code);
        if (event->kind == SELKIE_MQTT_MESSAGE)
            *message = event;
        else
            free(event);
    }
    return *message ? CTL_MESSAGE : CTL_LOST;
}

size_t selkie_ctl_client_dropped(struct selkie_ctl_client *client)
{
    return selkie_mqtt_queue_dropped(client->queue) + selkie_mqtt_queue_dropped(client->kept);
}
