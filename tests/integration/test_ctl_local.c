/* SPDX-License-Identifier: Apache-2.0 */
/* What selkiectl does without a broker: keys, frames, and how it is called. */
#include "harness.h"
#include <vectors/vectors.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Run selkiectl with some arguments, ended by NULL; returns its exit status and what it said (free it). */
static int ctl(char **output, const char *const arguments[static 1])
{
    const char *argv[12] = {harness_program("selkiectl")};
    for (size_t i = 0; arguments[i] != NULL; i++) {
        ck_assert_uint_lt(i + 2, sizeof argv / sizeof argv[0]);
        argv[i + 1] = arguments[i];
    }
    return harness_run("selkiectl", argv, output);
}

/* Run it; it must end with this status and say this text. */
static void expect(int status, const char *text, const char *const arguments[static 1])
{
    char *output;
    int ended = ctl(&output, arguments);
    ck_assert_msg(ended == status && strstr(output, text) != NULL, "exit %d, expected %d and \"%s\" in:\n%s", ended,
                  status, text, output);
    free(output);
}

#define EXPECT(status, text, ...) expect(status, text, (const char *const[]){__VA_ARGS__, NULL})

static mode_t mode_of(const char *path)
{
    struct stat status;
    ck_assert_msg(stat(path, &status) == 0, "%s is not there", path);
    return status.st_mode & 07777;
}

/* The hex bytes between the braces of an array in a C header. */
static size_t read_array(const char *header, const char *name, uint8_t *bytes, size_t size)
{
    const char *at = strstr(header, name);
    ck_assert_ptr_nonnull(at);
    at = strchr(at, '{');
    ck_assert_ptr_nonnull(at);
    size_t count = 0;
    for (;;) {
        const char *next = strstr(at, "0x");
        const char *end = strchr(at, '}');
        if (next == NULL || next > end)
            return count;
        ck_assert_uint_lt(count, size);
        bytes[count++] = (uint8_t)strtoul(next, NULL, 16);
        at = next + 4;
    }
}

START_TEST(keygen_writes_three_files_that_belong_together)
{
    char folder[256], path[300];
    snprintf(folder, sizeof folder, "%s", harness_path("keys"));
    EXPECT(0, "7.pub.h", "keygen", "--id", "7", "--out", folder);
    ck_assert_uint_eq(mode_of(folder), 0700);
    snprintf(path, sizeof path, "%s/7.key.pem", folder);
    ck_assert_uint_eq(mode_of(path), 0600);

    FILE *file = fopen(path, "r");
    EVP_PKEY *private = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    ck_assert_ptr_nonnull(private);
    ck_assert_int_eq(EVP_PKEY_get_bits(private), 4096);
    snprintf(path, sizeof path, "%s/7.pub.pem", folder);
    file = fopen(path, "r");
    EVP_PKEY *public = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    fclose(file);
    ck_assert_ptr_nonnull(public);
    ck_assert_int_eq(EVP_PKEY_eq(private, public), 1);

    uint8_t *spki = NULL, digest[32], in_header[1024];
    int len = i2d_PUBKEY(public, &spki);
    ck_assert_int_eq(len, 550);
    ck_assert_int_eq(EVP_Digest(spki, (size_t)len, digest, NULL, EVP_sha256(), NULL), 1);
    snprintf(path, sizeof path, "%s/7.pub.h", folder);
    char *header = harness_read(path);
    ck_assert_uint_eq(read_array(header, "selkie_key_7_spki[550]", in_header, sizeof in_header), (size_t)len);
    ck_assert_mem_eq(in_header, spki, (size_t)len);
    ck_assert_uint_eq(read_array(header, "selkie_key_7_pin[32]", in_header, sizeof in_header), sizeof digest);
    ck_assert_mem_eq(in_header, digest, sizeof digest);
    ck_assert_ptr_nonnull(strstr(header, "#define SELKIE_KEY_7_ID 7\n"));
    free(header);
    OPENSSL_free(spki);
    EVP_PKEY_free(public);
    EVP_PKEY_free(private);
}
END_TEST

