/* SPDX-License-Identifier: Apache-2.0 */
#include "models_fixture.h"

#include <check.h>
#include <dirent.h>
#include <selkie/frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/selkie-models-XXXXXX";
static char path[512];

void models_fixture_set_up(void)
{
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

void models_fixture_tear_down(void)
{
    DIR *folder = opendir(dir);
    const struct dirent *entry;

    ck_assert_ptr_nonnull(folder);
    while ((entry = readdir(folder))) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            ck_assert_int_eq(unlink(path), 0);
    }
    ck_assert_int_eq(closedir(folder), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}

const char *models_fixture_dir(void)
{
    return dir;
}

const char *models_fixture_write(const char *name, const char *text)
{
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

struct selkie_model *models_fixture_open(const char *text)
{
    char error[SELKIE_MODEL_ERROR_SIZE] = "";
    struct selkie_model *model;

    int result = selkie_model_open(&model, models_fixture_write("x.json", text), error);
    ck_assert_msg(result == 0, "%s", error);
    return model;
}

const char *models_fixture_refusal(const char *text)
{
    static char error[SELKIE_MODEL_ERROR_SIZE];
    struct selkie_model *model;

    error[0] = '\0';
    if (selkie_model_open(&model, models_fixture_write("x.json", text), error) == 0) {
        selkie_model_close(model);
        return "";
    }
    ck_assert_ptr_null(model);
    ck_assert(strncmp(error, dir, strlen(dir)) == 0);
    return error + strlen(dir) + 1;
}

static const char *decode(const struct selkie_model *model, const uint8_t *payload, size_t len)
{
    static char values[SELKIE_VALUES_MAX + 1];
    char error[SELKIE_MODEL_ERROR_SIZE];
    size_t values_len;
    uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a sanitizer sees a read behind it */

    ck_assert_ptr_nonnull(exact);
    if (len > 0)
        memcpy(exact, payload, len);
    int result = selkie_model_decode(model, exact, len, values, &values_len, error);
    free(exact);
    if (result < 0) {
        ck_assert_int_eq(result, SELKIE_EMALFORMED);
        ck_assert_uint_eq(values_len, 0);
        (void)snprintf(values, sizeof values, "! %s", error);
    } else {
        ck_assert_uint_eq(values_len, strlen(values));
    }
    return values;
}

const char *models_fixture_decode(const struct selkie_model *model, const char *hex)
{
    uint8_t payload[1024];

    ck_assert_int_eq(selkie_hex_decode(payload, strlen(hex) / 2, hex), 0);
    return decode(model, payload, strlen(hex) / 2);
}

const char *models_fixture_decode_text(const struct selkie_model *model, const char *text)
{
    return decode(model, (const uint8_t *)text, strlen(text));
}
