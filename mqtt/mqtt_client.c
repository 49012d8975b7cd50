/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt_client.h"

#include "connect_error.h"
#include "mqtt_paho.h"
#include "resolver.h"
#include "tls_files.h"

#include <MQTTReasonCodes.h>
#include <selkie/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000

enum state {
    IDLE,       /* not connected, or no longer */
    RESOLVING,  /* until the name server answers, or the deadline */
    CONNECTING, /* until the broker answers, or the deadline */
    CONNECTED,
    ENDED,  /* every address was tried, or the connection was lost: the event that says so is due */
    PAUSING /* until it is time to connect again */
};

struct selkie_mqtt {
    struct selkie_mqtt *next; /* of the queue */
    struct selkie_mqtt_queue *queue;
    void *context;
    struct selkie_mqtt_options options;
    struct selkie_mqtt_settings settings;
    char password[SELKIE_MQTT_PASSWORD_MAX]; /* from the file, while it connects */
    enum state state;
    int64_t due_us;                  /* when the state ends at the latest; INT64_MAX: never */
    struct selkie_mqtt_paho *keeper; /* never connects: with it, Paho's threads stay between attempts */
    struct selkie_mqtt_paho *paho;   /* of the attempt or connection under way; NULL: none */
    unsigned attempt;                /* events of others than the last are stale */
    size_t uri;                      /* under way, of the settings' */
    struct selkie_resolver_lookup *lookup;
    struct selkie_resolver_addresses addresses; /* of its host */
    size_t address;                             /* under way */
    enum selkie_mqtt_event_kind ending;         /* while ENDED: the event that is due */
    int refusal;                                /* the first broker's that refused, or 0 */
    char text[SELKIE_MQTT_TEXT_MAX];            /* why, for each address so far */
    size_t of_uri;                              /* where in it the reasons of the URI under way begin */
};

/* The loop has to look at the clients when the first of them is due. */
static void enter(struct selkie_mqtt *client, enum state state, int64_t for_us)
{
    int64_t first_us = INT64_MAX;

    client->state = state;
    client->due_us = for_us == INT64_MAX ? INT64_MAX : selkie_clock_monotonic_us() + for_us;
    for (const struct selkie_mqtt *at = *selkie_mqtt_queue_clients(client->queue); at; at = at->next)
        if (at->due_us < first_us)
            first_us = at->due_us;
    selkie_mqtt_queue_wake_at(client->queue, first_us);
}

static const struct selkie_mqtt_uri *uri_of(const struct selkie_mqtt *client)
{
    return &client->settings.uris[client->uri];
}

static int64_t timeout_us(const struct selkie_mqtt *client)
{
    return (int64_t)client->settings.connect_timeout_s * SECOND_US;
}

/* Nothing of what is under way counts any longer: end the lookup, and Paho's attempt or connection. */
static void abandon(struct selkie_mqtt *client)
{
    selkie_resolver_abandon(client->lookup); /* its thread reads the number */
    client->lookup = NULL;
    client->attempt++;
    selkie_mqtt_paho_close(client->paho);
    client->paho = NULL;
}

static void end(struct selkie_mqtt *client, enum selkie_mqtt_event_kind kind)
{
    abandon(client);
    client->ending = kind;
    enter(client, ENDED, 0);
}

/* Keep the reason; the URI and the address stand before it where there is more than one. */
static void note(struct selkie_mqtt *client, const char *reason)
{
    char address[SELKIE_RESOLVER_TEXT_MAX] = "";
    const char *uri = client->settings.uri_count > 1 ? uri_of(client)->text : "";

    if (client->addresses.count > 1)
        selkie_resolver_format(address, &client->addresses.list[client->address]);
    selkie_connect_error_add(client->text, client->of_uri, uri, address, reason);
}

static void on_resolved(void *context, const struct selkie_resolver_addresses *addresses);

/* The address under way. False, with the reason noted, where the attempt cannot begin. */
static bool try_address(struct selkie_mqtt *client)
{
    const char *from_file = client->password[0] != '\0' ? client->password : NULL;
    const char *password = client->options.username ? client->options.password : from_file;
    char why[SELKIE_MQTT_TEXT_MAX];

    abandon(client);
    struct selkie_mqtt_event event = {.client = client, .context = client->context, .attempt = client->attempt};
    if (selkie_mqtt_paho_open(&client->paho, client->queue, &event, uri_of(client),
                              &client->addresses.list[client->address], &client->options, password, why) < 0) {
        note(client, why);
        return false;
    }
    enter(client, CONNECTING, timeout_us(client));
    return true;
}

/* The URI under way, from its first address. */
static bool try_uri(struct selkie_mqtt *client)
{
    abandon(client);
    client->of_uri = strlen(client->text);
    client->address = 0;
    if (selkie_resolver_numeric(&client->addresses, uri_of(client)->host))
        return try_address(client);
    int result = selkie_resolver_start(&client->lookup, uri_of(client)->host, on_resolved, client);
    if (result < 0) {
        note(client, result == SELKIE_EBUSY ? "the name server has not answered earlier look-ups yet"
                                            : selkie_error_text(result));
        return false;
    }
    enter(client, RESOLVING, timeout_us(client));
    return true;
}

