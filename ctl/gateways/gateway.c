/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl gateway add, reset-password and remove. */
#include "control_client.h"
#include "ctl_config.h"
#include "ctl_text.h"
#include "print.h"

#include <selkie/topic.h>
#include <stdio.h>
#include <string.h>

#define RESET "gateway reset-password"

/* A first configuration for selkie-gateway. */
static json_t *gateway_config(const struct selkie_ctl_config *config, const char *name, bool certificate)
{
    json_t *uris = ctl_json_must(json_array()), *broker = ctl_json_must(json_object());
    for (size_t i = 0; i < config->broker.uri_count; i++)
        ctl_json_append_take(uris, json_string(config->broker.uris[i].text));
    ctl_json_set(broker, "uri", json_array_size(uris) == 1 ? json_array_get(uris, 0) : uris);
    json_decref(uris);
    if (config->broker.ca)
        ctl_json_set_take(broker, "ca", ctl_json_text(config->broker.ca, strlen(config->broker.ca)));
    if (certificate) {
        ctl_json_set_take(broker, "cert", json_string("/etc/selkie/gateway.cert.pem"));
        ctl_json_set_take(broker, "key", json_string("/etc/selkie/gateway.key.pem"));
    } else {
        ctl_json_set_take(broker, "username", json_string(name));
        ctl_json_set_take(broker, "password_file", json_string("/etc/selkie/gateway.password"));
    }
    return ctl_json_pack("{s:s, s:s, s:o, s:[{s:s, s:i}], s:{s:s}}", "root", config->root, "gateway", name, "broker",
                         broker, "serial", "device", "/dev/ttyUSB0", "baud", 9600, "spool", "path",
                         "/var/lib/selkie/spool.db");
}

static void print_password(const char *password)
{
    printf(
        "password  %s\n\nThe password is shown only this once. Write it into /etc/selkie/gateway.password (mode 0640)"
        "\non the gateway",
        password);
}

static void print_added(const json_t *data)
{
    const char *password = json_string_value(json_object_get(data, "password"));
    json_t *config = json_object_get(data, "config");
    if (password) {
        print_password(password);
        printf(", and this, with the right serial line, into /etc/selkie/gateway.json:\n\n");
    } else
        printf("The gateway must use a certificate whose common name is its name. Write this, with the right serial\n"
               "line, into /etc/selkie/gateway.json on the gateway:\n\n");
    ctl_print(config, true);
}

enum ctl_exit ctl_gateway_name_fault(const char *text)
{
    ctl_fail("'%s' is not a gateway's name: a name has 1 to %d letters, digits, '-', '_' or '.'", text,
             SELKIE_GATEWAY_NAME_MAX);
    return CTL_USAGE;
}

enum ctl_exit ctl_gateway_add(const struct ctl_options *options, const struct ctl_command *command)
{
    const char *name = options->args[0];
    struct selkie_control_client *control;
    if (!selkie_gateway_name_valid(name))
        return ctl_gateway_name_fault(name);
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE)
        return result;
    json_t *data = selkie_control_client_ask_take(
        control, ctl_json_pack("{s:s, s:s, s:s}", "command", command->control, "gateway", name, "auth",
                               options->certificate ? "certificate" : "password"));
    if (data) {
        ctl_json_set_take(data, "config",
                          gateway_config(selkie_control_client_config(control), name, options->certificate));
        if (options->json)
            ctl_print(data, true);
        else
            print_added(data);
    }
    selkie_control_client_close(control);
    json_decref(data);
    return !data ? CTL_FAILED : options->certificate ? CTL_DONE : ctl_print_secured("password", name, RESET, "");
}

static void print_reset(json_t *data, const void *name)
{
    print_password(json_string_value(json_object_get(data, "password")));
    printf(", and restart it there. %s is disconnected: the old password ended with this command.\n",
           (const char *)name);
}

enum ctl_exit ctl_gateway_reset_password(const struct ctl_options *options, const struct ctl_command *command)
{
    const char *name = options->args[0];
    if (!selkie_gateway_name_valid(name))
        return ctl_gateway_name_fault(name);
    enum ctl_exit result = selkie_control_client_print_take(
        options, ctl_json_pack("{s:s, s:s}", "command", command->control, "gateway", name), print_reset, name);
    return result == CTL_DONE ? ctl_print_secured("password", name, RESET, "") : result;
}

static void print_removed(json_t *data, const void *name)
{
    (void)data;
    printf("%s removed\n", (const char *)name);
}

enum ctl_exit ctl_gateway_remove(const struct ctl_options *options, const struct ctl_command *command)
{
    const char *name = options->args[0];
    if (!selkie_gateway_name_valid(name))
        return ctl_gateway_name_fault(name);
    return selkie_control_client_print_take(
        options, ctl_json_pack("{s:s, s:s}", "command", command->control, "gateway", name), print_removed, name);
}