START_TEST(keygen_never_overwrites)
{
    static const char *const names[] = {"3.key.pem", "3.pub.pem", "3.pub.h"};
    for (size_t i = 0; i < 3; i++) {
        char *content, folder[256], path[300];
        snprintf(folder, sizeof folder, "%s", harness_path(names[i]));
        ck_assert_int_eq(mkdir(folder, 0700), 0);
        snprintf(path, sizeof path, "%s/%s", names[i], names[i]);
        const char *there = harness_write(path, 0600, "precious");
        EXPECT(1, "exists already", "keygen", "--id", "3", "--out", folder);
        content = harness_read(there);
        ck_assert_str_eq(content, "precious");
        free(content);
        for (size_t j = 0; j < 3; j++) {
            snprintf(path, sizeof path, "%s/%s", folder, names[j]);
            ck_assert_int_eq(access(path, F_OK), i == j ? 0 : -1);
        }
    }
}
END_TEST

/* A line of a shell, in which "$1" is the path. */
static void make_key(const char *line, const char *path)
{
    char *output;
    const char *const argv[] = {"/bin/sh", "-c", line, "sh", path, NULL};
    int ended = harness_run("openssl", argv, &output);
    ck_assert_msg(ended == 0, "%s: %s", line, output);
    free(output);
}

static void expect_same_file(const char *a, const char *b)
{
    char *first = harness_read(a), *second = harness_read(b);
    ck_assert_str_eq(first, second);
    free(first);
    free(second);
}

START_TEST(keygen_takes_the_public_half_of_a_key_that_exists)
{
    char made[256], folder[256], from[300], path[300], pem[300], header[300];
    static const char *const sources[] = {"5.key.pem", "5.pub.pem"};
    snprintf(made, sizeof made, "%s", harness_path("made"));
    EXPECT(0, "pin ", "keygen", "--id", "5", "--out", made);
    snprintf(pem, sizeof pem, "%s/5.pub.pem", made);
    snprintf(header, sizeof header, "%s/5.pub.h", made);
    for (size_t i = 0; i < 2; i++) {
        snprintf(folder, sizeof folder, "%s", harness_path(i == 0 ? "of-key" : "of-pub"));
        snprintf(from, sizeof from, "%s/%s", made, sources[i]);
        EXPECT(0, "5.pub.h\npin ", "keygen", "--id", "5", "--out", folder, "--from", from);
        snprintf(path, sizeof path, "%s/5.pub.pem", folder);
        expect_same_file(path, pem);
        snprintf(path, sizeof path, "%s/5.pub.h", folder);
        expect_same_file(path, header);
        snprintf(path, sizeof path, "%s/5.key.pem", folder);
        ck_assert_int_eq(access(path, F_OK), -1);
    }
    /* Nothing that exists is written over, and no private key stands in the way. */
    EXPECT(1, "5.pub.pem: exists already", "keygen", "--id", "5", "--out", made, "--from", pem);
}
END_TEST

