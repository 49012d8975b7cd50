/* SPDX-License-Identifier: Apache-2.0 */
/* A payload against a model; the first byte chooses one of each format. It has values, which are a JSON object of at
 * most 4 KB with names of the model's fields, or one sentence says why not. */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz.h"

#include <jansson.h>
#include <selkie/models.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIELDS                                                                                                         \
    "\"fields\":[{\"name\":\"kind\",\"path\":\"k\",\"type\":\"number\",\"min\":-5},{\"name\":\"t\",\"path\":\"%st\","  \
    "\"scale\":"                                                                                                       \
    "0.1,\"add\":-40,\"optional\":true,\"when\":{\"kind\":1}},{\"name\":\"on\",\"type\":\"boolean\",\"optional\":"     \
    "true},"                                                                                                           \
    "{\"name\":\"word\",\"enum\":{\"1\":\"one\",\"b\":\"two\"},\"optional\":true},{\"name\":\"text\",\"type\":"        \
    "\"text\","                                                                                                        \
    "\"optional\":true}]"
#define VALUES "\"values\":{\"kind\":1,\"t\":-39.9,\"on\":true,\"word\":\"two\",\"text\":\"x\"}"

static const char *const texts[] = {
    "{\"model\":\"packed\",\"format\":\"packed\",\"length\":[4,9],\"fields\":[{\"name\":\"kind\",\"offset\":0,\"type\":"
    "\"u8\"},"
    "{\"name\":\"t\",\"offset\":1,\"type\":\"i24le\",\"scale\":0.01,\"when\":{\"kind\":1}},{\"name\":\"f\",\"offset\":"
    "1,\"type\":"
    "\"f32be\",\"scale\":1.5,\"when\":{\"kind\":2}},{\"name\":\"b\",\"offset\":1,\"type\":\"u16be\",\"bits\":[3,7],"
    "\"when\":"
    "{\"kind\":3}},{\"name\":\"w\",\"offset\":5,\"type\":\"i8\",\"bits\":[6,2],\"enum\":{\"-2\":\"a\",\"-1\":\"b\","
    "\"0\":\"c\"},"
    "\"when\":{\"kind\":2}}],\"examples\":[{\"hex\":\"01010000\",\"values\":{\"kind\":1,\"t\":0.01}},{\"hex\":"
    "\"023f800000"
    "80\",\"values\":{\"kind\":2,\"f\":1.5,\"w\":\"a\"}},{\"hex\":\"03000800\",\"values\":{\"kind\":3,\"b\":1}}]}",
    "{\"model\":\"json\",\"format\":\"json\"," FIELDS
    ",\"examples\":[{\"text\":\"{\\\"k\\\":1,\\\"a\\\":[{\\\"t\\\":1}],\\\"on\\\":true,"
    "\\\"word\\\":\\\"b\\\",\\\"text\\\":\\\"x\\\"}\"," VALUES "}]}",
    "{\"model\":\"cbor\",\"format\":\"cbor\"," FIELDS
    ",\"examples\":[{\"hex\":\"a5616b016161 81a1617401 626f6ef5 64776f7264"
    "6162 64746578746178\"," VALUES "}]}",
    "{\"model\":\"text\",\"format\":\"text\"," FIELDS
    ",\"examples\":[{\"text\":\"k=1 t=1 on=true word=b text=x\"," VALUES "}]}",
};

#define MODELS (sizeof texts / sizeof texts[0])

static struct selkie_model *models[MODELS];

static void close_models(void)
{
    for (size_t i = 0; i < MODELS; i++)
        selkie_model_close(models[i]);
}

static void open_model(size_t index)
{
    char path[64], text[4096], error[SELKIE_MODEL_ERROR_SIZE];
    int file = memfd_create("model", MFD_CLOEXEC);
    FUZZ_CLAIM(file >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    /* In texts there are no pointers. */
    const char *place = strstr(texts[index], "%s");
    snprintf(text, sizeof text, "%.*s%s%s", place ? (int)(place - texts[index]) : (int)strlen(texts[index]),
             texts[index], place && index != 3 ? "/a/0/" : "", place ? place + 2 : "");
    FUZZ_CLAIM(write(file, text, strlen(text)) == (ssize_t)strlen(text));
    int result = selkie_model_open(&models[index], path, error);
    if (result < 0)
        fprintf(stderr, "%s\n", error);
    FUZZ_CLAIM(result == 0);
    close(file);
}

static bool has_field(const struct selkie_model *model, const char *name)
{
    for (unsigned i = 0; i < selkie_model_field_count(model); i++) {
        if (strcmp(selkie_model_field(model, i)->name, name) == 0)
            return true;
    }
    return false;
}

static void check_values(const struct selkie_model *model, const char *text, size_t len)
{
    json_t *values = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL), *value;
    const char *name;

    FUZZ_CLAIM(len >= 2 && len <= SELKIE_VALUES_MAX && text[len] == '\0' && strlen(text) == len);
    FUZZ_CLAIM(json_is_object(values) && json_object_size(values) > 0);
    json_object_foreach (values, name, value) {
        FUZZ_CLAIM(has_field(model, name));
        FUZZ_CLAIM(json_is_number(value) || json_is_boolean(value) || json_is_string(value));
    }
    json_decref(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char values[SELKIE_VALUES_MAX + 1], error[SELKIE_MODEL_ERROR_SIZE];
    size_t len;

    if (models[0] == NULL) {
        for (size_t i = 0; i < MODELS; i++)
            open_model(i);
        FUZZ_CLAIM(atexit(close_models) == 0);
    }
    if (size == 0)
        return 0;
    const struct selkie_model *model = models[data[0] % MODELS];
    int result = selkie_model_decode(model, data + 1, size - 1, values, &len, error);
    if (result == 0)
        check_values(model, values, len);
    else
        FUZZ_CLAIM(result == SELKIE_EMALFORMED && len == 0 && error[0] != '\0' && strchr(error, '\n') == NULL);
    return 0;
}
