/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl device …: one device at a time, the list, and the export. import.c has many at once. */
#include "ctl_devices.h"

#include "consequence.h"
#include "csv.h"
#include "ctl_text.h"
#include "print.h"
#include "waiting.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <selkie/frame.h>
#include <selkie/message.h>
#include <stdio.h>
#include <string.h>

#define PAGE         1000 /* devices asked for at once */
#define CLAIM_DIGITS 20   /* of a claim made here: 80 random bits in hex */

static const struct ctl_column list_columns[] = {
    {"ADDRESS", "address", CTL_TEXT},     {"NAME", "name", CTL_TEXT},       {"STATUS", "status", CTL_TEXT},
    {"WAITING", "pending", CTL_NUMBER},   {"ID", "id", CTL_TEXT},           {"COUNTER", "counter", CTL_NUMBER},
    {"RECEIVED", "received", CTL_NUMBER}, {"LOST", "lost", CTL_NUMBER},     {"FORM", "form", CTL_TEXT},
    {"LAST SEEN", "last_seen", CTL_TIME}, {"GATEWAY", "gateway", CTL_TEXT}, {"FIRMWARE", "firmware", CTL_TEXT},
    {"MODEL", "model", CTL_TEXT},
};

static const struct ctl_column binding_columns[] = {
    {"ID", "id", CTL_TEXT},
    {"STATUS", "status", CTL_TEXT},
    {"RETIRED", "retired", CTL_TEXT},
    {"COUNTER", "counter", CTL_NUMBER},
    {"RECEIVED", "received", CTL_NUMBER},
    {"LOST", "lost", CTL_NUMBER},
    {"FORM", "form", CTL_TEXT},
    {"AIR SAVED", "air_saved", CTL_SHARE},
    {"KEY", "key_id", CTL_NUMBER},
    {"FIRST SEEN", "first_seen", CTL_TIME},
    {"LAST SEEN", "last_seen", CTL_TIME},
    {"GATEWAY", "gateway", CTL_TEXT},
    {"FIRMWARE", "firmware", CTL_TEXT},
    {"RSSI", "rssi", CTL_NUMBER},
    {"MEAN RSSI", "rssi_mean", CTL_NUMBER},
};
#define RSSI_COLUMNS 2 /* the last ones: shown only where a gateway's radio tells it */

#define COUNT(columns) (sizeof(columns) / sizeof((columns)[0]))

#define DIGITS_SIZE (SELKIE_ADDRESS_TEXT_SIZE + 1) /* so that one digit too many shows */

/* The address without the marks that people put between its digits. */
static void take_marks_out(char digits[static DIGITS_SIZE], const char *text)
{
    size_t group = strcspn(text, ":-"), count = 0;
    char mark = text[group];
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    else if (mark == '\0' || (group != 2 && group != 4))
        group = 0;
    for (size_t i = 0; text[i] != '\0' && count < DIGITS_SIZE - 1; i++) {
        bool divides = mark != '\0' && group != 0 && i % (group + 1) == group && text[i] == mark && text[i + 1] != '\0';
        if (!divides)
            digits[count++] = text[i];
    }
    digits[count] = '\0';
}

const char *ctl_device_address(char address[static SELKIE_ADDRESS_TEXT_SIZE], const char *text)
{
    uint8_t bytes[SELKIE_ADDRESS_SIZE];
    char digits[DIGITS_SIZE];
    take_marks_out(digits, text);
    if (selkie_address_parse(bytes, digits) < 0)
        return NULL;
    selkie_address_format(address, bytes);
    return address;
}

enum ctl_exit ctl_device_argument(char address[static SELKIE_ADDRESS_TEXT_SIZE], const struct ctl_options *options)
{
    if (ctl_device_address(address, options->args[0]))
        return CTL_DONE;
    ctl_fail("'%s' is not an address: an address has 16 hex digits", options->args[0]);
    return CTL_USAGE;
}