START_TEST(keygen_from_says_what_is_wrong_with_a_key)
{
    static const struct {
        const char *make, *said;
    } cases[] = {
        {"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out \"$1\"", "not an RSA key"},
        {"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out \"$1\"",
         "2048 bits; must have exactly 4096"},
        {"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -pkeyopt rsa_keygen_pubexp:3 -out \"$1\"",
         "another exponent than 65537"},
        {"openssl genpkey -algorithm RSA -aes128 -pass pass:x -out \"$1\"", "the key is encrypted"},
        {"openssl genrsa -aes128 -passout pass:x -traditional -out \"$1\"", "the key is encrypted"},
        {"echo nonsense >\"$1\"", "neither a private nor a public key in PEM"},
    };
    char key[256], out[256];
    snprintf(key, sizeof key, "%s", harness_path("key"));
    snprintf(out, sizeof out, "%s", harness_path("out"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unlink(key);
        make_key(cases[i].make, key);
        EXPECT(1, cases[i].said, "keygen", "--id", "1", "--out", out, "--from", key);
    }
    EXPECT(1, "/nowhere: No such file", "keygen", "--id", "1", "--out", out, "--from", "/nowhere");
    EXPECT(2, "the PIN must not be in the URI", "keygen", "--id", "1", "--out", out, "--from",
           "pkcs11:token=x?pin-value=1234");
    EXPECT(2, "--pin-file is for a token", "keygen", "--id", "1", "--out", out, "--from", key, "--pin-file", key);
    EXPECT(2, "--pin-file is of no use", "keygen", "--id", "1", "--out", out, "--pin-file", key);
    EXPECT(1, "cannot load /nowhere.so", "keygen", "--id", "1", "--out", out, "--from",
           "pkcs11:token=x?module-path=/nowhere.so");
    ck_assert_int_eq(access(out, F_OK), -1);
}
END_TEST

START_TEST(keygen_says_what_is_wrong)
{
    const char *file = harness_write("file", 0600, "x");
    EXPECT(2, "--id and --out are required", "keygen", "--id", "1");
    EXPECT(2, "--id 0: not a number from 1 to 255", "keygen", "--id", "0", "--out", "x");
    EXPECT(2, "--id 256: not a number from 1 to 255", "keygen", "--id", "256", "--out", "x");
    EXPECT(2, "--id 1x: not a number from 1 to 255", "keygen", "--id", "1x", "--out", "x");
    EXPECT(1, "No such file", "keygen", "--id", "1", "--out", "/nowhere/at/all");
    EXPECT(1, "Not a directory", "keygen", "--id", "1", "--out", file);
}
END_TEST

static json_t *vector(json_t *root, const char *list, const char *name)
{
    size_t i;
    json_t *found;
    json_array_foreach (vectors_list(root, list), i, found) {
        if (strcmp(vectors_text(found, "name"), name) == 0)
            return found;
    }
    ck_abort_msg("no vector %s", name);
}

static const char *write_hex(const char *name, const json_t *from)
{
    return harness_write(name, 0600, "%s\n", vectors_text(from, "body"));
}

/* Run frame show --json and give what it says inside the seal. */
static json_t *show_message(const char *path, const char *sealed)
{
    char *output;
    const char *const arguments[] = {
        "frame", "show", path, "--json", "--key", harness_private_key(), sealed == NULL ? NULL : "--sealed",
        sealed,  NULL};
    ck_assert_int_eq(ctl(&output, arguments), 0);
    json_t *said = json_loads(output, 0, NULL);
    ck_assert_msg(said != NULL, "not JSON: %s", output);
    free(output);
    json_t *message = json_incref(json_object_get(said, "message"));
    ck_assert_ptr_nonnull(message);
    json_decref(said);
    return message;
}

START_TEST(frame_show_opens_every_golden_sealed_frame)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    size_t i;
    json_t *sealed;
    json_array_foreach (vectors_list(root, "sealed"), i, sealed) {
        json_t *message = show_message(write_hex("frame.hex", sealed), NULL);
        ck_assert_str_eq(vectors_text(message, "kind"), vectors_text(sealed, "kind"));
        ck_assert_int_eq(vectors_integer(message, "counter"), vectors_integer(sealed, "counter"));
        ck_assert_uint_eq(strlen(vectors_text(message, "id")), 16);
        if (json_object_get(sealed, "payload") != NULL)
            ck_assert_str_eq(vectors_text(message, "payload"), vectors_text(sealed, "payload"));
        if (json_object_get(sealed, "claim") != NULL)
            ck_assert_str_eq(vectors_text(message, "claim"), vectors_text(sealed, "claim"));
        json_decref(message);
    }
    json_decref(root);
}
END_TEST

