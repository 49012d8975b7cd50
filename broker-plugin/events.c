/* SPDX-License-Identifier: Apache-2.0 */
/* Mosquitto's events, each passed to the part that it is for. Everything here runs on Mosquitto's one thread. */
#include "access.h"
#include "discovery_message.h"
#include "ingest.h"
#include "plugin.h"

#include <selkie/clock.h>

#include <mosquitto.h>
#include <syslog.h>

/* With per_listener_settings, Mosquitto 2.0 loads plugins and runs no tick for them: frames would go in, and nothing
 * would ever come out. Mosquitto reports no error, so the plugin checks: the first tick comes before the first client.
 */
static bool ticks_are_missing(struct selkie_plugin *plugin)
{
    if (plugin->has_tick)
        return false;
    if (!plugin->logged_no_ticks)
        selkie_plugin_log(LOG_ERR, "every frame is refused: Mosquitto runs no ticks for plugins; set "
                                   "\"per_listener_settings false\" in mosquitto.conf");
    plugin->logged_no_ticks = true;
    selkie_wakeup_done(plugin->wakeup); /* no tick will stop the timer */
    return true;
}

/* No registered gateway may have an administrator's name: the gateway's password would be the administrator's. */
static bool may_be_registered(const struct selkie_plugin *plugin, const char *user)
{
    return user && plugin->unsealer && !selkie_plugin_config_is_admin(plugin->config, user);
}

static bool is_registered(const void *context, const char *user)
{
    const struct selkie_plugin *plugin = context;

    return may_be_registered(plugin, user) && selkie_unsealer_gateway(plugin->unsealer, user) != SELKIE_GATEWAY_UNKNOWN;
}

static bool is_gateway(const struct selkie_plugin *plugin, const char *user)
{
    if (plugin->config->any_gateway)
        return user && plugin->unsealer;
    return is_registered(plugin, user);
}

/* Mosquitto asks no plugin about its own bridges. So a client about which it asks is not a bridge, whatever its ID. */
static bool poses_as_bridge(const struct selkie_plugin *plugin, const struct mosquitto *client)
{
    return selkie_plugin_config_is_bridge(plugin->config, mosquitto_client_id(client));
}

/* One of Mosquitto's own bridges: what comes from it is not on behalf of its user name (local_username), because the
 * other broker decides what that is. Every client has an address, also on a Unix socket; a bridge has none. */
static bool is_bridge(const struct mosquitto *client)
{
    return !mosquitto_client_address(client);
}

/* Payloads need not wait any more. Mosquitto asks before it subscribes, but it publishes nothing in between. */
static void note_reader(struct selkie_plugin *plugin, const struct selkie_access_request *subscription)
{
    if (plugin->has_reader || !selkie_access_covers_payloads(plugin->config, subscription))
        return;
    plugin->has_reader = true;
    if (plugin->unsealer)
        selkie_unsealer_reader(plugin->unsealer);
}

/* Whether what the broker has kept of a gateway may be one that nobody registered: of a trial, or behind a bridge. */
static bool has_strangers(const struct selkie_plugin *plugin)
{
    return plugin->config->any_gateway || plugin->config->bridge_count > 0;
}

/* What is retained may be of an earlier run, and not true any more. */
static bool may_read_now(const struct selkie_plugin *plugin, const struct mosquitto_evt_acl_check *check)
{
    struct selkie_topic topic;
    bool current;

    if (check->payloadlen == 0 || selkie_topic_parse(&topic, plugin->config->root, check->topic) < 0)
        return true;
    switch (topic.kind) {
    case SELKIE_TOPIC_DEVICE_STATE:
        return selkie_retained_is_current(plugin->retained, check->topic, check->payload, check->payloadlen);
    case SELKIE_TOPIC_DEVICE_VALUES:
        current = selkie_retained_values_are_current(plugin->values, topic.address);
        break;
    case SELKIE_TOPIC_MODEL:
        /* A model that is missing because its file is wrong may have retained values. */
        current = selkie_models_topic_has(&plugin->models, topic.model) || plugin->config->models_refused > 0;
        break;
    case SELKIE_TOPIC_GATEWAY_STATE:
    case SELKIE_TOPIC_GATEWAY_STATS:
        current = !plugin->unsealer || has_strangers(plugin) || is_registered(plugin, topic.gateway);
        if (current && plugin->unsealer && topic.kind == SELKIE_TOPIC_GATEWAY_STATE &&
            !is_registered(plugin, topic.gateway))
            return selkie_retained_is_stranger_current(plugin->retained, topic.gateway, check->payload,
                                                       check->payloadlen);
        break;
    default:
        return true;
    }
    if (!current)
        selkie_retained_clear(plugin->retained, check->topic);
    return current;
}

