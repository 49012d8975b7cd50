/* SPDX-License-Identifier: Apache-2.0 */
/* The image for a BBC micro:bit V1 in QEMU, which models its UART, timers, GPIO, generator and non-volatile memory. The
 * test does what production and a person do through QEMU's qtest socket: it writes UICR, pushes buttons, looks at LEDs
 * and at what the image reports. It has no console. */
#include "cloud.h"
#include "qtest.h"

#include <harness.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <pages.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vectors/test_random.h>

#define IMAGE        SELKIE_FIRMWARE "/bin/selkie-microbit.elf"
#define IMAGE_NO_RNG SELKIE_FIRMWARE "/bin/selkie-microbit-buttons.elf" /* -DSELKIE_MICROBIT_RNG=OFF */
#define ADDRESS      "0300000078563412"                                 /* FICR.DEVICEID in QEMU */

#define PIN_A       17
#define PIN_B       26
#define COLUMN_PINS 0x1FF0u /* of the LEDs; low where lit */
#define UNLOCKED    0xFFFFFFFFu
#define LOCKED      0xFFFF00FFu /* PALL */
#define HOLD_MS     3000        /* longer than a seal */
#define STACK_SPARE 256
#define POOL_SPARE  512

static struct harness_process *qemu;
static unsigned report_address;
static struct pages_key key;
static struct harness_pty *radio;
static struct test_random chance;

/* As in the image's main.c. */
struct report {
    int32_t state;
    uint32_t bits, bits_needed, alarms, edges, seal_us, next_counter;
    uint32_t stack_used, stack_size, pool_used, pool_size;
};

static struct report look(void)
{
    uint32_t words[sizeof(struct report) / 4];
    struct report report;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        words[i] = qtest_read_word(report_address + 4 * i);
    memcpy(&report, words, sizeof report);
    return report;
}

static void push(int pin, bool down)
{
    qtest_command("set_irq_in /machine/nrf51 unnamed-gpio-in %d %d", pin, down ? 0 : 1);
}

static void set_up(void)
{
    FILE *file = fopen(harness_public_key(), "re");
    ck_assert_ptr_nonnull(file);
    EVP_PKEY *public_key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    fclose(file);
    memset(&key, 0, sizeof key);
    key.magic = PAGES_MAGIC;
    key.key_ids[0] = 1;
    uint8_t *at = key.keys[0];
    ck_assert_int_eq(i2d_PUBKEY(public_key, &at), SELKIE_PUBLIC_KEY_SIZE);
    EVP_PKEY_free(public_key);
    radio = harness_pty("radio");
    chance.state = 9;
}

/* What production does: the pin and read-out protection go into UICR, which the processor must not have read yet. */
static void program(uint32_t protection, bool pinned)
{
    uint8_t pin[SELKIE_PIN_SIZE];

    SHA256(key.keys[0], SELKIE_PUBLIC_KEY_SIZE, pin);
    if (!pinned)
        pin[7] ^= 1;
    qtest_write_word(0x4001E504u, 1); /* NVMC.CONFIG: writing */
    for (unsigned i = 0; i < sizeof pin; i += 4) {
        uint32_t word;
        memcpy(&word, pin + i, sizeof word);
        qtest_write_word(PAGES_UICR_CUSTOMER + i, word);
    }
    if (protection != UNLOCKED)
        qtest_write_word(PAGES_UICR_RBPCONF, protection);
    qtest_write_word(0x4001E504u, 0);
}

/* Let the processor begin. */
static void start(FILE *qmp)
{
    char line[4096];

    fprintf(qmp, "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"cont\"}\n");
    ck_assert_int_eq(fflush(qmp), 0);
    for (int answers = 0; answers < 2;) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, qmp));
        ck_assert_msg(strstr(line, "\"error\"") == NULL, "%s", line);
        if (strstr(line, "\"return\""))
            answers++;
    }
}

