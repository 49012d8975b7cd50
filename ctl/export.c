/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl device export: every device as a row of CSV, or as JSON, page by page. Claims never come back. */
#include "csv.h"
#include "ctl_devices.h"
#include "print.h"

#include <stdio.h>

const char *const ctl_export_columns[] = {"address", "name",   "status",     "id",        "counter", "received", "lost",
                                          "form",    "key_id", "first_seen", "last_seen", "gateway", "firmware", NULL};

static enum ctl_exit write_row(json_t *device, void *context)
{
    (void)context;
    json_t *flat = ctl_device_flat(device);
    for (size_t i = 0; ctl_export_columns[i]; i++) {
        char text[CTL_CELL_SIZE];
        const json_t *value = json_object_get(flat, ctl_export_columns[i]);
        if (i != 0)
            putchar(',');
        if (json_is_string(value))
            ctl_csv_write(stdout, json_string_value(value));
        else if (json_is_number(value))
            fputs(ctl_table_cell(text, value, CTL_NUMBER), stdout);
    }
    putchar('\n');
    json_decref(flat);
    return CTL_DONE;
}

/* One device a line, so that a machine need not hold them all. */
static enum ctl_exit write_json(json_t *device, void *context)
{
    (void)context;
    if (json_dumpf(device, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0)
        return ctl_fail("cannot write the result");
    putchar('\n');
    return CTL_DONE;
}

enum ctl_exit ctl_device_export(const struct ctl_options *options, const struct ctl_command *command)
{
    (void)command;
    struct selkie_control_client *control;
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE)
        return result;
    for (size_t i = 0; !options->json && ctl_export_columns[i]; i++)
        printf("%s%s", i == 0 ? "" : ",", ctl_export_columns[i]);
    if (!options->json)
        putchar('\n');
    result = ctl_device_each(control, NULL, options->json ? write_json : write_row, NULL);
    selkie_control_client_close(control);
    return result;
}
