/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the seed corpora, one folder for each target, from the golden vectors and a few texts.
 *
 *   make_corpus protocol-v1.json fragments-v1.json DIR */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vectors/vectors.h>

static const char *base;

static _Noreturn void give_up(const char *path)
{
    fprintf(stderr, "make_corpus: %s: %s\n", path, strerror(errno));
    exit(EXIT_FAILURE);
}

/* Files are numbered within their target: DIR/<target>/<number>. */
static void write_seed(const char *target, const void *head, size_t head_len, const void *bytes, size_t len)
{
    static const char *last = "";
    static unsigned number;
    char path[4096];
    if (strcmp(target, last) != 0) {
        last = target;
        number = 0;
        snprintf(path, sizeof path, "%s/%s", base, target);
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            give_up(path);
    }
    snprintf(path, sizeof path, "%s/%s/%02u", base, target, number++);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        give_up(path);
    fwrite(head, 1, head_len, file);
    fwrite(bytes, 1, len, file);
    if (fclose(file) != 0)
        give_up(path);
}

static void write_field(const char *target, const json_t *list, const char *key)
{
    size_t i;
    json_t *vector;
    json_array_foreach (list, i, vector) {
        size_t len;
        uint8_t *bytes = vectors_bytes(vector, key, &len);
        write_seed(target, "", 0, bytes, len);
        free(bytes);
    }
}

static void write_sessions(const json_t *frames)
{
    size_t i;
    json_t *frame;
    json_array_foreach (frames, i, frame) {
        size_t len;
        uint8_t *bytes = vectors_bytes(frame, "body", &len);
        uint32_t counter = (uint32_t)vectors_integer(frame, "counter");
        const uint8_t highest[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16), (uint8_t)(counter >> 8),
                                    (uint8_t)counter};
        write_seed("session", highest, sizeof highest, bytes, len);
        free(bytes);
    }
}

static void write_texts(const char *target, const char *const texts[])
{
    for (size_t i = 0; texts[i] != NULL; i++)
        write_seed(target, "", 0, texts[i], strlen(texts[i]));
}

/* As fuzz_model_decode reads them: which model, then the payload. */
static void write_payloads(void)
{
    static const struct {
        uint8_t model;
        const char *payload;
        size_t len;
    } payloads[] = {
        {0, "\x01\x01\x00\x00", 4},
        {0, "\x02\x3f\x80\x00\x00\x80", 6},
        {0, "\x03\x00\x08\x00", 4},
        {1, "{\"k\":1,\"a\":[{\"t\":1.5}],\"on\":true,\"word\":\"b\",\"text\":\"\\u00e9\"}", 57},
        {2, "\xa5\x61k\x01\x61\x61\x81\xa1\x61t\x01\x62on\xf5\x64word\x61\x62\x64text\x61x", 30},
        {2, "\xbf\x61k\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00\x7f\x62te\x62xt\xff\x7f\x61x\xff\xff", 25},
        {3, "k=1 t=1.5;on=true,word=b&text=x", 31},
    };

    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
        write_seed("model_decode", &payloads[i].model, 1, payloads[i].payload, payloads[i].len);
}

/* Stored histories: a bitmap, the number of gaps, the flags (run, run is a gap, voice), gaps and run with 8 bytes each,
 * and the voice. */
static void write_histories(void)
{
    enum { HEAD = 16384 / 8 + 2 };
    static const uint8_t whole[HEAD];
    uint8_t head[HEAD] = {0x80, [HEAD - 2] = 1, [HEAD - 1] = 1};
    uint8_t spoken[HEAD] = {0x80, [HEAD - 2] = 1, [HEAD - 1] = 7};
    static const uint8_t gaps[] = {0, 0, 0, 5, 0, 1, 0, 0, 0, 1, 0, 9, 0, 1, 0, 40, 0, 0, 0, 7};

    write_seed("history", whole, sizeof whole, gaps, 0);
    write_seed("history", head, sizeof head, gaps, sizeof gaps - 4);
    write_seed("history", spoken, sizeof spoken, gaps, sizeof gaps);
}

/* As fuzz_fragment reads them: a record for each fragment, 100 ms apart. */
static void write_fragments(const json_t *cases)
{
    size_t i, j;
    json_t *vector, *one;

    json_array_foreach (cases, i, vector) {
        uint8_t records[8192];
        size_t fill = 0;
        json_array_foreach (vectors_list(vector, "fragments"), j, one) {
            size_t len;
            uint8_t *bytes = vectors_bytes(one, "hex", &len);
            if (fill + 3 + len > sizeof records) {
                free(bytes);
                break;
            }
            const uint8_t head[3] = {0, 100, (uint8_t)len};
            memcpy(records + fill, head, sizeof head);
            memcpy(records + fill + sizeof head, bytes, len);
            fill += sizeof head + len;
            free(bytes);
        }
        write_seed("fragment", "", 0, records, fill);
    }
}