/* Whatever answers the question, also where it is switched off: what was retained then is nobody's. */
static bool is_outdated_discovery(const struct selkie_plugin *plugin, const struct mosquitto_evt_acl_check *check)
{
    return check->access == MOSQ_ACL_READ && check->payloadlen > 0 &&
           !selkie_discovery_is_current(plugin->discovery, check->topic, check->payload, check->payloadlen);
}

/* That a description is cleared is for whoever may read the device's state, also below a prefix that is no longer in
 * force: else Home Assistant would keep what is gone. */
static const char *topic_to_judge(const struct selkie_plugin *plugin, const struct mosquitto_evt_acl_check *check,
                                  char state[static SELKIE_TOPIC_MAX])
{
    uint8_t address[SELKIE_ADDRESS_SIZE];

    if (check->access == MOSQ_ACL_READ && check->payloadlen == 0 &&
        selkie_discovery_topic_parse(check->topic, NULL, address) &&
        selkie_topic_device(state, plugin->config->root, address, SELKIE_TOPIC_DEVICE_STATE) > 0)
        return state;
    return check->topic;
}

static int on_acl_check(int event, void *data, void *context)
{
    const struct mosquitto_evt_acl_check *check = data;
    struct selkie_plugin *plugin = context;
    const char *user = mosquitto_client_username(check->client);
    char state[SELKIE_TOPIC_MAX];
    struct selkie_access_request request = {.access = check->access,
                                            .topic = topic_to_judge(plugin, check, state),
                                            .retain = check->retain,
                                            .user = user,
                                            .is_gateway = is_gateway(plugin, user),
                                            .is_registered = is_registered(plugin, user)};

    (void)event;
    if (poses_as_bridge(plugin, check->client) || is_outdated_discovery(plugin, check))
        return MOSQ_ERR_ACL_DENIED;
    switch (selkie_access_decide(plugin->config, &request)) {
    case SELKIE_ACCESS_ALLOW:
        if (check->access == MOSQ_ACL_READ && !may_read_now(plugin, check))
            return MOSQ_ERR_ACL_DENIED;
        if (check->access == MOSQ_ACL_SUBSCRIBE)
            note_reader(plugin, &request);
        return MOSQ_ERR_SUCCESS;
    case SELKIE_ACCESS_DEFER:
        return MOSQ_ERR_PLUGIN_DEFER;
    default:
        return MOSQ_ERR_ACL_DENIED;
    }
}

static int on_basic_auth(int event, void *data, void *context)
{
    const struct mosquitto_evt_basic_auth *attempt = data;
    const struct selkie_plugin *plugin = context;

    (void)event;
    if (!plugin->unsealer || poses_as_bridge(plugin, attempt->client) ||
        !selkie_access_may_use_id(plugin->config->root, mosquitto_client_id(attempt->client), attempt->username,
                                  is_registered, plugin))
        return MOSQ_ERR_AUTH;
    if (!may_be_registered(plugin, attempt->username))
        return MOSQ_ERR_PLUGIN_DEFER;
    return selkie_access_authenticate(plugin->unsealer, attempt);
}

static int on_message(int event, void *data, void *context)
{
    struct mosquitto_evt_message *message = data;
    struct selkie_plugin *plugin = context;
    struct selkie_access_publisher publisher = {.user = NULL};
    uint8_t address[SELKIE_ADDRESS_SIZE];

    (void)event;
    if (!plugin->unsealer || ticks_are_missing(plugin) ||
        selkie_discovery_owns(plugin->discovery, message->topic, address))
        return MOSQ_ERR_ACL_DENIED;
    if (is_bridge(message->client)) {
        publisher.is_bridge = selkie_plugin_config_is_bridge(plugin->config, mosquitto_client_id(message->client));
    } else {
        publisher.user = mosquitto_client_username(message->client);
        publisher.is_gateway = is_gateway(plugin, publisher.user);
    }
    if (!selkie_ingest_message(plugin->unsealer, plugin->retained, plugin->config->root, &publisher, message))
        return MOSQ_ERR_ACL_DENIED;
    selkie_discovery_hear(plugin->discovery, message->topic, message->payload, message->payloadlen);
    return MOSQ_ERR_SUCCESS;
}

static int on_control(int event, void *data, void *context)
{
    const struct mosquitto_evt_control *message = data;
    const struct selkie_plugin *plugin = context;

    (void)event;
    if (plugin->unsealer && !is_bridge(message->client))
        selkie_control_ask(plugin->control, plugin->unsealer, plugin->config, message);
    return MOSQ_ERR_SUCCESS;
}

