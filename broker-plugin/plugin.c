/* SPDX-License-Identifier: Apache-2.0 */
/* mosquitto_selkie.so: Mosquitto's events on one side, the unsealer on the other. Everything here runs on Mosquitto's
 * one thread. */
#include "access.h"
#include "control.h"
#include "deliver.h"
#include "ingest.h"
#include "log_queue.h"
#include "plugin_config.h"
#include "stats_topic.h"
#include "wakeup.h"

#include <selkie/clock.h>
#include <selkie/topic.h>

#include <errno.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <syslog.h>

struct selkie_plugin {
    mosquitto_plugin_id_t *id;
    char *config_path;
    struct selkie_log_queue *log_queue;
    struct selkie_wakeup *wakeup;
    struct selkie_control *control;
    struct selkie_stats_topic stats;
    struct selkie_plugin_config *config;
    struct selkie_unsealer *unsealer; /* NULL after a reload that failed for good: then every message is refused */
    struct selkie_deliver *deliver;
    int64_t started_us; /* monotonic */
    bool has_reader;    /* somebody has subscribed to the payloads since */
    int dumpable;       /* as it was before */
    bool has_auth;      /* on_basic_auth is registered */
    bool has_tick;      /* Mosquitto's ticks come */
    bool logged_no_ticks;
};

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

