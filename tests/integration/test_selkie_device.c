/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-device as a user runs it: what it says, what it sends, how it ends. */
#include "cloud.h"

#include <errno.h>
#include <jansson.h>
#include <selkie/session.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADDRESS "00112233445566aa"
#define MORE    8 /* further arguments of a test, at most */

/* The sanitizers' memory is too large to be locked, and they see to it that it is not. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static struct harness_pty *radio;
static struct cloud_frame frame;

static void set_up(void)
{
    radio = harness_pty("radio");
}

/* The required options, then `more` up to a NULL. */
static void arguments(const char *argv[static 14 + MORE], const char *const more[])
{
    const char *const required[] = {harness_program("selkie-device"),
                                    "--port",
                                    radio->path,
                                    "--public-key",
                                    harness_public_key(),
                                    "--key-id",
                                    "1",
                                    "--address",
                                    ADDRESS,
                                    "--bit-rate",
                                    "0",
                                    "--repeat",
                                    "1"};
    size_t count = sizeof required / sizeof required[0];
    memcpy(argv, required, sizeof required);
    for (size_t i = 0; more[i] != NULL; i++)
        argv[count++] = more[i];
    argv[count] = NULL;
}

static struct harness_process *start(const char *const more[], const char *input)
{
    const char *argv[14 + MORE];
    arguments(argv, more);
    struct harness_process *device = harness_spawn("device", argv, input != NULL);
    if (input == NULL)
        return device;
    ssize_t wrote = write(device->input, input, strlen(input));
    ck_assert(wrote == (ssize_t)strlen(input) ||
              (wrote < 0 && errno == EPIPE)); /* who refuses to start reads nothing */
    close(device->input);
    device->input = -1;
    return device;
}

static void expect_end(struct harness_process *device, int status, const char *text)
{
    ck_assert_int_eq(harness_wait_exit(device), status);
    ck_assert_msg(harness_log_has(device, text), "it did not say '%s'", text);
}

static void expect_data(uint32_t counter, const char *payload)
{
    ck_assert_int_eq(frame.message.kind, SELKIE_DATA);
    ck_assert_uint_eq(frame.message.counter, counter);
    ck_assert_uint_eq(frame.message.data.payload_len, strlen(payload));
    ck_assert_mem_eq(frame.message.data.payload, payload, strlen(payload));
}

START_TEST(lines_become_frames)
{
    struct harness_process *device = start((const char *const[]){"--claim", "shed", NULL}, "one\n\nthe last");
    cloud_receive(&frame, radio);
    ck_assert_int_eq(frame.message.kind, SELKIE_REGISTER);
    ck_assert_uint_eq(frame.message.counter, 0);
    ck_assert_uint_eq(frame.message.registration.claim_len, 4);
    ck_assert_mem_eq(frame.message.registration.claim, "shed", 4);
    cloud_receive(&frame, radio);
    expect_data(1, "one");
    cloud_receive(&frame, radio);
    expect_data(2, ""); /* an empty line is a payload, too */
    cloud_receive(&frame, radio);
    expect_data(3, "the last"); /* with or without its newline */
    expect_end(device, 0, "payloads 3, transmissions 4,");
}
END_TEST

START_TEST(hex_lines_are_bytes)
{
    struct harness_process *device = start((const char *const[]){"--hex", NULL}, "4142\n00fF\n");
    cloud_receive(&frame, radio);
    cloud_receive(&frame, radio);
    expect_data(1, "AB");
    cloud_receive(&frame, radio);
    ck_assert_mem_eq(frame.message.data.payload, "\x00\xff", 2);
    expect_end(device, 0, "payloads 2");
}
END_TEST

START_TEST(bad_lines_are_named)
{
    char longest[403];
    memset(longest, 'x', 401);
    strcpy(longest + 401, "\n");
    expect_end(start((const char *const[]){NULL}, longest), 1, "line 1: a payload has at most 400 bytes");
    expect_end(start((const char *const[]){"--hex", NULL}, "00\n123\n"), 1, "line 2: an odd number of hex digits");
    expect_end(start((const char *const[]){"--hex", NULL}, "0g\n"), 1, "line 1: not hex digits");
    struct harness_process *device = start((const char *const[]){"--hex", NULL}, "0\n41 42\r\n"); /* the rest goes on */
    do
        cloud_receive(&frame, radio);
    while (frame.message.kind != SELKIE_DATA || frame.message.data.payload_len != 2);
    expect_data(1, "AB");
    expect_end(device, 1, "line 1: an odd number of hex digits");
}
END_TEST

