/* SPDX-License-Identifier: Apache-2.0 */
/* A payload on $CONTROL/selkie/v1, with a real registry behind it: there is always an answer, one response for each
 * command, each with data or with an error. */
#include "fuzz.h"

#include "commands/command_batch.h"
#include <string.h>
#include <unistd.h>

static char folder[64] = "/tmp/selkie-fuzz-XXXXXX"; /* in TMPDIR, if that is set and short */
static struct selkie_registry *registry;
static struct selkie_keyring *keyring;

static json_t *no_stats(void *context)
{
    (void)context;
    return json_object();
}

static void remove_file(const char *name)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)unlink(path);
}

static void clean_up(void)
{
    selkie_registry_close(registry);
    selkie_keyring_close(keyring);
    remove_file("registry.db");
    remove_file("registry.db-wal");
    remove_file("registry.db-shm");
    remove_file("storage.key");
    (void)rmdir(folder);
}

static void set_up(void)
{
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    const char *tmp = getenv("TMPDIR");
    if (tmp != NULL && strlen(tmp) <= 40)
        snprintf(folder, sizeof folder, "%.40s/selkie-fuzz-XXXXXX", tmp);
    FUZZ_CLAIM(mkdtemp(folder) != NULL);
    FUZZ_CLAIM(atexit(clean_up) == 0);
    FUZZ_CLAIM(selkie_registry_open(&registry, folder, true, error) == 0);
    FUZZ_CLAIM(selkie_keyring_open(&keyring) == 0);
}

static void check_answer(const struct selkie_output *output, const char *text, size_t len)
{
    json_t *answer = json_loadb((const char *)output->data, output->len, 0, NULL);
    json_t *asked = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *commands = json_object_get(asked, "commands"), *responses = json_object_get(answer, "responses");
    bool too_many = json_array_size(commands) > SELKIE_COMMAND_BATCH_COMMANDS_MAX;
    size_t expected = json_is_array(commands) && !too_many ? json_array_size(commands) : 1, i;
    json_t *response;
    FUZZ_CLAIM(json_array_size(responses) == expected);
    json_array_foreach (responses, i, response) {
        bool has_data = json_is_object(json_object_get(response, "data"));
        bool has_error = json_is_string(json_object_get(response, "error"));
        FUZZ_CLAIM(has_data != has_error);
    }
    json_decref(asked);
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (registry == NULL)
        set_up();
    struct selkie_effects effects = {.registry = registry};
    struct selkie_commands op = {.effects = &effects, .keyring = keyring, .stats = no_stats};
    FUZZ_CLAIM(selkie_effects_begin(&effects, 1000, 1000000) == 0);
    struct selkie_command_batch *batch;
    int result;
    FUZZ_CLAIM(selkie_command_batch_open(&batch, (const char *)data, size) == 0);
    while ((result = selkie_command_batch_run(batch, &op, 0)) == 0) /* one command at a time */
        selkie_command_batch_committed(batch);
    FUZZ_CLAIM(result == 1);
    struct selkie_output *answer = selkie_command_batch_answer(batch);
    check_answer(answer, (const char *)data, size);
    selkie_output_free(answer);
    selkie_command_batch_close(batch);
    json_decref(op.changed_gateways);
    selkie_effects_undo(&effects);
    selkie_effects_wipe(&effects);
    return 0;
}