/* What was tried failed, as was noted: go on with the next address, else with the next URI. */
static void try_next(struct selkie_mqtt *client, bool same_host)
{
    while (same_host && ++client->address < client->addresses.count)
        if (try_address(client))
            return;
    while (++client->uri < client->settings.uri_count) {
        if (try_uri(client))
            return;
    }
    end(client, client->refusal != 0 ? SELKIE_MQTT_REFUSED : SELKIE_MQTT_UNREACHABLE);
}

/* On the lookup's thread. The client lives: it abandons the lookup before it goes. */
static void on_resolved(void *context, const struct selkie_resolver_addresses *addresses)
{
    const struct selkie_mqtt *client = context;
    const struct selkie_mqtt_event event = {.kind = SELKIE_MQTT_RESOLVED,
                                            .client = context,
                                            .attempt = client->attempt,
                                            .payload = (const uint8_t *)addresses,
                                            .len = sizeof *addresses};

    (void)selkie_mqtt_queue_put(client->queue, &event);
}

static void take_addresses(struct selkie_mqtt *client, const struct selkie_mqtt_event *event)
{
    char why[SELKIE_MQTT_TEXT_MAX];

    memcpy(&client->addresses, event->payload, sizeof client->addresses);
    if (client->addresses.count == 0) {
        selkie_connect_error_unresolved(why, client->addresses.error);
        note(client, why);
    }
    if (client->addresses.count == 0 || !try_address(client))
        try_next(client, true);
}

static int begin(struct selkie_mqtt *client)
{
    const char *path = client->options.username ? NULL : client->settings.password_file;

    explicit_bzero(client->password, sizeof client->password); /* an attempt that was given up may have left one */
    client->uri = 0;
    client->refusal = 0;
    client->text[0] = '\0';
    if (path && selkie_mqtt_settings_password(client->password, path, client->text) < 0)
        return SELKIE_EIO;
    if (selkie_mqtt_settings_tls(&client->settings) && selkie_tls_files_check(&client->settings, client->text) < 0)
        return SELKIE_EIO;
    if (!try_uri(client))
        try_next(client, true);
    return 0;
}

static void on_deadline(struct selkie_mqtt *client)
{
    switch (client->state) {
    case RESOLVING:
        client->addresses.count = 0;
        note(client, "the name server does not answer");
        try_next(client, false);
        break;
    case CONNECTING:
        note(client, "no answer");
        try_next(client, true);
        break;
    case PAUSING:
        if (begin(client) < 0)
            end(client, SELKIE_MQTT_UNREACHABLE);
        break;
    case IDLE:
    case CONNECTED:
    case ENDED:
        break;
    }
}

/* Connecting is over: nothing is secret or due any longer. */
static void settle(struct selkie_mqtt *client, enum state state)
{
    unsigned pause_s = client->options.reconnect_s;

    explicit_bzero(client->password, sizeof client->password);
    if (state == PAUSING && pause_s > 0)
        enter(client, PAUSING, (int64_t)pause_s * SECOND_US);
    else
        enter(client, state == PAUSING ? IDLE : state, INT64_MAX);
}

/* The event that is due. Without memory it is tried again. */
static struct selkie_mqtt_event *report_end(struct selkie_mqtt *client)
{
    const struct selkie_mqtt_event event = {
        .kind = client->ending,
        .client = client,
        .context = client->context,
        .code = client->ending == SELKIE_MQTT_REFUSED ? client->refusal : 0,
        .text = client->ending == SELKIE_MQTT_LOST ? NULL : client->text,
    };

    selkie_connect_error_finish(client->text);
    struct selkie_mqtt_event *reported = selkie_mqtt_event_copy(&event);
    if (reported)
        settle(client, PAUSING);
    else
        enter(client, ENDED, SECOND_US);
    return reported;
}

/* Returns an event that is due; others follow in the next turn. */
static struct selkie_mqtt_event *look_at_deadlines(struct selkie_mqtt_queue *queue)
{
    int64_t now_us = selkie_clock_monotonic_us();
    struct selkie_mqtt_event *reported = NULL;

    if (now_us < selkie_mqtt_queue_due(queue))
        return NULL;
    for (struct selkie_mqtt *client = *selkie_mqtt_queue_clients(queue); client && !reported; client = client->next)
        if (client->due_us <= now_us && client->state == ENDED)
            reported = report_end(client);
        else if (client->due_us <= now_us)
            on_deadline(client);
    return reported;
}

/* There was no memory for an event. Had it been LOST, nothing else would end the state: other states have deadlines,
 * and so has what the owner waits for. */
