/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl device approve, deny, readmit, revoke, restore, remove: an administrator's decisions. waiting.c has those
 * on all that wait. */
#include "consequence.h"
#include "ctl_devices.h"
#include "ctl_text.h"
#include "waiting.h"

#include <stdio.h>
#include <string.h>

#define ID_DIGITS 16
#define REPLACED                                                                                                       \
    "The ID that was active before, if there was one, is replaced for ever: a device that still has it is shut out "   \
    "until its next power cut."

/* What a decision does besides its name. `asks`: a device that runs may be shut out. */
static const struct consequence {
    const char *control, *text;
    bool asks;
} consequences[] = {
    {"denyDevice",
     "If a device that runs has a denied ID, it is shut out until its next power cut.\n"
     "'selkiectl device readmit' takes an ID back within 30 days.",
     true},
    {"removeDevice",
     "If the device runs, it is shut out until its next power cut, also if you add it again.\n"
     "'selkiectl device readmit' takes its ID back within 30 days, unless it is revoked now.",
     true},
    {"revokeDevice", "All its frames are rejected until 'selkiectl device restore'.", false},
    {"restoreDevice", "Frames that were rejected meanwhile are lost.", false},
    {"approveDevice", REPLACED, false},
    {"readmitDevice", REPLACED, false},
};

static const struct consequence *consequence_of(const struct ctl_command *command)
{
    for (size_t i = 0; i < sizeof consequences / sizeof consequences[0]; i++) {
        if (strcmp(consequences[i].control, command->control) == 0)
            return &consequences[i];
    }
    return NULL;
}

/* Add the ID that the command line names, and the choice that it makes instead. */
static enum ctl_exit add_choice(json_t *request, const struct ctl_options *options)
{
    const char *id = options->arg_count > 1 ? options->args[1] : NULL;
    if (id && (strlen(id) != ID_DIGITS || strspn(id, "0123456789abcdef") != ID_DIGITS)) {
        ctl_fail("'%s' is not an ID: an ID has 16 lower-case hex digits, as 'device show' prints it", id);
        return CTL_USAGE;
    }
    if (id && options->all) {
        ctl_fail("--all: not together with an ID");
        return CTL_USAGE;
    }
    if (id)
        ctl_json_set_take(request, "id", json_string(id));
    if (options->newest)
        ctl_json_set_take(request, "newest", json_true());
    if (options->all)
        ctl_json_set_take(request, "all", json_true());
    return CTL_DONE;
}

struct decision {
    const struct ctl_command *command;
    const char *address;
};

static void print_decision(json_t *data, const void *context)
{
    const struct decision *decision = context;
    const struct consequence *consequence = consequence_of(decision->command);
    const json_t *id = json_object_get(data, "id"), *denied = json_object_get(data, "denied");
    printf("%s: %s done", decision->address, strchr(decision->command->name, ' ') + 1);
    if (json_is_string(id)) {
        fputs(": ", stdout);
        ctl_text_print(stdout, json_string_value(id));
        fputs(" is active", stdout);
    }
    if (json_array_size(denied) != 0) {
        fputs(json_is_string(id) ? "\ndenied, because silent since it came:" : ":", stdout);
        ctl_consequence_print_ids(denied);
    }
    putchar('\n');
    if (consequence)
        puts(consequence->text);
}

enum ctl_exit ctl_device_change(const struct ctl_options *options, const struct ctl_command *command)
{
    char address[SELKIE_ADDRESS_TEXT_SIZE], what[96];
    const struct consequence *consequence = consequence_of(command);
    struct decision decision = {command, address};
    if (options->waiting)
        return ctl_waiting_approve(options);
    if (options->seen_by) {
        ctl_fail("--seen-by: only together with --waiting");
        return CTL_USAGE;
    }
    if (options->arg_count == 0) {
        ctl_fail("an argument is missing: the device's address%s",
                 strcmp(command->control, "approveDevice") == 0 ? ", or --waiting" : "");
        return CTL_USAGE;
    }
    if (ctl_device_argument(address, options) != CTL_DONE)
        return CTL_USAGE;
    json_t *request = ctl_json_pack("{s:s, s:s}", "command", command->control, "address", address);
    enum ctl_exit result = add_choice(request, options);
    snprintf(what, sizeof what, "%s: %s.", address, command->name);
    if (result == CTL_DONE && consequence && consequence->asks)
        result = ctl_consequence_ask(options, what, consequence->text);
    if (result != CTL_DONE) {
        json_decref(request);
        return result;
    }
    return selkie_control_client_print_take(options, request, print_decision, &decision);
}