static int on_disconnect(int event, void *data, void *context)
{
    const struct mosquitto_evt_disconnect *disconnect = data;
    const struct selkie_plugin *plugin = context;

    (void)event;
    selkie_control_forget(plugin->control, mosquitto_client_id(disconnect->client));
    selkie_discovery_note_disconnect(plugin->discovery, mosquitto_client_username(disconnect->client));
    return MOSQ_ERR_SUCCESS;
}

static int on_tick(int event, void *data, void *context)
{
    struct selkie_plugin *plugin = context;

    (void)event;
    (void)data;
    plugin->has_tick = true;
    selkie_retained_turn(plugin->retained);
    selkie_shown_turn(plugin->shown, selkie_clock_monotonic_us());
    selkie_wakeup_done(plugin->wakeup);
    if (plugin->unsealer) {
        selkie_models_topic_turn(&plugin->models, plugin->config->root);
        selkie_stats_topic_turn(&plugin->stats, plugin->unsealer, plugin->config->root);
        if (selkie_deliver_turn(plugin->deliver))
            selkie_wakeup_request(plugin->wakeup);
    }
    selkie_retained_values_turn(plugin->values);
    selkie_discovery_turn(plugin->discovery, selkie_clock_monotonic_us());
    selkie_shown_flush(plugin->shown);
    selkie_log_queue_flush(plugin->log_queue);
    return MOSQ_ERR_SUCCESS;
}

/* SIGHUP: read the file again. If it is wrong, the previous configuration stays in force. */
static int on_reload(int event, void *data, void *context)
{
    struct selkie_plugin *plugin = context;

    (void)event;
    (void)data;
    if (plugin->unsealer)
        selkie_plugin_reload(plugin);
    return MOSQ_ERR_PLUGIN_DEFER; /* other plugins reload too */
}

static int callback_register(struct selkie_plugin *plugin, int event, MOSQ_FUNC_generic_callback callback,
                             const char *topic)
{
    int result = mosquitto_callback_register(plugin->id, event, callback, topic, plugin);

    if (result != MOSQ_ERR_SUCCESS)
        selkie_plugin_log(LOG_ERR, "cannot register for Mosquitto's event %d: %s", event, mosquitto_strerror(result));
    return result;
}

/* With a plugin that listens to basic authentication, Mosquitto refuses unknown user names. That is right, unless any
 * gateway may connect. */
int selkie_plugin_events_follow_config(struct selkie_plugin *plugin)
{
    bool wanted = !plugin->config->any_gateway;

    if (wanted == plugin->has_auth)
        return MOSQ_ERR_SUCCESS;
    int result = wanted ? callback_register(plugin, MOSQ_EVT_BASIC_AUTH, on_basic_auth, NULL)
                        : mosquitto_callback_unregister(plugin->id, MOSQ_EVT_BASIC_AUTH, on_basic_auth, NULL);
    if (result == MOSQ_ERR_SUCCESS)
        plugin->has_auth = wanted;
    return result;
}

/* Mosquitto's functions for events. They are registered once: a plugin that registers again comes behind all other
 * plugins, and the first answer wins. */
static const struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
    const char *topic;
} callbacks[] = {
    {MOSQ_EVT_ACL_CHECK, on_acl_check, NULL},
    {MOSQ_EVT_MESSAGE, on_message, NULL},
    {MOSQ_EVT_CONTROL, on_control, SELKIE_TOPIC_CONTROL},
    {MOSQ_EVT_DISCONNECT, on_disconnect, NULL},
    {MOSQ_EVT_TICK, on_tick, NULL},
    {MOSQ_EVT_RELOAD, on_reload, NULL},
};

#define CALLBACK_COUNT (sizeof callbacks / sizeof callbacks[0])

void selkie_plugin_events_unregister(struct selkie_plugin *plugin)
{
    for (size_t i = 0; i < CALLBACK_COUNT; i++)
        (void)mosquitto_callback_unregister(plugin->id, callbacks[i].event, callbacks[i].callback, callbacks[i].topic);
    if (plugin->has_auth)
        (void)mosquitto_callback_unregister(plugin->id, MOSQ_EVT_BASIC_AUTH, on_basic_auth, NULL);
}

int selkie_plugin_events_register(struct selkie_plugin *plugin)
{
    for (size_t i = 0; i < CALLBACK_COUNT; i++) {
        int result = callback_register(plugin, callbacks[i].event, callbacks[i].callback, callbacks[i].topic);
        if (result != MOSQ_ERR_SUCCESS)
            return result;
    }
    return selkie_plugin_events_follow_config(plugin);
}