/* A device and the binding that counts (active, else pending, superseded or retired) in one object; new. */
static json_t *flat_of(json_t *device)
{
    json_t *flat = ctl_json_must(json_object());
    const json_t *bindings = json_object_get(device, "bindings"), *binding = NULL, *each;
    size_t i;
    static const char *const order[] = {"retired", "superseded", "pending", "active"};
    for (size_t rank = 0; rank < sizeof order / sizeof *order; rank++) {
        json_array_foreach (bindings, i, each) {
            const char *status = json_string_value(json_object_get(each, "status"));
            if (status && strcmp(status, order[rank]) == 0)
                binding = each;
        }
    }
    if (binding)
        ctl_json_update(flat, (json_t *)binding);
    ctl_json_update(flat, device); /* after it: both have a status */
    (void)json_object_del(flat, "bindings");
    if (json_integer_value(json_object_get(flat, "pending")) == 0)
        (void)json_object_del(flat, "pending"); /* so that the column is there only if something waits */
    return flat;
}

/* The page after the device that was visited last. By address, not by number: so a device that is added or removed
 * meanwhile does not hide another one. */
static json_t *ask_page(struct selkie_control_client *control, const char *status, const char *after)
{
    json_t *command = ctl_json_pack("{s:s, s:i}", "command", "listDevices", "limit", PAGE);
    if (status)
        ctl_json_set_take(command, "status", json_string(status));
    if (after[0] != '\0')
        ctl_json_set_take(command, "after", json_string(after));
    return selkie_control_client_ask_take(control, command);
}

/* Visit all devices of a status (NULL: of any), page by page, until one visit does not return CTL_DONE. */
static enum ctl_exit for_each(struct selkie_control_client *control, const char *status,
                              enum ctl_exit (*visit)(json_t *device, void *context), void *context)
{
    char last[SELKIE_ADDRESS_TEXT_SIZE] = "";
    enum ctl_exit result = CTL_DONE;
    size_t count;
    do {
        json_t *data = ask_page(control, status, last);
        if (!data)
            return CTL_FAILED;
        const json_t *devices = json_object_get(data, "devices");
        json_t *device;
        size_t i;
        count = json_array_size(devices);
        json_array_foreach (devices, i, device) {
            const char *address = json_string_value(json_object_get(device, "address"));
            if (!address || strcmp(address, last) <= 0)
                result = ctl_fail("the plugin's list of devices is not in the order of addresses");
            else
                result = visit(device, context);
            if (result != CTL_DONE)
                break;
            snprintf(last, sizeof last, "%s", address);
        }
        json_decref(data);
    } while (count != 0 && result == CTL_DONE);
    return result;
}

static enum ctl_exit collect_flat(json_t *device, void *context)
{
    ctl_json_append_take(context, flat_of(device));
    return CTL_DONE;
}

static enum ctl_exit collect(json_t *device, void *context)
{
    ctl_json_append(context, device);
    return CTL_DONE;
}

static enum ctl_exit check_status(const char *status)
{
    static const char *const words[] = {"active", "pending", "listed", "revoked"};
    for (size_t i = 0; status && i < COUNT(words); i++) {
        if (strcmp(status, words[i]) == 0)
            return CTL_DONE;
    }
    if (!status)
        return CTL_DONE;
    ctl_fail("--status %s: must be active, pending, listed or revoked", status);
    return CTL_USAGE;
}

enum ctl_exit ctl_device_list(const struct ctl_options *options, const struct ctl_command *command)
{
    (void)command;
    struct selkie_control_client *control;
    if (check_status(options->status) != CTL_DONE)
        return CTL_USAGE;
    if (options->waiting)
        return ctl_waiting_list(options);
    if (options->seen_by) {
        ctl_fail("--seen-by: only together with --waiting");
        return CTL_USAGE;
    }
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE)
        return result;
    json_t *devices = ctl_json_must(json_array());
    result = for_each(control, options->status, options->json ? collect : collect_flat, devices);
    selkie_control_client_close(control);
    if (result == CTL_DONE && options->json) {
        json_t *object = ctl_json_pack("{s:I, s:O}", "total", (json_int_t)json_array_size(devices), "devices", devices);
        ctl_print(object, true);
        json_decref(object);
    } else if (result == CTL_DONE) {
        if (json_array_size(devices) == 0)
            ctl_fail("no %s%sdevices%s", options->status ? options->status : "", options->status ? " " : "",
                     options->status && strcmp(options->status, "pending") == 0
                         ? "; IDs that wait at active devices: selkiectl device list --waiting"
                         : "");
        ctl_table_print(list_columns, COUNT(list_columns), devices);
    }
    json_decref(devices);
    return result;
}