START_TEST(wrong_command_lines_end_with_2)
{
    static const char *const wrong[][3] = {{"--form", "open"},  {"--interval", "-1"},       {"--key-id", "256"},
                                           {"--address", "00"}, {"--sealed-every", "4097"}, {"--pin", "00"},
                                           {"--baud", "49"},    {"--duty", "10"},           {"--next-key-id", "2"},
                                           {"unheard-of", NULL}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_end(start(wrong[i], NULL), 2, "--help");
    const char *const alone[] = {harness_program("selkie-device"), NULL};
    expect_end(harness_spawn("alone", alone, false), 2, "are required");
}
END_TEST

START_TEST(failures_name_the_thing_at_fault)
{
    const char *text = harness_write("text.pem", 0600, "no key\n");
    expect_end(start((const char *const[]){"--port", "/nonexistent", NULL}, NULL), 1,
               "/nonexistent: No such file or directory");
    expect_end(start((const char *const[]){"--port", "/dev/null", NULL}, NULL), 1,
               "/dev/null: Inappropriate ioctl for device");
    expect_end(start((const char *const[]){"--public-key", text, NULL}, NULL), 1, "not a public key in PEM form");
    expect_end(start((const char *const[]){"--public-key", harness_private_key(), NULL}, NULL), 1,
               "a private key, which belongs on no device");
    expect_end(start((const char *const[]){"--public-key", "/nonexistent", NULL}, NULL), 1,
               "/nonexistent: No such file or directory");
}
END_TEST

START_TEST(a_key_without_its_pin_sends_nothing)
{
    uint8_t byte;
    const char *pin = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    expect_end(start((const char *const[]){"--pin", pin, NULL}, "x\n"), 1, "does not match its pin");
    ck_assert_uint_eq(harness_pty_read(radio, &byte, 1, 0), 0);
}
END_TEST

START_TEST(acknowledged_frames_end_it)
{
    struct harness_process *device = start((const char *const[]){"--ack", NULL}, "one\ntwo\n");
    do {
        cloud_receive(&frame, radio);
        cloud_acknowledge(radio, &frame);
    } while (frame.message.counter < 2);
    expect_end(device, 0, "acknowledged 3, given up 0");
}
END_TEST

START_TEST(a_frame_without_ack_is_repeated_byte_for_byte_and_given_up)
{
    static struct cloud_frame first;
    struct harness_process *device = start((const char *const[]){"--ack", NULL}, "one\n");
    cloud_receive(&first, radio);
    cloud_receive(&frame, radio);
    ck_assert_uint_eq(first.len, frame.len);
    ck_assert_mem_eq(first.body, frame.body, frame.len);
    cloud_acknowledge(radio, &frame); /* the REGISTER; the message never */
    while (frame.message.kind == SELKIE_REGISTER)
        cloud_receive(&frame, radio);
    for (int i = 1; i < 5; i++) {
        cloud_receive(&frame, radio);
        expect_data(1, "one");
    }
    expect_end(device, 1, "1 frames were not acknowledged");
}
END_TEST

START_TEST(readings_are_this_machines_own)
{
    struct harness_process *device =
        start((const char *const[]){"--readings", "--count", "2", "--interval", "0.1", NULL}, NULL);
    for (uint32_t counter = 0; counter < 2; counter++)
        cloud_receive(&frame, radio);
    json_t *json = json_loadb((const char *)frame.message.data.payload, frame.message.data.payload_len, 0, NULL);
    ck_assert_ptr_nonnull(json);
    ck_assert(json_is_real(json_object_get(json, "load1")));
    ck_assert_int_gt(json_integer_value(json_object_get(json, "memory_total")),
                     json_integer_value(json_object_get(json, "memory_free")));
    ck_assert_int_gt(json_integer_value(json_object_get(json, "uptime")), 0);
    json_decref(json);
    expect_end(device, 0, "payloads 2");
}
END_TEST

START_TEST(sighup_draws_a_new_id)
{
    uint8_t old[SELKIE_ID_SIZE];
    struct harness_process *device = start((const char *const[]){"--readings", "--interval", "0.1", NULL}, NULL);
    cloud_receive(&frame, radio);
    memcpy(old, frame.message.id, sizeof old);
    harness_signal(device, SIGHUP);
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    do {
        ck_assert_int_lt(harness_now_ms(), limit);
        cloud_receive(&frame, radio);
    } while (memcmp(frame.message.id, old, sizeof old) == 0);
    ck_assert_int_eq(frame.message.kind, SELKIE_REGISTER);
    ck_assert_uint_eq(frame.message.counter, 0);
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

START_TEST(sigusr1_switches_to_the_next_key)
{
    struct harness_process *device = start((const char *const[]){"--readings", "--interval", "0.1", "--next-public-key",
                                                                 harness_public_key(), "--next-key-id", "7", NULL},
                                           NULL);
    cloud_receive(&frame, radio);
    ck_assert_uint_eq(frame.header.sealed.key_id, 1);
    harness_signal(device, SIGUSR1);
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    while (frame.header.sealed.key_id != 7) {
        ck_assert_int_lt(harness_now_ms(), limit);
        cloud_receive(&frame, radio);
    }
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

START_TEST(session_frames_go_between_sealed_ones)
{
    struct selkie_session session;
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    struct harness_process *device =
        start((const char *const[]){"--form", "session", "--sealed-every", "3", NULL}, "1\n2\n3\n4\n5\n6\n");
    cloud_receive(&frame, radio);
    ck_assert_uint_eq(frame.message.registration.flags, SELKIE_FLAG_SESSION);
    ck_assert_int_eq(selkie_session_derive(&session, frame.message.address, frame.message.id), 0);
    for (uint32_t counter = 1; counter <= 6; counter++) {
        const char expected[] = {(char)('0' + counter), '\0'};
        cloud_receive(&frame, radio);
        if (counter % 3 == 0) {
            ck_assert_int_eq(frame.header.type, SELKIE_SEALED);
            expect_data(counter, expected);
            continue;
        }
        ck_assert_int_eq(frame.header.type, SELKIE_SESSION);
        ck_assert_uint_eq(frame.len, SELKIE_SESSION_OVERHEAD + 1);
        ck_assert_int_eq(selkie_session_open(payload, &session, counter, &frame.header), 1);
        ck_assert_int_eq(payload[0], expected[0]);
    }
    expect_end(device, 0, "payloads 6");
}
END_TEST

/* How many kB of a process are locked. */
static unsigned long locked_kb(pid_t pid)
{
    char path[64], line[256];
    unsigned long locked = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmLck:", 6) == 0)
            locked = strtoul(line + 6, NULL, 10);
    }
    fclose(file);
    return locked;
}

/* Whether this program, killed in the way that dumps core, does so. */
static bool dumps_core(pid_t pid)
{
    int status;
    ck_assert_int_eq(kill(pid, SIGQUIT), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    return WCOREDUMP(status);
}

START_TEST(its_memory_is_locked_and_in_no_core_dump)
{
    const struct rlimit any_core = {RLIM_INFINITY, RLIM_INFINITY};
    ck_assert_int_eq(chdir(harness_path("")), 0);
    bool may_dump = setrlimit(RLIMIT_CORE, &any_core) == 0;
    struct harness_process *device = start((const char *const[]){"--readings", NULL}, NULL);
    cloud_receive(&frame, radio);
    if (harness_log_has(device, "memory cannot be locked"))
        printf("not tested: this machine lets us lock no memory\n");
    else if (!SANITIZED)
        ck_assert_uint_gt(locked_kb(device->pid), 500);

    pid_t control = fork();
    if (control == 0) {
        execlp("sleep", "sleep", "100", (char *)NULL);
        _exit(127);
    }
    ck_assert_int_gt(control, 0);
    if (!may_dump || !dumps_core(control)) {
        printf("not tested: this machine dumps no core\n");
        ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
        return;
    }
    ck_assert(!dumps_core(device->pid));
    device->pid = 0;
}
END_TEST

START_TEST(without_leave_to_lock_memory_it_says_so_and_works)
{
    /* Root may lock what it likes, unless that is taken from it. */
    const char *argv[19 + MORE] = {"setpriv", "--bounding-set", "-ipc_lock", "prlimit", "--memlock=0:0"};
    size_t first = geteuid() == 0 ? 0 : 3;
    arguments(argv + 5, (const char *const[]){"--readings", "--count", "1", NULL});
    struct harness_process *device = harness_spawn("device", argv + first, false);
    if (!SANITIZED)
        harness_wait_log(device, "memory cannot be locked");
    cloud_receive(&frame, radio);
    ck_assert_int_eq(frame.message.kind, SELKIE_REGISTER);
    ck_assert_int_eq(harness_wait_exit(device), 0);
}
END_TEST

START_TEST(a_line_that_vanishes_is_named)
{
    struct harness_process *device =
        start((const char *const[]){"--once", "--readings", "--interval", "0.1", NULL}, NULL);
    cloud_receive(&frame, radio);
    harness_pty_unplug(radio);
    expect_end(device, 1, "the line is gone");
}
END_TEST

START_TEST(a_line_that_vanishes_while_there_is_nothing_to_send_is_named_too)
{
    const char *argv[14 + MORE];
    arguments(argv, (const char *const[]){"--once", NULL});
    struct harness_process *device = harness_spawn("device", argv, true); /* and no line comes on its input */
    cloud_receive(&frame, radio);
    harness_pty_unplug(radio);
    expect_end(device, 1, "the line is gone");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("selkie_device");
    TCase *tc = tcase_create("selkie_device");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, lines_become_frames);
    tcase_add_test(tc, hex_lines_are_bytes);
    tcase_add_test(tc, bad_lines_are_named);
    tcase_add_test(tc, wrong_command_lines_end_with_2);
    tcase_add_test(tc, failures_name_the_thing_at_fault);
    tcase_add_test(tc, a_key_without_its_pin_sends_nothing);
    tcase_add_test(tc, acknowledged_frames_end_it);
    tcase_add_test(tc, a_frame_without_ack_is_repeated_byte_for_byte_and_given_up);
    tcase_add_test(tc, readings_are_this_machines_own);
    tcase_add_test(tc, sighup_draws_a_new_id);
    tcase_add_test(tc, sigusr1_switches_to_the_next_key);
    tcase_add_test(tc, session_frames_go_between_sealed_ones);
    tcase_add_test(tc, its_memory_is_locked_and_in_no_core_dump);
    tcase_add_test(tc, without_leave_to_lock_memory_it_says_so_and_works);
    tcase_add_test(tc, a_line_that_vanishes_is_named);
    tcase_add_test(tc, a_line_that_vanishes_while_there_is_nothing_to_send_is_named_too);
    return harness_main(suite);
}
