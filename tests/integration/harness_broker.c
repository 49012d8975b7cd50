/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include "harness_internal.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Debian keeps it where only root's PATH looks. */
static const char *mosquitto(void)
{
    return access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";
}

static const char *user(void)
{
    const struct passwd *entry =
        getpwuid(geteuid()); /* started as root, it would become "mosquitto" and lose the folder */

    return entry != NULL ? entry->pw_name : "root";
}

/* Mosquitto itself is built without sanitizers; a plugin built with them finds their runtime only where it is loaded
 * before everything else. Leaks are left to the unit tests: Mosquitto has its own. */
static const char *const *command(const char *config)
{
#ifdef SELKIE_SANITIZER_RUNTIME
    static char preload[600];
    const char *more = getenv("LD_PRELOAD");

    (void)snprintf(preload, sizeof preload, "LD_PRELOAD=%s%s%s", SELKIE_SANITIZER_RUNTIME, more != NULL ? ":" : "",
                   more != NULL ? more : "");
#endif
    static const char *argv[] = {
#ifdef SELKIE_SANITIZER_RUNTIME
        "/usr/bin/env",
        preload,
        "ASAN_OPTIONS=detect_leaks=0",
#endif
        NULL,
        "-c",
        NULL,
        NULL};
    size_t end = sizeof argv / sizeof argv[0] - 1;

    argv[end - 3] = mosquitto();
    argv[end - 1] = config;
    return argv;
}

static void start(struct harness_broker *broker)
{
    const char *const *argv = command(broker->config);

    if (broker->process == NULL)
        broker->process = harness_spawn("mosquitto", argv, false);
    else
        harness_respawn(broker->process, argv);
}

/* Whether it listens; false where another program has taken the port meanwhile. */
static bool wait_listening(struct harness_broker *broker)
{
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;

    while (!harness_tcp_serves(broker->port)) {
        if (harness_log_has(broker->process, "Address already in use")) {
            (void)harness_wait_exit(broker->process);
            return false;
        }
        ck_assert_msg(harness_alive(broker->process) && harness_now_ms() < limit, "Mosquitto does not start:\n%s",
                      harness_log_tail(broker->process));
        harness_breathe();
    }
    return true;
}

struct harness_broker *harness_broker_from(const char *config, int port)
{
    struct harness_broker *broker = harness_keep(sizeof *broker);

    broker->port = port;
    (void)snprintf(broker->uri, sizeof broker->uri, "mqtt://127.0.0.1:%d", port);
    broker->config = strdup(config);
    start(broker);
    ck_assert_msg(wait_listening(broker), "the port %d was taken", port);
    return broker;
}

struct harness_broker *harness_broker(const char *configuration)
{
    struct harness_broker *broker = harness_keep(sizeof *broker);

    for (int attempt = 0; attempt < 5; attempt++) {
        broker->port = harness_free_port();
        (void)snprintf(broker->uri, sizeof broker->uri, "mqtt://127.0.0.1:%d", broker->port);
        /* Its own lines go before the listener: some options only count there. */
        broker->config = strdup(
            harness_write("mosquitto.conf", 0600,
                          "user %s\nlog_dest stderr\nlog_type all\nallow_anonymous true\n%s\nlistener %d 127.0.0.1\n",
                          user(), configuration, broker->port));
        start(broker);
        if (wait_listening(broker))
            return broker;
        (void)unlink(broker->process->log);
    }
    ck_abort_msg("no free port for Mosquitto");
    return NULL;
}

void harness_broker_restart(struct harness_broker *broker)
{
    (void)rename(broker->process->log,
                 harness_path("mosquitto.log.1")); /* what the last run said does not count for this one */
    start(broker);
    ck_assert_msg(wait_listening(broker), "the port %d was taken over a restart", broker->port);
}

const char *harness_plugin_lines(const char *path)
{
    static char lines[600];

    (void)snprintf(lines, sizeof lines, "plugin %s\nplugin_opt_config_file %s\n",
                   harness_program("mosquitto_selkie.so"), path);
    return lines;
}

struct harness_broker *harness_broker_with_plugin(const char *configuration, const char *plugin_configuration)
{
    char all[4096];
    /* Few tests are about the wait for a reader of all payloads, and many read one device. */
    const char *wait = strstr(plugin_configuration, "\"replay_wait\"") ? "" : ",\"replay_wait\":0";
    const char *config = harness_write(
        "plugin.json", 0600, "{\"state_dir\":\"%s\",\"create\":true,\"keys\":[{\"id\":1,\"file\":\"%s\"}]%s%s%s}",
        harness_path("state"), harness_private_key(), wait, plugin_configuration[0] == '\0' ? "" : ",",
        plugin_configuration);

    (void)snprintf(all, sizeof all, "%s%s", harness_plugin_lines(config), configuration);
    return harness_broker(all);
}

int harness_broker_refuses(const char *configuration, char **log)
{
    const char *config =
        harness_write("refused.conf", 0600,
                      "user %s\nlog_dest stderr\nlog_type all\nallow_anonymous true\n%s\nlistener %d 127.0.0.1\n",
                      user(), configuration, harness_free_port());

    return harness_run("refused", command(config), log);
}