START_TEST(frame_show_opens_session_frames_near_a_sealed_one)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    char sealed[256];
    snprintf(sealed, sizeof sealed, "%s", write_hex("sealed.hex", vector(root, "sealed", "register-plain")));
    json_t *frames = vectors_list(json_object_get(root, "session"), "frames");
    for (size_t i = 0; i < 2; i++) {
        json_t *frame = json_array_get(frames, i);
        json_t *message = show_message(write_hex("session.hex", frame), sealed);
        ck_assert_str_eq(vectors_text(message, "payload"), vectors_text(frame, "payload"));
        ck_assert_int_eq(vectors_integer(message, "counter"), vectors_integer(frame, "counter"));
        json_decref(message);
    }
    const char *far = write_hex("far.hex", json_array_get(frames, 4));
    EXPECT(1, "does not open", "frame", "show", far, "--key", harness_private_key(), "--sealed", sealed);
    EXPECT(1, "--sealed", "frame", "show", far, "--key", harness_private_key());
    json_decref(root);
}
END_TEST

START_TEST(frame_show_refuses_every_golden_rejected_frame)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    size_t i;
    json_t *rejected;
    json_array_foreach (vectors_list(root, "rejected"), i, rejected) {
        /* This one opens, since key 1 is given for whatever key_id it names. */
        if (strcmp(vectors_text(rejected, "reason"), "unknown-key") == 0)
            continue;
        const char *path = write_hex("rejected.hex", rejected);
        const char *expected = strcmp(vectors_text(rejected, "reason"), "malformed") == 0 ? "malformed" : "bad-seal";
        EXPECT(1, expected, "frame", "show", path, "--key", harness_private_key());
    }
    json_decref(root);
}
END_TEST

START_TEST(frame_show_reads_raw_hex_and_line)
{
    const char *raw = harness_path("raw");
    FILE *file = fopen(raw, "w");
    fwrite("\x12\xbe\xef", 1, 3, file);
    fclose(file);
    EXPECT(0, "acknowledges       beef", "frame", "show", raw);
    EXPECT(0, "beef", "frame", "show", harness_write("hex", 0600, " 12 BE\nef "));
    EXPECT(0, "beef", "frame", "show", harness_write("line", 0600, "000612beefd05c00"));
    EXPECT(1, "CRC", "frame", "show", harness_write("crc", 0600, "000612beefd05d00"));
    EXPECT(1, "no whole frame", "frame", "show", harness_write("cut", 0600, "000612beef"));
    EXPECT(1, "empty", "frame", "show", harness_write("empty", 0600, "%s", ""));
    EXPECT(1, "too long", "frame", "show", harness_write("long", 0600, "%05000d", 0));
    EXPECT(1, "none: No such file", "frame", "show", harness_path("none"));
}
END_TEST

START_TEST(frame_show_names_a_bad_key_file)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    const char *frame = write_hex("frame.hex", vector(root, "sealed", "data-short"));
    EXPECT(1, "/nowhere: No such file", "frame", "show", frame, "--key", "/nowhere");
    EXPECT(1, "frame.hex: not a private key in PEM", "frame", "show", frame, "--key", frame);
    EXPECT(1, "not a private key in PEM", "frame", "show", frame, "--key", harness_public_key());
    json_decref(root);
}
END_TEST

#define READY SELKIE_SOURCE_DIR "/models/ready"
#define MODEL                                                                                                          \
    "{\"model\":\"acme\",\"format\":\"text\",\"fields\":[{\"name\":\"t\"}],\n\"examples\":[{\"text\":\"t=1.5\","       \
    "\"values\":{"                                                                                                     \
    "\"t\":%s}}]}"