static void look_for_losses(struct selkie_mqtt_queue *queue)
{
    for (struct selkie_mqtt *client = *selkie_mqtt_queue_clients(queue); client; client = client->next)
        if (client->state == CONNECTED && !selkie_mqtt_paho_is_connected(client->paho))
            end(client, SELKIE_MQTT_LOST);
}

/* What an event means for its client. False: it is not for the owner. */
static bool take_event(struct selkie_mqtt *client, const struct selkie_mqtt_event *event)
{
    if (event->attempt != client->attempt)
        return false;
    if (client->state == RESOLVING) {
        take_addresses(client, event);
        return false;
    }
    switch (event->kind) {
    case SELKIE_MQTT_CONNECTED:
        settle(client, CONNECTED);
        return true;
    case SELKIE_MQTT_REFUSED:
    case SELKIE_MQTT_UNREACHABLE:
        note(client, event->text ? event->text : selkie_mqtt_reason(event->code));
        if (event->kind == SELKIE_MQTT_REFUSED && client->refusal == 0)
            client->refusal = event->code;
        try_next(client, event->kind == SELKIE_MQTT_UNREACHABLE);
        return false;
    case SELKIE_MQTT_LOST:
        settle(client, PAUSING);
        return true;
    case SELKIE_MQTT_DISCONNECTED:
        settle(client, IDLE);
        return true;
    default:
        return true;
    }
}

struct selkie_mqtt_event *selkie_mqtt_take(struct selkie_mqtt_queue *queue)
{
    if (selkie_mqtt_queue_missed(queue))
        look_for_losses(queue);
    struct selkie_mqtt_event *event = look_at_deadlines(queue);
    while (!event && (event = selkie_mqtt_queue_pop(queue)) && !take_event(event->client, event)) {
        free(event);
        event = NULL;
    }
    return event;
}

int selkie_mqtt_open(struct selkie_mqtt **opened, struct selkie_mqtt_queue *queue, void *context)
{
    struct selkie_mqtt **clients = selkie_mqtt_queue_clients(queue);
    struct selkie_mqtt *client = calloc(1, sizeof *client);

    *opened = NULL;
    if (!client || selkie_mqtt_paho_keep(&client->keeper) < 0) {
        free(client);
        return SELKIE_ENOMEM;
    }
    client->queue = queue;
    client->context = context;
    client->due_us = INT64_MAX;
    client->next = *clients;
    *clients = client;
    *opened = client;
    return 0;
}

void selkie_mqtt_close(struct selkie_mqtt *client)
{
    if (!client)
        return;
    abandon(client);
    settle(client, IDLE);
    selkie_mqtt_paho_close(client->keeper);
    selkie_mqtt_queue_forget(client->queue, client);
    for (struct selkie_mqtt **link = selkie_mqtt_queue_clients(client->queue); *link; link = &(*link)->next)
        if (*link == client) {
            *link = client->next;
            break;
        }
    free(client);
}

int selkie_mqtt_connect(struct selkie_mqtt *client, const struct selkie_mqtt_options *options,
                        char why[static SELKIE_MQTT_TEXT_MAX])
{
    abandon(client);
    client->options = *options;
    client->settings = *options->settings;
    client->options.settings = &client->settings;
    if (begin(client) == 0)
        return 0;
    memcpy(why, client->text, sizeof client->text);
    settle(client, IDLE);
    return SELKIE_EIO;
}

bool selkie_mqtt_disconnect(struct selkie_mqtt *client, bool will)
{
    bool follows = client->state == CONNECTED && selkie_mqtt_paho_disconnect(client->paho, will);

    client->options.reconnect_s = 0;
    if (!follows) {
        abandon(client);
        settle(client, IDLE);
    }
    return follows;
}

bool selkie_mqtt_is_connected(const struct selkie_mqtt *client)
{
    return client && client->state == CONNECTED && selkie_mqtt_paho_is_connected(client->paho);
}

const char *selkie_mqtt_uri(const struct selkie_mqtt *client)
{
    return client->uri < client->settings.uri_count && client->state != RESOLVING && client->state != CONNECTING
               ? uri_of(client)->text
               : client->settings.name;
}

int selkie_mqtt_subscribe(struct selkie_mqtt *client, const char *filter, int qos)
{
    return client->state == CONNECTED ? selkie_mqtt_paho_subscribe(client->paho, filter, qos) : SELKIE_EIO;
}

int selkie_mqtt_publish(struct selkie_mqtt *client, const struct selkie_mqtt_message *message)
{
    return client->state == CONNECTED ? selkie_mqtt_paho_publish(client->paho, message) : SELKIE_EIO;
}

void selkie_mqtt_adopt(struct selkie_mqtt *client, const struct selkie_mqtt_settings *settings)
{
    client->settings = *settings;
}

const char *selkie_mqtt_reason(int code)
{
    const char *text = MQTTReasonCode_toString((enum MQTTReasonCodes)code);

    return text ? text : "no reason given";
}