const char *const ctl_export_columns[] = {"address",   "name",    "status",   "id",     "counter",
                                          "received",  "lost",    "form",     "key_id", "first_seen",
                                          "last_seen", "gateway", "firmware", "model",  NULL};

static enum ctl_exit write_row(json_t *device, void *context)
{
    (void)context;
    json_t *flat = flat_of(device);
    if (!json_is_true(json_object_get(flat, "model_chosen")))
        (void)json_object_del(flat, "model"); /* an import would make the firmware's word the operator's choice */
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
    return ferror(stdout) ? CTL_FAILED : CTL_DONE; /* main says why */
}

/* One device a line, so that a machine need not hold them all. */
static enum ctl_exit write_json(json_t *device, void *context)
{
    (void)context;
    ctl_json_write(device, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    return ferror(stdout) ? CTL_FAILED : CTL_DONE;
}

/* Claims never come back. */
enum ctl_exit ctl_device_export(const struct ctl_options *options, const struct ctl_command *command)
{
    (void)command;
    struct selkie_control_client *control;
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE)
        return result;
    for (size_t i = 0; !options->json && ctl_export_columns[i]; i++)
        printf("%s%s", ctl_export_columns[i], ctl_export_columns[i + 1] ? "," : "\n");
    result = for_each(control, NULL, options->json ? write_json : write_row, NULL);
    selkie_control_client_close(control);
    return result;
}

/* The share of the air that was saved: the bodies received, against as many that are SEALED. */
static void add_air_saved(json_t *binding)
{
    json_int_t received = json_integer_value(json_object_get(binding, "received"));
    json_int_t frames = json_integer_value(json_object_get(binding, "session_frames"));
    json_int_t bytes = json_integer_value(json_object_get(binding, "session_bytes"));
    if (received <= 0 || frames <= 0)
        return;
    double saved = (double)(frames * SELKIE_SEALED_SIZE - bytes) / (double)(received * SELKIE_SEALED_SIZE);
    ctl_json_set_take(binding, "air_saved", json_real(saved));
}

static bool has_rssi(const json_t *bindings)
{
    const json_t *binding;
    size_t i;
    json_array_foreach (bindings, i, binding) {
        if (json_object_get(binding, "rssi"))
            return true;
    }
    return false;
}

/* An alarm is of an ID, but it is about the device: shown of that, it needs no column that is nearly always empty. */
static void lift_alarm(json_t *device, const json_t *bindings)
{
    const json_t *binding;
    size_t i;
    json_array_foreach (bindings, i, binding) {
        json_t *alarm = json_object_get(binding, "alarm");
        if (alarm)
            ctl_json_set(device, "alarm", alarm);
    }
}

static void print_device(json_t *device)
{
    json_t *bindings = json_incref(json_object_get(device, "bindings"));
    lift_alarm(device, bindings);
    (void)json_object_del(device, "bindings");
    ctl_print(device, false);
    if (json_array_size(bindings) != 0)
        putchar('\n');
    ctl_table_print(binding_columns, COUNT(binding_columns) - (has_rssi(bindings) ? 0 : RSSI_COLUMNS), bindings);
    json_decref(bindings);
}

enum ctl_exit ctl_device_show(const struct ctl_options *options, const struct ctl_command *command)
{
    char address[SELKIE_ADDRESS_TEXT_SIZE];
    if (ctl_device_argument(address, options) != CTL_DONE)
        return CTL_USAGE;
    json_t *device, *binding;
    size_t i;
    enum ctl_exit result = selkie_control_client_once_take(
        &device, options, ctl_json_pack("{s:s, s:s}", "command", command->control, "address", address));
    json_array_foreach (json_object_get(device, "bindings"), i, binding) {
        add_air_saved(binding);
    }
    if (device && options->json)
        ctl_print(device, true);
    else if (device)
        print_device(device);
    json_decref(device);
    return result;
}

static json_t *change_command(const char *what, const char *address, const char *name, const char *claim,
                              const char *model)
{
    json_t *command = ctl_json_pack("{s:s, s:s}", "command", what, "address", address);
    if (name)
        ctl_json_set_take(command, "name", json_string(name));
    if (claim)
        ctl_json_set_take(command, "claim", json_string(claim));
    if (model)
        ctl_json_set_take(command, "model", json_string(model));
    return command;
}

