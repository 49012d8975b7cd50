/* SPDX-License-Identifier: Apache-2.0 */
/* mosquitto_selkie.so: Mosquitto's events on one side, the unsealer on the other. This is its start, its reload and its
 * end; events.c is what happens in between. Everything here runs on Mosquitto's one thread. */
#include "plugin.h"

#include <selkie/clock.h>
#include <selkie/file.h>

#include <errno.h>
#include <limits.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <syslog.h>
#include <unistd.h>

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

/* What is left of a wait since the start: a reload does not begin it again. */
static unsigned left_ms(const struct selkie_plugin *plugin, int64_t wait_ms)
{
    int64_t left = wait_ms - (selkie_clock_monotonic_us() - plugin->started_us) / 1000;

    return left < 0 ? 0 : (unsigned)left;
}

static int deliver_open(struct selkie_plugin *plugin)
{
    const struct selkie_deliver_parts parts = {.unsealer = plugin->unsealer,
                                               .control = plugin->control,
                                               .retained = plugin->retained,
                                               .values = plugin->values,
                                               .discovery = plugin->discovery,
                                               .root = plugin->config->root};

    return selkie_deliver_open(&plugin->deliver, &parts);
}

static int pipeline_open(struct selkie_plugin *plugin)
{
    char error[SELKIE_UNSEALER_ERROR_SIZE];
    struct selkie_plugin_config *config = plugin->config;
    struct selkie_unsealer_options options = {
        .state_dir = config->state_dir,
        .create = config->create,
        .keyring = config->keyring,
        .models = config->models,
        .models_refused = config->models_refused,
        .workers = config->workers,
        .enrolment = config->enrolment,
        .rebind = config->rebind,
        .silent_after_s = config->silent_after_s,
        .replay_wait_ms = plugin->has_reader ? 0 : left_ms(plugin, config->replay_wait_s * 1000LL),
        .max_devices = config->max_devices,
        .forget_after_days = config->forget_after_days,
        /* With other models: states say which one a device has. And what could not be judged before now can. */
        .refresh = selkie_models_topic_differs(&plugin->models, config->models) ||
                   (selkie_shown_misses_models(plugin->shown) && config->models_refused == 0) ||
                   !selkie_retained_is_refreshed(plugin->retained) ||
                   selkie_discovery_needs_states(plugin->discovery, config->discovery_prefix, config->approve_button),
        .gateways_wait_ms = left_ms(plugin, SELKIE_RETAINED_GATEWAYS_WAIT_MS) + 1,
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
    if (deliver_open(plugin) < 0) {
        selkie_plugin_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        pipeline_close(plugin);
        return SELKIE_ENOMEM;
    }
    return 0;
}

/* The pipeline is open: what readers are shown follows the configuration. Without memory the models' descriptions stay
 * as they are. */
static void show_config(struct selkie_plugin *plugin)
{
    const struct selkie_plugin_config *config = plugin->config;

    if (selkie_models_topic_set(&plugin->models, config->models) == SELKIE_ENOMEM)
        selkie_plugin_log(LOG_ERR, "cannot describe the models: %s", selkie_error_text(SELKIE_ENOMEM));
    selkie_retained_values_change_models(plugin->values);
    selkie_shown_set_models(plugin->shown, config->models, config->models_refused > 0);
    selkie_discovery_configure(plugin->discovery, config->discovery_prefix, config->approve_button, config->models);
}

static void log_refused(void *context, const char *line)
{
    (void)context;
    selkie_plugin_log(LOG_ERR, "model refused: %s", line);
}

/* `before`: the configuration until now, or NULL. */
static int config_open(struct selkie_plugin_config **config, const char *path,
                       const struct selkie_plugin_config *before)
{
    char error[SELKIE_PLUGIN_CONFIG_ERROR_SIZE];
    int result = selkie_plugin_config_open(config, path, error);

    if (result < 0) {
        selkie_plugin_log(LOG_ERR, "%s", error);
        return result;
    }
    result = selkie_plugin_config_read_models(*config, before ? before->models : NULL, log_refused, NULL);
    if (result < 0) {
        selkie_plugin_log(LOG_ERR, "%s: models_dir: %s", path, selkie_error_text(result));
        selkie_plugin_config_close(*config);
        *config = NULL;
        return result;
    }
    if ((*config)->create)
        selkie_plugin_log(LOG_WARNING,
                          "\"create\": true is for the first start: remove it, or a start without the volume "
                          "of state_dir begins with an empty registry");
    char writer[SELKIE_FILE_WRITER_MAX], ledger[PATH_MAX];
    if (selkie_file_find_writer(path, writer))
        selkie_plugin_log(LOG_WARNING, "configuration %s", writer);
    (void)snprintf(ledger, sizeof ledger, "%s/registry.db", (*config)->state_dir);
    if (selkie_file_find_writer(ledger, writer))
        selkie_plugin_log(LOG_WARNING, "state_dir %s", writer);
    if ((*config)->any_gateway && (*config)->admin_count > 0)
        selkie_plugin_log(LOG_WARNING, "gateways: \"any\" is for trials: unless Mosquitto itself checks users "
                                       "(password_file), anybody may connect with an administrator's name");
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
    if (result == 0) {
        show_config(plugin);
    } else {
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

void selkie_plugin_reload(struct selkie_plugin *plugin)
{
    struct selkie_plugin_config *next = NULL;
    bool taken = false;

    if (config_open(&next, plugin->config_path, plugin->config) == 0) {
        if (strcmp(next->root, plugin->config->root) == 0 && strcmp(next->state_dir, plugin->config->state_dir) == 0) {
            taken = pipeline_change(plugin, next) == 0;
            if (selkie_plugin_events_follow_config(plugin) != MOSQ_ERR_SUCCESS)
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
}

static void plugin_close(struct selkie_plugin *plugin)
{
    selkie_plugin_events_unregister(plugin);
    selkie_shown_close(plugin->shown); /* while no other broker can have opened the folder */
    pipeline_close(plugin);
    selkie_plugin_config_close(plugin->config);
    selkie_control_close(plugin->control);
    selkie_models_topic_wipe(&plugin->models);
    selkie_discovery_close(plugin->discovery);
    selkie_retained_close(plugin->retained);
    selkie_retained_values_close(plugin->values);
    selkie_wakeup_close(plugin->wakeup);
    selkie_log_queue_close(plugin->log_queue);
    (void)prctl(PR_SET_DUMPABLE, plugin->dumpable);
    free(plugin->config_path);
    free(plugin);
}

static bool has_registry(const struct selkie_plugin *plugin)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/registry.db", plugin->config->state_dir);
    return access(path, F_OK) == 0 || errno != ENOENT;
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
    if (config_open(&plugin->config, plugin->config_path, NULL) < 0)
        return MOSQ_ERR_INVAL;
    if (selkie_shown_open(&plugin->shown) < 0 || selkie_retained_open(&plugin->retained, plugin->config->root) < 0 ||
        selkie_discovery_open(&plugin->discovery, plugin->config->root, plugin->retained, plugin->shown) < 0 ||
        selkie_retained_values_open(&plugin->values, plugin->config->root, plugin->shown) < 0)
        return MOSQ_ERR_NOMEM;
    bool is_new = !has_registry(plugin);
    if (pipeline_open(plugin) < 0)
        return MOSQ_ERR_INVAL;
    if (selkie_shown_load(plugin->shown, plugin->config->state_dir, is_new) < 0)
        return MOSQ_ERR_NOMEM;
    show_config(plugin);
    return selkie_plugin_events_register(plugin);
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