/* A leaf of SQLite's smallest size with two rows of a spool, of version 2 and of version 1. */
static void write_spool_page(void)
{
    static const uint8_t head[] = {0x0D, 0, 0, 0, 2, 0, 0, 0, 0x01, 0x00, 0x01, 0x40}; /* rows at 256 and 320 */
    static const uint8_t rows[2][64] = {
        {24,   0x81, 0x00, 8, 0,   4,   1,   2,    19, 22, 1, 0x12, 0x34, 0x56,
         0x78, 7,    1,    2, 't', 't', 'y', 0x11, 1,  2,  3, 4,    0xA9},
        {19, 5, 7, 0, 4, 9, 8, 17, 24, 0x12, 0x34, 0x56, 0x78, 't', '0', 0x10, 1, 2, 3, 4, 5},
    };
    uint8_t page[512] = {0};

    memcpy(page, head, sizeof head);
    memcpy(page + 256, rows, sizeof rows);
    write_seed("spool_rows", "", 0, page, sizeof page);
}

int main(int argc, char **argv)
{
    static const char *const topics[] = {
        "selkie\nselkie/gateway/roof-1/up",
        "selkie\nselkie/gateway/roof-1/receipt",
        "selkie\nselkie/device/0011223344556677/state",
        "selkie\nselkie/device/0011223344556677/values",
        "selkie\nselkie/device/0011223344556677/values/late",
        "a/b\na/b/models/acme-th1.2_x",
        "selkie\nselkie/rejected/bad-seal",
        "selkie\nselkie/stats",
        "site/one\nsite/one/gateway/a.b_c/stats",
        "$SYS\n$SYS/stats",
        NULL,
    };
    static const char *const settings[] = {
        "{\"name\":\"a\",\"count\":3,\"rate\":0.5,\"on\":false,\"colour\":\"green\"}",
        "{\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"},{\"id\":255,\"file\":\"\\u00fc\"}],\"names\":[\"a\",\"b\"]}",
        "{\n  \"inner\": {\"name\": \"x\", \"count\": 64},\n  \"unknown\": [1, 2.5e3, null, {}]\n}",
        "{\"count\":65}",
        "[]",
        "",
        NULL,
    };
    static const char *const commands[] = {
        "{\"commands\":[{\"command\":\"addDevice\",\"address\":\"0011223344556677\",\"name\":\"R\u00f6of\",\"claim\":"
        "\"c\"}]}",
        "{\"commands\":[{\"command\":\"addDevice\",\"address\":\"0011223344556677\"},"
        "{\"command\":\"getDevice\",\"address\":\"0011223344556677\",\"correlationData\":\"1\"},"
        "{\"command\":\"addDevice\",\"address\":\"0011223344556677\",\"claim\":\"c\",\"model\":\"m\",\"update\":true},"
        "{\"command\":\"setDevice\",\"address\":\"0011223344556677\",\"name\":\"x\",\"claim\":null},"
        "{\"command\":\"revokeDevice\",\"address\":\"0011223344556677\"},"
        "{\"command\":\"restoreDevice\",\"address\":\"0011223344556677\"},"
        "{\"command\":\"removeDevice\",\"address\":\"0011223344556677\"}]}",
        "{\"commands\":[{\"command\":\"listDevices\",\"status\":\"active\",\"offset\":0,\"limit\":9,\"after\":"
        "\"0011223344556677\"}]}",
        "{\"commands\":[{\"command\":\"approveDevice\",\"address\":\"0011223344556677\",\"id\":\"0011223344556677\"},"
        "{\"command\":\"denyDevice\",\"address\":\"0011223344556677\"}]}",
        "{\"commands\":[{\"command\":\"approveDevice\",\"address\":\"0011223344556677\",\"newest\":true},"
        "{\"command\":\"denyDevice\",\"address\":\"0011223344556677\",\"all\":true},"
        "{\"command\":\"readmitDevice\",\"address\":\"0011223344556677\"},"
        "{\"command\":\"listPending\",\"limit\":9,\"after\":\"0011223344556677\"}]}",
        "{\"commands\":[{\"command\":\"addGateway\",\"gateway\":\"roof\",\"auth\":\"certificate\"},"
        "{\"command\":\"listGateways\"},{\"command\":\"removeGateway\",\"gateway\":\"roof\"}]}",
        "{\"commands\":[{\"command\":\"resetGatewayPassword\",\"gateway\":\"roof\"}]}",
        "{\"commands\":[{\"command\":\"listKeys\"},{\"command\":\"getStats\"},{\"command\":\"x\"},7]}",
        "{\"commands\":[{\"command\":\"listKeys\","
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u00e4\":1}]}",
        NULL,
    };
    static const char *const receipts[] = {
        "{\"seq\":[1,2,3]}", "{\"seq\":[]}", "{\"seq\":[9223372036854775807,-1,1.5]}", "{\"seq\":7}", "[]", NULL};
    static const char *const rows[] = {
        "address,name,claim\n0011223344556677,Roof,c\n",
        "\xEF\xBB\xBF\"a\",\"b\"\"c\",\"d\ne\"\r\n,,\r\n\n\"\"\n",
        "'=1,''x,'tis\n=1;-2\t@3,'\n",
        "a",
        "\"",
        NULL,
    };
    static const char *const models[] = {
        "{\"model\":\"a\",\"manufacturer\":\"A\",\"firmware\":[\"a "
        "*\"],\"format\":\"packed\",\"length\":[4,9],\"fields\":["
        "{\"name\":\"kind\",\"offset\":0,\"type\":\"u8\",\"enum\":{\"1\":\"x\",\"2\":\"y\"}},{\"name\":\"t\","
        "\"offset\":1,"
        "\"type\":\"i24le\",\"scale\":0.01,\"add\":-1,\"min\":-9,\"max\":9,\"unit\":\"V\",\"device_class\":\"voltage\","
        "\"state_class\":\"measurement\",\"when\":{\"kind\":\"x\"}},{\"name\":\"b\",\"offset\":1,\"type\":\"u16be\","
        "\"bits\":"
        "[3,7],\"when\":{\"kind\":\"y\"}}],\"examples\":[{\"hex\":\"01010000\",\"values\":{\"kind\":\"x\",\"t\":-0.99}}"
        ","
        "{\"hex\":\"02000800\",\"values\":{\"kind\":\"y\",\"b\":1}}]}",
        "{\"model\":\"b\",\"format\":\"json\",\"fields\":[{\"name\":\"t\",\"path\":\"/a/"
        "0\",\"optional\":true},{\"name\":\"o\","
        "\"type\":\"boolean\"},{\"name\":\"l\",\"type\":\"text\"}],\"examples\":[{\"text\":\"{\\\"a\\\":[1.5],"
        "\\\"o\\\":true,"
        "\\\"l\\\":\\\"x\\\"}\",\"values\":{\"t\":1.5,\"o\":true,\"l\":\"x\"}}]}",
        "{\"model\":\"c\",\"format\":\"cbor\",\"fields\":[{\"name\":\"t\",\"path\":\"1\"}],\"examples\":[{\"hex\":"
        "\"a101fa41ab70a4\","
        "\"values\":{\"t\":21.43}}]}",
        "{\"model\":\"d\",\"format\":\"text\",\"fields\":[{\"name\":\"t\",\"enum\":{\"x\":true,\"y\":false}}],"
        "\"examples\":[{"
        "\"text\":\"t=x\",\"values\":{\"t\":true}}]}",
        NULL,
    };
    if (argc != 4) {
        fprintf(stderr, "usage: make_corpus VECTORS FRAGMENTS DIR\n");
        return 2;
    }
    base = argv[3];
    if (mkdir(base, 0755) != 0 && errno != EEXIST)
        give_up(base);
    json_t *root = vectors_load(argv[1]);
    if (root == NULL)
        give_up(argv[1]);
    json_t *fragments = vectors_load(argv[2]);
    if (fragments == NULL)
        give_up(argv[2]);
    json_t *frames = vectors_list(json_object_get(root, "session"), "frames");
    write_field("link", vectors_list(root, "link"), "wire");
    write_field("frame", vectors_list(root, "sealed"), "body");
    write_field("frame", vectors_list(root, "rejected"), "body");
    write_field("frame", frames, "body");
    write_field("message", vectors_list(root, "sealed"), "message");
    write_sessions(frames);
    write_texts("topic", topics);
    write_texts("settings", settings);
    write_texts("commands", commands);
    write_histories();
    write_texts("receipt", receipts);
    write_texts("csv", rows);
    write_texts("model_file", models);
    write_payloads();
    write_spool_page();
    write_fragments(vectors_list(fragments, "cases"));
    json_decref(fragments);
    json_decref(root);
    return EXIT_SUCCESS;
}