static const char *write_model(const char *name, const char *value)
{
    const char *path = harness_path(name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fprintf(file, MODEL, value), 0);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

START_TEST(model_check_names_each_wrong_file_and_ends_with_78)
{
    char folder[256], right[300], wrong[300];
    snprintf(folder, sizeof folder, "%s", harness_path("models"));
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    snprintf(right, sizeof right, "%s", write_model("models/right.json", "1.5"));
    EXPECT(0, "right.json: acme, 1 field\n", "model", "check", right);
    snprintf(wrong, sizeof wrong, "%s", write_model("wrong.json", "2"));
    EXPECT(78, "wrong.json:2: values: t: expected 2, got 1.5\n", "model", "check", wrong, right);
    EXPECT(78, "right.json: acme, 1 field\n", "model", "check", wrong, right);
    EXPECT(0, "acme, 1 field\n", "model", "check", folder);
    (void)write_model("models/twice.json", "1.5");
    EXPECT(78, "twice.json: model: another file of this folder describes acme already\n", "model", "check", folder);
    EXPECT(0, "selkie-sim-sensor, 4 fields\n", "model", "check", READY);
    EXPECT(78, "/nowhere: No such file or directory\n", "model", "check", "/nowhere");
    EXPECT(1, "no file *.json in this folder", "model", "check", SELKIE_SOURCE_DIR "/docs");
    EXPECT(2, "an argument is missing", "model", "check");
}
END_TEST

START_TEST(model_show_gives_a_payload_its_values)
{
    EXPECT(0, "temperature  number  °C    temperature  measurement\n", "model", "show",
           READY "/selkie-sim-sensor.json");
    EXPECT(0, "\"unit\": \"\\u00B0C\"", "model", "show", READY "/selkie-sim-sensor.json", "--json");
    EXPECT(0, "temperature  21.43\nhumidity     48\nbattery      3.01\nnumber       17\n", "model", "show",
           READY "/selkie-sim-sensor.json", "085f 6097 00000011 0f1e2d3c4b5a6978");
    EXPECT(0, "{\"uptime\":12,\"message\":3}\n", "model", "show", READY "/selkie-board.json",
           "{\"uptime\":12,\"message\":3}", "--json");
    EXPECT(0, "uptime   1\n", "model", "show", READY "/selkie-board.json",
           "7b22757074696d65223a312c226d657373616765223a327d");
    EXPECT(1, "selkie-sim-sensor: the payload has 1 bytes, and the model 16\n", "model", "show",
           READY "/selkie-sim-sensor.json", "08");
    EXPECT(2, "'08f' is no payload of at most 400 bytes in hex", "model", "show", READY "/selkie-sim-sensor.json",
           "08f");
    EXPECT(1, "no-such: neither a file nor a model in /", "model", "show", "no-such");
    EXPECT(78, "CMakeLists.txt:1: not JSON", "model", "show", SELKIE_SOURCE_DIR "/CMakeLists.txt");
}
END_TEST

START_TEST(command_line_mistakes_end_with_2)
{
    EXPECT(2, "'frame' needs one of: show", "frame");
    EXPECT(2, "no such command: 'fram'", "fram");
    EXPECT(2, "'frame' needs one of: show", "frame", "shows");
    EXPECT(2, "argument is missing", "frame", "show");
    EXPECT(2, "one argument too many: 'b'", "frame", "show", "a", "b");
    EXPECT(2, "unrecognized option", "frame", "show", "a", "--claim", "b");
    EXPECT(2, "unrecognized option", "--nonsense");
    EXPECT(0, "keygen --id N --out DIR", "--help");
    EXPECT(0, "--out=DIR", "keygen", "--help");
    EXPECT(0, "selkiectl " SELKIE_VERSION, "--version");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_local");
    TCase *tcase = tcase_create("ctl_local");
    tcase_set_timeout(tcase, 60); /* an RSA-4096 key takes its time */
    tcase_add_test(tcase, keygen_writes_three_files_that_belong_together);
    tcase_add_test(tcase, keygen_never_overwrites);
    tcase_add_test(tcase, keygen_takes_the_public_half_of_a_key_that_exists);
    tcase_add_test(tcase, keygen_from_says_what_is_wrong_with_a_key);
    tcase_add_test(tcase, keygen_says_what_is_wrong);
    tcase_add_test(tcase, frame_show_opens_every_golden_sealed_frame);
    tcase_add_test(tcase, frame_show_opens_session_frames_near_a_sealed_one);
    tcase_add_test(tcase, frame_show_refuses_every_golden_rejected_frame);
    tcase_add_test(tcase, frame_show_reads_raw_hex_and_line);
    tcase_add_test(tcase, frame_show_names_a_bad_key_file);
    tcase_add_test(tcase, model_check_names_each_wrong_file_and_ends_with_78);
    tcase_add_test(tcase, model_show_gives_a_payload_its_values);
    tcase_add_test(tcase, command_line_mistakes_end_with_2);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
