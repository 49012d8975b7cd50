/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration: a reader with every kind of key gets values within their bounds, or one line that begins with the
 * file's name. */
#include "fuzz.h"

#include <selkie/settings.h>
#include <string.h>

static void read_object(struct selkie_settings_object *object)
{
    static const char *const colours[] = {"red", "green", NULL};
    long long count = selkie_settings_integer(object, "count", 1, 64, 2);
    FUZZ_CLAIM(count >= 1 && count <= 64);
    double rate = selkie_settings_number(object, "rate", 0, 1, 0.5);
    FUZZ_CLAIM(rate >= 0 && rate <= 1);
    int colour = selkie_settings_choice(object, "colour", colours, 1);
    FUZZ_CLAIM(colour == 0 || colour == 1);
    (void)selkie_settings_boolean(object, "on", true);
    FUZZ_CLAIM(selkie_settings_string(object, "name", "none") != NULL);
}

static void read_lists(struct selkie_settings_object *object)
{
    size_t keys = selkie_settings_list(object, "keys", false);
    for (size_t i = 0; i < keys; i++) {
        struct selkie_settings_object *key = selkie_settings_list_object(object, "keys", i);
        (void)selkie_settings_require_integer(key, "id", 1, 255);
        (void)selkie_settings_require_string(key, "file");
        selkie_settings_end(key);
    }
    size_t names = selkie_settings_list(object, "names", false);
    for (size_t i = 0; i < names; i++)
        (void)selkie_settings_list_string(object, "names", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selkie_settings *settings = selkie_settings_parse("x.json", (const char *)data, size);
    if (settings == NULL)
        return 0;
    struct selkie_settings_object *root = selkie_settings_root(settings);
    read_object(root);
    read_lists(root);
    struct selkie_settings_object *inner = selkie_settings_object(root, "inner", false);
    read_object(inner);
    selkie_settings_end(inner);
    selkie_settings_end(root);
    const char *error = selkie_settings_error(settings);
    FUZZ_CLAIM(error == NULL || (strncmp(error, "x.json:", 7) == 0 && strchr(error, '\n') == NULL));
    selkie_settings_close(settings);
    return 0;
}