/* Program a chip, and let it run. `shift`: an instruction takes 2^shift ns. */
static void boot(const char *image, const char *tty, uint32_t protection, bool pinned, const char *shift)
{
    char loader[400], serial[400], test_socket[400], monitor_socket[400], icount[16];
    const char *page = harness_path("page.bin");
    FILE *file = fopen(page, "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(&key, 1, sizeof key, file), sizeof key);
    ck_assert_int_eq(fclose(file), 0);
    (void)snprintf(loader, sizeof loader, "loader,addr=%#x,force-raw=on,file=%s", PAGES_KEY_ADDRESS, page);
    (void)snprintf(serial, sizeof serial, "serial,id=radio,path=%s", tty);
    (void)snprintf(test_socket, sizeof test_socket, "socket,id=qtest,path=%s", harness_path("qtest"));
    (void)snprintf(monitor_socket, sizeof monitor_socket, "socket,id=qmp,path=%s", harness_path("qmp"));
    (void)snprintf(icount, sizeof icount, "shift=%s", shift);
    int test_listener = qtest_listen(harness_path("qtest")), monitor_listener = qtest_listen(harness_path("qmp"));
    const char *argv[] = {"qemu-system-arm",
                          "-M",
                          "microbit",
                          "-display",
                          "none",
                          "-kernel",
                          image,
                          "-device",
                          loader,
                          "-chardev",
                          serial,
                          "-serial",
                          "chardev:radio",
                          "-chardev",
                          test_socket,
                          "-qtest",
                          "chardev:qtest",
                          "-qtest-log",
                          "/dev/null",
                          "-chardev",
                          monitor_socket,
                          "-qmp",
                          "chardev:qmp",
                          "-icount",
                          icount,
                          "-S",
                          NULL};
    qemu = harness_spawn("qemu", argv, false);
    qtest_use(qtest_accept(test_listener));
    FILE *qmp = qtest_accept(monitor_listener);
    report_address = qtest_symbol(image, "microbit_report");
    ck_assert_uint_ne(report_address, 0);
    program(protection, pinned);
    start(qmp);
}

/* The time that a hand takes between two movements: the image draws its entropy from it. Not a wait for anything. */
static void move_hand(void)
{
    usleep((useconds_t)(25000 + test_random_below(&chance, 100000)));
}

/* Wait until the image reports this state; `pressing`: push A and B in turn, as a person does. */
static struct report await(int state, bool pressing)
{
    int64_t limit = harness_now_ms() + 2 * HARNESS_PATIENCE;
    for (unsigned edges = 0;; edges++) {
        struct report report = look();
        if (report.state == state && report.bits_needed > 0) /* that it has reported at all */
            return report;
        ck_assert_msg(harness_now_ms() < limit, "the state is %d after %u edges, with %u of %u bits", report.state,
                      report.edges, report.bits, report.bits_needed);
        if (pressing)
            push(edges / 2 % 2 ? PIN_A : PIN_B, edges % 2 == 0);
        move_hand();
    }
}

/* Push B until a reading is sealed. The image looks at its buttons between two seals, so one that changes back
 * meanwhile was not pushed: that is tried again. */
static void push_b(void)
{
    uint32_t before = look().next_counter;
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE, turn = 0;
    for (bool down = false; look().next_counter == before;) {
        ck_assert_msg(harness_now_ms() < limit, "the image seals no reading when B is pushed");
        if (harness_now_ms() >= turn) {
            down = !down;
            push(PIN_B, down);
            turn = harness_now_ms() + HOLD_MS;
        }
        move_hand();
    }
    push(PIN_B, false);
}

START_TEST(readings_come_out_of_mosquitto)
{
    struct harness_broker *broker =
        harness_broker_with_plugin("", "\"gateways\":\"any\",\"models_dir\":\"" SELKIE_SOURCE_DIR "/models/ready\"");
    struct harness_line *line = harness_line("air");
    const char *config = harness_write("gateway.json", 0600,
                                       "{\"gateway\":\"roof\",\"broker\":{\"uri\":\"%s\",\"username\":\"roof\"},"
                                       "\"serial\":[{\"device\":\"%s\",\"ack\":true}],\"spool\":{\"path\":\"%s\"}}",
                                       broker->uri, line->b, harness_path("spool.db"));
    const char *argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};
    struct harness_process *gateway = harness_spawn("gateway", argv, false);
    struct harness_client *client = harness_connect(broker, NULL);

    ck_assert_int_eq(harness_subscribe(client, "selkie/device/" ADDRESS "/up", 1), 1);
    ck_assert_int_eq(harness_subscribe(client, "selkie/device/" ADDRESS "/values", 1), 1);
    key.ack = 1;
    key.session = 1;
    boot(IMAGE, line->a, LOCKED, true, "6");
    await(SELKIE_DEVICE_READY, true);
    for (int number = 1; number <= 3; number++) {
        char expected[32];
        push_b();
        struct harness_message *message = harness_receive(client, "selkie/device/" ADDRESS "/up");
        (void)snprintf(expected, sizeof expected, ",\"message\":%d}", number);
        ck_assert_msg(strstr((const char *)message->payload, expected) != NULL, "%s", (const char *)message->payload);
        harness_message_free(message);
        /* By the model that the firmware text of its REGISTER chooses. */
        message = harness_receive(client, "selkie/device/" ADDRESS "/values");
        ck_assert_msg(strstr((const char *)message->payload, expected) != NULL, "%s", (const char *)message->payload);
        harness_message_free(message);
        await(SELKIE_DEVICE_READY, false);
    }
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

START_TEST(without_a_generator_it_waits_for_presses_and_shows_how_far_it_is)
{
    static struct cloud_frame frame;

    boot(IMAGE_NO_RNG, radio->path, LOCKED, true, "6");
    struct report report = await(SELKIE_DEVICE_GATHERING, false);
    ck_assert_uint_eq(report.bits, 0);
    ck_assert(!cloud_receive_try(&frame, radio, 2000)); /* nobody pressed: nothing is sent */
    unsigned before = 0, lit = 0;
    while (report.bits < report.bits_needed / 2) {
        push(PIN_A, before++ % 2 == 0);
        move_hand();
        report = look();
        if (~qtest_read_word(0x50000504u) & COLUMN_PINS)
            lit++;
    }
    ck_assert_uint_gt(before, 60);
    ck_assert_uint_gt(lit, 10);
    ck_assert_int_eq(report.state, SELKIE_DEVICE_GATHERING);
    await(SELKIE_DEVICE_READY, true);
    cloud_receive(&frame, radio);
    ck_assert_int_eq(frame.message.kind, SELKIE_REGISTER);
}
END_TEST

/* Without read-out protection, and with another key than the one that is pinned. */
START_TEST(it_is_silent)
{
    static struct cloud_frame frame;

    boot(IMAGE, radio->path, _i == 0 ? UNLOCKED : LOCKED, _i == 0, "6");
    await(_i == 0 ? SELKIE_EREFUSED : SELKIE_ETRUST, false);
    ck_assert(!cloud_receive_try(&frame, radio, 2000));
}
END_TEST

START_TEST(the_budget_is_kept_while_sealing)
{
    static struct cloud_frame frame;

    boot(IMAGE, radio->path, LOCKED, true, "0");
    await(SELKIE_DEVICE_READY, true);
    cloud_receive(&frame, radio);
    push_b();
    struct report report = look();
    for (int64_t limit = harness_now_ms() + HARNESS_PATIENCE; report.seal_us == 0; report = look())
        ck_assert_int_lt(harness_now_ms(), limit);
    printf("micro:bit: RAM while sealing: stack %u of %u, mbedTLS's pool %u of %u bytes\n", report.stack_used,
           report.stack_size, report.pool_used, report.pool_size);
    printf("micro:bit: %u instructions to seal a frame; at 16 MHz and one instruction a cycle %u ms\n",
           1000 * report.seal_us, report.seal_us / 16);
    ck_assert_uint_gt(report.stack_used, 500);
    ck_assert_uint_le(report.stack_used + STACK_SPARE, report.stack_size);
    ck_assert_uint_gt(report.pool_used, 4000);
    ck_assert_uint_le(report.pool_used + POOL_SPARE, report.pool_size);
}
END_TEST

int main(void)
{
    if (access(IMAGE, R_OK) != 0 || system("command -v qemu-system-arm >/dev/null") != 0) { /* NOLINT(cert-env33-c) */
        printf("skipped: there is no image for the micro:bit, or no QEMU (scripts/setup --firmware)\n");
        return 77;
    }
    Suite *suite = suite_create("microbit");
    TCase *tc = tcase_create("microbit");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_set_timeout(tc, 240);
    tcase_add_test(tc, readings_come_out_of_mosquitto);
    tcase_add_test(tc, without_a_generator_it_waits_for_presses_and_shows_how_far_it_is);
    tcase_add_loop_test(tc, it_is_silent, 0, 2);
    tcase_add_test(tc, the_budget_is_kept_while_sealing);
    return harness_main(suite);
}
