/* SPDX-License-Identifier: Apache-2.0 */
/* How long a payload takes to its values, for a model of each format, against the opening of the SESSION frame in which
 * it came: what models add to a frame's work. In processor time; the turns alternate, so that a busy machine slows
 * both. Usage: models [decodings of a turn, 20000]. Prints; never fails on a time. */
#include <selkie/models.h>
#include <selkie/session.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TURNS = 9 };

static const struct {
    const char *file, *payload; /* hex; NULL payload: the text */
    const char *text;
} cases[] = {
    {"selkie-sim-sensor", "085f6097000000110f1e2d3c4b5a6978", NULL},
    {"selkie-device-readings", NULL,
     "{\"load1\":0.42,\"memory_free\":24601968640,\"memory_total\":25276026880,\"uptime\":3175,\"temperature\":48.31}"},
    {"bench-cbor", "a46174fa41ab70a46168183261621903216166f5", NULL},
    {"bench-text", NULL, "t=21.43 h=50 b=3.01 open=true"},
};

static const char *const own[][2] = {
    {"bench-cbor",
     "{\"model\":\"bench-cbor\",\"format\":\"cbor\",\"fields\":[{\"name\":\"temperature\",\"path\":\"t\"},{\"name\":"
     "\"humidity\",\"path\":\"h\"},{\"name\":\"battery\",\"path\":\"b\",\"scale\":0.001},{\"name\":\"open\",\"path\":"
     "\"f\",\"type\":\"boolean\"}],\"examples\":[{\"hex\":\"a46174fa41ab70a46168183261621903216166f5\","
     "\"values\":{\"temperature\":21.43,\"humidity\":50,\"battery\":0.801,\"open\":true}}]}"},
    {"bench-text",
     "{\"model\":\"bench-text\",\"format\":\"text\",\"fields\":[{\"name\":\"temperature\",\"path\":\"t\"},{\"name\":"
     "\"humidity\",\"path\":\"h\"},{\"name\":\"battery\",\"path\":\"b\"},{\"name\":\"open\",\"type\":\"boolean\"}],"
     "\"examples\":[{\"text\":\"t=21.43 h=50 b=3.01 open=true\",\"values\":{\"temperature\":21.43,"
     "\"humidity\":50,\"battery\":3.01,\"open\":true}}]}"},
};

static void expect(bool right, const char *what)
{
    if (right)
        return;
    (void)fprintf(stderr, "models: %s\n", what);
    exit(EXIT_FAILURE);
}

static struct selkie_model *open_file(const char *path)
{
    char error[SELKIE_MODEL_ERROR_SIZE];
    struct selkie_model *model;

    expect(selkie_model_open(&model, path, error) == 0, error);
    return model;
}

static struct selkie_model *open_named(const char *name)
{
    char path[512];

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(name, own[i][0]) != 0)
            continue;
        char temporary[] = "/tmp/selkie-bench-XXXXXX";
        int fd = mkstemp(temporary);
        FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
        expect(file && fputs(own[i][1], file) >= 0 && fclose(file) == 0, "cannot write a model into /tmp");
        struct selkie_model *model = open_file(temporary);
        (void)remove(temporary);
        return model;
    }
    (void)snprintf(path, sizeof path, "%s/models/ready/%s.json", SELKIE_SOURCE_DIR, name);
    return open_file(path);
}

static double cpu_us(void)
{
    struct timespec now;

    expect(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "no clock");
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double decode(const struct selkie_model *model, const uint8_t *payload, size_t len, unsigned count)
{
    char values[SELKIE_VALUES_MAX + 1], error[SELKIE_MODEL_ERROR_SIZE];
    double began = cpu_us();
    size_t values_len;

    for (unsigned i = 0; i < count; i++)
        expect(selkie_model_decode(model, payload, len, values, &values_len, error) == 0, error);
    return (cpu_us() - began) / count;
}

static double open_frames(const struct selkie_session *session, const struct selkie_frame *frame, unsigned count)
{
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    double began = cpu_us();

    for (unsigned i = 0; i < count; i++)
        expect(selkie_session_open(payload, session, 1, frame) > 0, "a SESSION frame does not open");
    return (cpu_us() - began) / count;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void measure(size_t index, unsigned count)
{
    static const uint8_t address[SELKIE_ADDRESS_SIZE] = {1}, id[SELKIE_ID_SIZE] = {2};
    struct selkie_model *model = open_named(cases[index].file);
    uint8_t payload[SELKIE_PAYLOAD_MAX], body[SELKIE_SESSION_SIZE_MAX];
    size_t len = cases[index].text ? strlen(cases[index].text) : strlen(cases[index].payload) / 2;
    double ours[TURNS], theirs[TURNS];
    struct selkie_session session;
    struct selkie_frame frame;

    if (cases[index].text)
        memcpy(payload, cases[index].text, len);
    else
        expect(selkie_hex_decode(payload, len, cases[index].payload) == 0, "not hex");
    expect(selkie_session_derive(&session, address, id) == 0, "no session key");
    int body_len = selkie_session_seal(body, sizeof body, &session, 1, payload, len);
    expect(body_len > 0 && selkie_frame_decode(&frame, body, (size_t)body_len) == 0, "no SESSION frame");
    for (int turn = 0; turn < TURNS; turn++) {
        ours[turn] = decode(model, payload, len, count);
        theirs[turn] = open_frames(&session, &frame, count);
    }
    qsort(ours, TURNS, sizeof ours[0], compare);
    qsort(theirs, TURNS, sizeof theirs[0], compare);
    double median = ours[TURNS / 2];
    printf("%-24s %u fields  %3zu bytes  %6.2f us  %5.2f times the opening  %s\n", selkie_model_name(model),
           selkie_model_field_count(model), len, median, median / theirs[TURNS / 2],
           median < 20 ? "below 20 us" : "ABOVE 20 us");
    selkie_session_wipe(&session);
    selkie_model_close(model);
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20000;

    if (count == 0) {
        (void)fprintf(stderr, "usage: models [decodings of a turn, 20000]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        measure(i, count);
    return 0;
}