static int on_acl_check(int event, void *data, void *context)
{
    const struct mosquitto_evt_acl_check *check = data;
    struct selkie_plugin *plugin = context;
    const char *user = mosquitto_client_username(check->client);
    struct selkie_access_request request = {.access = check->access,
                                            .topic = check->topic,
                                            .retain = check->retain,
                                            .user = user,
                                            .is_gateway = is_gateway(plugin, user),
                                            .is_registered = is_registered(plugin, user)};

    (void)event;
    if (poses_as_bridge(plugin, check->client))
        return MOSQ_ERR_ACL_DENIED;
    switch (selkie_access_decide(plugin->config, &request)) {
    case SELKIE_ACCESS_ALLOW:
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

    (void)event;
    if (!plugin->unsealer || ticks_are_missing(plugin))
        return MOSQ_ERR_ACL_DENIED;
    if (is_bridge(message->client)) {
        publisher.is_bridge = selkie_plugin_config_is_bridge(plugin->config, mosquitto_client_id(message->client));
    } else {
        publisher.user = mosquitto_client_username(message->client);
        publisher.is_gateway = is_gateway(plugin, publisher.user);
    }
    return selkie_ingest_message(plugin->unsealer, plugin->config->root, &publisher, message) ? MOSQ_ERR_SUCCESS
                                                                                              : MOSQ_ERR_ACL_DENIED;
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
    return MOSQ_ERR_SUCCESS;
}

static int on_tick(int event, void *data, void *context)
{
    struct selkie_plugin *plugin = context;

    (void)event;
    (void)data;
    plugin->has_tick = true;
    selkie_wakeup_done(plugin->wakeup);
    if (plugin->unsealer) {
        selkie_stats_topic_turn(&plugin->stats, plugin->unsealer, plugin->config->root);
        if (selkie_deliver_turn(plugin->deliver))
            selkie_wakeup_request(plugin->wakeup);
    }
    selkie_log_queue_flush(plugin->log_queue);
    return MOSQ_ERR_SUCCESS;
}

static void on_outputs(void *context)
{
    selkie_wakeup_request(context);
}

static void pipeline_close(struct selkie_plugin *plugin)
{
    selkie_deliver_close(plugin->deliver);
    plugin->deliver = NULL;
    selkie_unsealer_close(plugin->unsealer);
    plugin->unsealer = NULL;
}

/* What is left of the wait: a reload does not begin it again. */
static unsigned replay_wait_ms(const struct selkie_plugin *plugin)
{
    int64_t left_ms =
        (int64_t)plugin->config->replay_wait_s * 1000 - (selkie_clock_monotonic_us() - plugin->started_us) / 1000;
    return plugin->has_reader || left_ms < 0 ? 0 : (unsigned)left_ms;
}

static int pipeline_open(struct selkie_plugin *plugin)
{
    char error[SELKIE_UNSEALER_ERROR_SIZE];
    struct selkie_plugin_config *config = plugin->config;
    struct selkie_unsealer_options options = {.state_dir = config->state_dir,
                                              .keyring = config->keyring,
                                              .workers = config->workers,
                                              .enrolment = config->enrolment,
                                              .rebind = config->rebind,
                                              .silent_after_s = config->silent_after_s,
                                              .replay_wait_ms = replay_wait_ms(plugin),
                                              .max_devices = config->max_devices,
                                              .forget_after_days = config->forget_after_days,
                                              .wake = on_outputs,
                                              .wake_context = plugin->wakeup,
                                              .log = selkie_log_queue_write,
                                              .log_context = plugin->log_queue};

    int result = selkie_unsealer_open(&plugin->unsealer, &options, error);
    if (result < 0) {
        selkie_plugin_log(LOG_ERR, "%s",
                          result == SELKIE_ENOMEM ? error : selkie_plugin_config_reject_state_dir(config, error));
        return SELKIE_ECONFIG;
    }
    if (selkie_deliver_open(&plugin->deliver, plugin->unsealer, plugin->control, config->root) < 0) {
        selkie_plugin_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        pipeline_close(plugin);
        return SELKIE_ENOMEM;
    }
    return 0;
}

static int config_open(struct selkie_plugin_config **config, const char *path)
{
    char error[SELKIE_PLUGIN_CONFIG_ERROR_SIZE];
    int result = selkie_plugin_config_open(config, path, error);

    if (result < 0) {
        selkie_plugin_log(LOG_ERR, "%s", error);
        return result;
    }
    if ((*config)->any_gateway && (*config)->admin_count > 0)
        selkie_plugin_log(LOG_WARNING, "gateways: \"any\" is for trials: unless Mosquitto itself checks users "
                                       "(password_file), anybody may connect with an administrator's name");
    return result;
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
static int auth_follow_config(struct selkie_plugin *plugin)
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

/* Change to another configuration. What is decided but not published comes out of the outbox. Frames without a decision
 * have no receipt, so their gateways send them again. If neither the new nor the previous configuration opens, every
 * message is refused until Mosquitto has stopped. */
static int pipeline_change(struct selkie_plugin *plugin, struct selkie_plugin_config *next)
{
    struct selkie_plugin_config *previous = plugin->config;
    int result;

    selkie_deliver_confirm(plugin->deliver);
    pipeline_close(plugin);
    plugin->config = next;
    result = pipeline_open(plugin);
    if (result < 0) {
        plugin->config = previous;
        previous = next;
        if (pipeline_open(plugin) < 0) {
            selkie_plugin_log(
                LOG_ERR, "neither the new nor the previous configuration can open the registry; stopping Mosquitto");
            (void)raise(SIGTERM);
        }
    }
    if (plugin->unsealer)
        selkie_control_abandon(plugin->control, plugin->unsealer, plugin->config->root);
    selkie_plugin_config_close(previous);
    return result;
}

/* SIGHUP: read the file again. If it is wrong, the previous configuration stays in force. */
static int on_reload(int event, void *data, void *context)
{
    struct selkie_plugin *plugin = context;
    struct selkie_plugin_config *next = NULL;
    bool taken = false;

    (void)event;
    (void)data;
    if (!plugin->unsealer)
        return MOSQ_ERR_PLUGIN_DEFER;
    if (config_open(&next, plugin->config_path) == 0) {
        if (strcmp(next->root, plugin->config->root) == 0 && strcmp(next->state_dir, plugin->config->state_dir) == 0) {
            taken = pipeline_change(plugin, next) == 0;
            if (auth_follow_config(plugin) != MOSQ_ERR_SUCCESS)
                (void)raise(SIGTERM);
        } else {
            selkie_plugin_log(LOG_ERR, "%s: root and state_dir cannot change on a reload; restart Mosquitto",
                              plugin->config_path);
            selkie_plugin_config_close(next);
        }
    }
    if (taken)
        selkie_plugin_log(LOG_NOTICE, "%s: reloaded", plugin->config_path);
    else
        selkie_plugin_log(LOG_ERR, "%s: not reloaded; the previous configuration stays in force", plugin->config_path);
    return MOSQ_ERR_PLUGIN_DEFER; /* other plugins reload too */
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

static void callbacks_unregister(struct selkie_plugin *plugin)
{
    for (size_t i = 0; i < CALLBACK_COUNT; i++)
        (void)mosquitto_callback_unregister(plugin->id, callbacks[i].event, callbacks[i].callback, callbacks[i].topic);
    if (plugin->has_auth)
        (void)mosquitto_callback_unregister(plugin->id, MOSQ_EVT_BASIC_AUTH, on_basic_auth, NULL);
}

static int callbacks_register(struct selkie_plugin *plugin)
{
    for (size_t i = 0; i < CALLBACK_COUNT; i++) {
        int result = callback_register(plugin, callbacks[i].event, callbacks[i].callback, callbacks[i].topic);
        if (result != MOSQ_ERR_SUCCESS)
            return result;
    }
    return auth_follow_config(plugin);
}

static void plugin_close(struct selkie_plugin *plugin)
{
    callbacks_unregister(plugin);
    pipeline_close(plugin);
    selkie_plugin_config_close(plugin->config);
    selkie_control_close(plugin->control);
    selkie_wakeup_close(plugin->wakeup);
    selkie_log_queue_close(plugin->log_queue);
    (void)prctl(PR_SET_DUMPABLE, plugin->dumpable);
    free(plugin->config_path);
    free(plugin);
}

static int plugin_open(struct selkie_plugin *plugin)
{
    /* From here on this process holds private keys: no core dumps. */
    plugin->dumpable = prctl(PR_GET_DUMPABLE);
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (selkie_log_queue_open(&plugin->log_queue) < 0 || selkie_control_open(&plugin->control) < 0)
        return MOSQ_ERR_NOMEM;
    if (selkie_wakeup_open(&plugin->wakeup) < 0) {
        selkie_plugin_log(LOG_ERR, "cannot create a timer that wakes Mosquitto: %s", strerror(errno));
        return MOSQ_ERR_ERRNO;
    }
    if (config_open(&plugin->config, plugin->config_path) < 0 || pipeline_open(plugin) < 0)
        return MOSQ_ERR_INVAL;
    return callbacks_register(plugin);
}

static const char *find_option(const struct mosquitto_opt *options, int count, const char *key)
{
    for (int i = 0; i < count; i++)
        if (strcmp(options[i].key, key) == 0)
            return options[i].value;
    return NULL;
}

__attribute__((visibility("default"))) int mosquitto_plugin_version(int count, const int *versions)
{
    for (int i = 0; i < count; i++)
        if (versions[i] == MOSQ_PLUGIN_VERSION)
            return MOSQ_PLUGIN_VERSION;
    return -1;
}

__attribute__((visibility("default"))) int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **user_data,
                                                                 struct mosquitto_opt *options, int option_count)
{
    const char *path = find_option(options, option_count, "config_file");
    struct selkie_plugin *plugin;

    if (!path) {
        selkie_plugin_log(LOG_ERR, "mosquitto.conf: plugin_opt_config_file is required");
        return MOSQ_ERR_INVAL;
    }
    plugin = calloc(1, sizeof *plugin);
    if (!plugin || !(plugin->config_path = strdup(path))) {
        free(plugin);
        return MOSQ_ERR_NOMEM;
    }
    plugin->id = id;
    plugin->started_us = selkie_clock_monotonic_us();
    int result = plugin_open(plugin);
    if (result != MOSQ_ERR_SUCCESS) {
        plugin_close(plugin);
        return result;
    }
    selkie_plugin_log(LOG_NOTICE, "ready: version " SELKIE_VERSION ", %u keys, state in %s",
                      selkie_keyring_count(plugin->config->keyring), plugin->config->state_dir);
    *user_data = plugin;
    return MOSQ_ERR_SUCCESS;
}

__attribute__((visibility("default"))) int mosquitto_plugin_cleanup(void *user_data, struct mosquitto_opt *options,
                                                                    int option_count)
{
    (void)options;
    (void)option_count;
    plugin_close(user_data);
    return MOSQ_ERR_SUCCESS;
}