json_t *ctl_device_add_command(const char *address, const char *name, const char *claim, const char *model)
{
    return change_command("addDevice", address, name, claim, model);
}

/* The same of the options, with what they take away. */
static json_t *change_of(const struct ctl_options *options, const char *what, const char *address, const char *claim)
{
    json_t *command = change_command(what, address, options->name, claim, options->model);
    if (options->no_claim)
        ctl_json_set_take(command, "claim", json_null());
    if (options->no_model)
        ctl_json_set_take(command, "model", json_null());
    return command;
}

static bool make_claim(char claim[static CLAIM_DIGITS + 1])
{
    uint8_t bytes[CLAIM_DIGITS / 2];
    bool made = RAND_priv_bytes(bytes, sizeof bytes) == 1;
    for (size_t i = 0; made && i < sizeof bytes; i++)
        snprintf(claim + 2 * i, 3, "%02x", bytes[i]);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return made;
}

/* What became of a device; a plugin without this field adds. */
static const char *result_of(const json_t *data)
{
    const char *word = json_string_value(json_object_get(data, "result"));
    return word ? word : "added";
}

/* The claim's only appearance: the registry never gives it back. */
static void print_claim(const char *address, const char *claim, json_t *data, bool as_json)
{
    if (as_json) {
        json_t *object =
            ctl_json_pack("{s:s, s:s, s:s}", "address", address, "claim", claim, "result", result_of(data));
        ctl_print(object, true);
        json_decref(object);
    } else {
        printf("%s %s\nclaim  %s\n\nThe claim is shown only this once. The device must send it.\n", address,
               result_of(data), claim);
    }
}

static enum ctl_exit send_with_new_claim(const struct ctl_options *options, const char *what, const char *address)
{
    char claim[CLAIM_DIGITS + 1];
    json_t *data;
    if (!make_claim(claim))
        return ctl_fail_openssl("no random numbers for a claim");
    enum ctl_exit result = selkie_control_client_once_take(&data, options, change_of(options, what, address, claim));
    if (data)
        print_claim(address, claim, data, options->json);
    if (data && !options->json)
        ctl_consequence_print_retired(data, address);
    json_decref(data);
    OPENSSL_cleanse(claim, sizeof claim);
    return result == CTL_DONE ? ctl_print_secured("claim", address, "device set", " --claim") : result;
}

static void print_result(json_t *data, const void *address)
{
    if (strcmp(result_of(data), "unchanged") == 0)
        printf("%s unchanged: it was added before, and is as you say\n", (const char *)address);
    else
        printf("%s %s\n", (const char *)address, result_of(data));
    ctl_consequence_print_retired(data, address);
}

static enum ctl_exit check_claim(const struct ctl_options *options)
{
    if (!options->claim || (options->claim[0] != '\0' && strlen(options->claim) <= SELKIE_CLAIM_MAX))
        return CTL_DONE;
    ctl_fail("--claim: must be 1 to %d bytes", SELKIE_CLAIM_MAX);
    return CTL_USAGE;
}

enum ctl_exit ctl_device_add(const struct ctl_options *options, const struct ctl_command *command)
{
    char address[SELKIE_ADDRESS_TEXT_SIZE];
    if (ctl_device_argument(address, options) != CTL_DONE || check_claim(options) != CTL_DONE)
        return CTL_USAGE;
    if (options->make_claim)
        return send_with_new_claim(options, command->control, address);
    return selkie_control_client_print_take(options, change_of(options, command->control, address, options->claim),
                                            print_result, address);
}

enum ctl_exit ctl_device_set(const struct ctl_options *options, const struct ctl_command *command)
{
    bool claim = options->claim || options->make_claim;
    if (options->no_claim && claim) {
        ctl_fail("--claim and --no-claim exclude each other");
        return CTL_USAGE;
    }
    if (options->no_model && options->model) {
        ctl_fail("--model and --no-model exclude each other");
        return CTL_USAGE;
    }
    if (!options->name && !claim && !options->no_claim && !options->model && !options->no_model) {
        ctl_fail("nothing to change: use --name, --claim, --no-claim, --model or --no-model");
        return CTL_USAGE;
    }
    return ctl_device_add(options, command);
}
