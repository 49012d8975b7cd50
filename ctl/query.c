/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that ask the plugin one thing and print it: gateway list, key list, stats. */
#include "control.h"
#include "print.h"
#include "table.h"

static enum ctl_exit list(const struct ctl_options *options, const struct ctl_command *command, const char *field,
                          const struct ctl_column *columns, size_t count)
{
    json_t *data;
    enum ctl_exit result = ctl_control_once_take(&data, options, json_pack("{s:s}", "command", command->control));
    if (result != CTL_DONE)
        return result;
    if (options->json)
        ctl_print(data, true);
    else
        ctl_table_print(columns, count, json_object_get(data, field));
    json_decref(data);
    return CTL_DONE;
}

enum ctl_exit ctl_gateway_list(const struct ctl_options *options, const struct ctl_command *command)
{
    static const struct ctl_column columns[] = {
        {"GATEWAY", "gateway", CTL_TEXT},
        {"AUTH", "auth", CTL_TEXT},
        {"ADDED", "added", CTL_TIME},
    };
    return list(options, command, "gateways", columns, sizeof columns / sizeof columns[0]);
}

enum ctl_exit ctl_key_list(const struct ctl_options *options, const struct ctl_command *command)
{
    static const struct ctl_column columns[] = {
        {"KEY", "id", CTL_NUMBER},
        {"PROVIDER", "provider", CTL_TEXT},
        {"BITS", "bits", CTL_NUMBER},
        {"DEVICES", "bindings", CTL_NUMBER},
    };
    return list(options, command, "keys", columns, sizeof columns / sizeof columns[0]);
}

enum ctl_exit ctl_stats(const struct ctl_options *options, const struct ctl_command *command)
{
    json_t *data;
    enum ctl_exit result = ctl_control_once_take(&data, options, json_pack("{s:s}", "command", command->control));
    if (result != CTL_DONE)
        return result;
    ctl_print(data, options->json);
    json_decref(data);
    return CTL_DONE;
}
