/* SPDX-License-Identifier: Apache-2.0 */
/* A payload on $CONTROL/selkie/v1, with a real registry behind it: there is always an answer, one response for each
 * command, each with data or with an error. */
#include "fuzz.h"

#include <operator.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/selkie-fuzz-XXXXXX";
static struct selkie_registry *registry;
static struct selkie_announcer *announcer;
static struct selkie_keyring *keyring;

static json_t *no_stats(void *context)
{
    (void)context;
    return json_object();
}

static void remove_file(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)unlink(path);
}

static void clean_up(void)
{
    selkie_registry_close(registry);
    selkie_announcer_close(announcer);
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
    FUZZ_CLAIM(mkdtemp(folder) != NULL);
    FUZZ_CLAIM(atexit(clean_up) == 0);
    FUZZ_CLAIM(selkie_registry_open(&registry, folder, error) == 0);
    FUZZ_CLAIM(selkie_announcer_open(&announcer) == 0);
    FUZZ_CLAIM(selkie_keyring_open(&keyring) == 0);
}

static void check_answer(const json_t *answer, const char *text, size_t len)
{
    json_t *asked = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *commands = json_object_get(asked, "commands"), *responses = json_object_get(answer, "responses");
    size_t expected = json_is_array(commands) ? json_array_size(commands) : 1, i;
    json_t *response;
    FUZZ_CLAIM(json_array_size(responses) == expected);
    json_array_foreach (responses, i, response) {
        bool has_data = json_is_object(json_object_get(response, "data"));
        bool has_error = json_is_string(json_object_get(response, "error"));
        FUZZ_CLAIM(has_data != has_error);
    }
    json_decref(asked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (registry == NULL)
        set_up();
    struct selkie_clerk clerk = {.registry = registry, .announcer = announcer};
    struct selkie_operator op = {.clerk = &clerk, .keyring = keyring, .stats = no_stats};
    json_t *answer;
    FUZZ_CLAIM(selkie_clerk_begin(&clerk, 1000, 1000000) == 0);
    FUZZ_CLAIM(selkie_operator_execute(&op, (const char *)data, size, &answer) == 0);
    check_answer(answer, (const char *)data, size);
    json_decref(answer);
    selkie_output_list_free(&clerk.out);
    selkie_registry_rollback(registry);
    selkie_announcer_rolled_back(announcer);
    return 0;
}
