/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware image in QEMU, alone and with the gateway and Mosquitto. */
#define _GNU_SOURCE /* memmem */
#include "cloud.h"
#include "qemu_board.h"
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <selkie/models.h>
#include <selkie/session.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE               SELKIE_FIRMWARE "/bin/selkie-mps2-an385.elf"
#define IMAGE_NEXT_KEY      SELKIE_FIRMWARE "/bin/selkie-mps2-an385-next.elf" /* -DSELKIE_KEY_SLOT=1 */
#define IMAGE_GUIDE         SELKIE_GUIDE "/build-cortex-m/bin/selkie-acme.elf"
#define ADDRESS             "a1b2c3d4e5f60718"
#define INSTRUCTIONS_BUDGET 16000000 /* to seal one frame; mbedTLS 3.6 takes nearly as many */
#define PACKET              58       /* bytes of a radio's packets */
#define PACKETS_OF_A_SET    13       /* eleven of data for a SEALED frame, two of parity */
#define STACK_SPARE         256      /* beyond the most that sealing was seen to use: docs/DESIGN.md, 'Budget' */
#define POOL_SPARE          512

static const uint8_t address[] = {0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18};
static struct pages_otp otp;
static struct pages_key key;
static struct harness_pty *radio; /* of a board alone */
static struct cloud_frame frame;

static void set_up(void)
{
    qemu_board_pages(&otp, &key, address);
    radio = harness_pty("radio");
}

static struct qemu_board *boot_alone(void)
{
    return qemu_board_boot(IMAGE, &otp, &key, radio->path, false);
}

/* Press the button until the ID is drawn; returns the position behind what the console says of it. */
static size_t press_until_ready(struct qemu_board *board, size_t from)
{
    return qemu_board_presses_until(board, from, "ready: the ID is drawn\n", true);
}

static bool holds(const uint8_t *memory, size_t size, const uint8_t *secret, size_t len)
{
    for (size_t at = 0; at + 8 <= len; at++) {
        if (memmem(memory, size, secret + at, 8) != NULL)
            return true;
    }
    return false;
}

static uint32_t number_after(const struct qemu_board *board, size_t from, const char *text)
{
    const char *at = strstr(board->said + from, text);
    ck_assert_ptr_nonnull(at);
    return (uint32_t)strtoul(at + strlen(text), NULL, 10);
}

/* The way of a frame: from the board's line through the gateway and Mosquitto to a client. */
static struct {
    struct harness_line *line;
    struct harness_process *gateway;
    struct harness_client *client;
} way;

/* The gateway at `tty`, and a client. */
static void open_way_at(const struct harness_broker *broker, const char *tty)
{
    const char *config = harness_write("gateway.json", 0600,
                                       "{\"gateway\":\"roof\",\"broker\":{\"uri\":\"%s\",\"username\":\"roof\"},"
                                       "\"serial\":[{\"device\":\"%s\",\"ack\":true}],\"spool\":{\"path\":\"%s\"}}",
                                       broker->uri, tty, harness_path("spool.db"));
    const char *argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};
    way.gateway = harness_spawn("gateway", argv, false);
    way.client = harness_connect(broker, NULL);
    ck_assert_int_eq(harness_subscribe(way.client, "selkie/device/" ADDRESS "/#", 1), 1);
    key.ack = 1;
}

static void open_way(const struct harness_broker *broker)
{
    way.line = harness_line("air");
    open_way_at(broker, way.line->b);
}

static void close_way(void)
{
    harness_disconnect(way.client);
    ck_assert_int_eq(harness_stop(way.gateway, SIGTERM), 0);
}

/* Push the button for a reading, and see it come out of Mosquitto as message `number`. */
static void read_through_mosquitto(struct qemu_board *board, int number, const char *form)
{
    char expected[32];
    qemu_board_type(board, "S");
    struct harness_message *message = harness_receive(way.client, "selkie/device/" ADDRESS "/up");
    (void)snprintf(expected, sizeof expected, ",\"message\":%d}", number);
    ck_assert_msg(strstr((const char *)message->payload, expected) != NULL, "%s", (const char *)message->payload);
    ck_assert_str_eq(harness_message_property(message, "gateway"), "roof");
    ck_assert_str_eq(harness_message_property(message, "form"), form);
    harness_message_free(message);
}

/* Wait until one of the device's topics says so. */
static void receive_saying(const char *topic, const char *text)
{
    for (bool seen = false; !seen;) {
        struct harness_message *message = harness_receive(way.client, topic);
        seen = strstr((const char *)message->payload, text) != NULL;
        harness_message_free(message);
    }
}

START_TEST(readings_come_out_of_mosquitto_and_a_reset_is_seen)
{
    open_way(harness_broker_with_plugin("", "\"gateways\":\"any\""));
    key.session = 1;
    struct qemu_board *board = qemu_board_boot(IMAGE, &otp, &key, way.line->a, false);
    size_t ready = press_until_ready(board, 0);
    for (int i = 1; i <= 3; i++)
        read_through_mosquitto(board, i, "session");

    qemu_board_reset(board);
    ready = qemu_board_wait(board, ready, "on mps2-an385\n");
    press_until_ready(board, ready);
    receive_saying("selkie/device/" ADDRESS "/event", "\"reset\"");
    close_way();
}
END_TEST

/* A radio of packets between the board and the gateway: two of each set of thirteen are lost. A thread of its own. */
static struct {
    struct harness_pty *board, *gateway;
    pthread_t thread;
    atomic_bool ends;
    unsigned packets, lost;
    bool longer; /* a packet was longer than the radio sends */
} packets;

static void pass_packet(const uint8_t *bytes, size_t len)
{
    packets.longer = packets.longer || len > PACKET;
    packets.packets++;
    if (packets.packets % PACKETS_OF_A_SET < 2)
        packets.lost++;
    else
        harness_pty_write(packets.gateway, bytes, len);
}

static void *pass_packets(void *nothing)
{
    uint8_t packet[SELKIE_LINK_WIRE_MAX], ack[64];
    size_t len = 0;

    while (!packets.ends) {
        struct pollfd fds[] = {{.fd = packets.board->master, .events = POLLIN},
                               {.fd = packets.gateway->master, .events = POLLIN}};
        if (poll(fds, 2, 50) <= 0)
            continue;
        ssize_t count = fds[1].revents & POLLIN ? read(packets.gateway->master, ack, sizeof ack) : 0;
        if (count > 0)
            harness_pty_write(packets.board, ack, (size_t)count);
        if (!(fds[0].revents & POLLIN) || read(packets.board->master, packet + len, 1) != 1)
            continue;
        len = len < sizeof packet - 1 ? len + 1 : 0;
        if (len > 1 && packet[len - 1] == 0) {
            pass_packet(packet, len);
            len = 0;
        }
    }
    return nothing;
}

START_TEST(fragments_reach_mosquitto_though_packets_are_lost)
{
    packets.board = harness_pty("board");
    packets.gateway = harness_pty("antenna");
    open_way_at(harness_broker_with_plugin("", "\"gateways\":\"any\""), packets.gateway->path);
    ck_assert_int_eq(pthread_create(&packets.thread, NULL, pass_packets, NULL), 0);
    key.packet_max = PACKET;
    key.packet_gap_ms = 20;
    key.parity = 2;
    struct qemu_board *board = qemu_board_boot(IMAGE, &otp, &key, packets.board->path, false);
    press_until_ready(board, 0);
    for (int i = 1; i <= 3; i++)
        read_through_mosquitto(board, i, "sealed");
    close_way();
    packets.ends = true;
    ck_assert_int_eq(pthread_join(packets.thread, NULL), 0);
    ck_assert(!packets.longer);
    ck_assert_uint_ge(packets.packets, 3 * PACKETS_OF_A_SET);
    ck_assert_uint_ge(packets.lost, 3 * 2);
}
END_TEST

START_TEST(regular_presses_draw_no_id)
{
    uint8_t byte;
    struct qemu_board *board = boot_alone();
    size_t alarm = qemu_board_presses_until(board, 0, "these presses were too regular, and do not count\n", false);
    qemu_board_presses_until(board, alarm, "silent: not enough entropy\n", false);
    ck_assert_ptr_null(strstr(board->said, "ready"));
    ck_assert_uint_eq(harness_pty_read(radio, &byte, 1, 0), 0);
}
END_TEST

START_TEST(a_swapped_key_is_noticed)
{
    key.keys[0][200] ^= 1;
    struct qemu_board *board = boot_alone();
    qemu_board_wait(board, 0, "silent: the public key does not match its pin\n");
}
END_TEST

START_TEST(the_operators_button_switches_to_the_next_key)
{
    uint8_t next[SELKIE_PUBLIC_KEY_SIZE];
    const char *pem = qemu_board_new_key(next);
    const char *config = harness_write("plugin.json", 0600,
                                       "{\"state_dir\":\"%s\",\"create\":true,\"gateways\":\"any\",\"keys\":[{\"id\":1,"
                                       "\"file\":\"%s\"},{\"id\":2,\"file\":\"%s\"}]}",
                                       harness_path("state"), harness_private_key(), pem);
    open_way(harness_broker(harness_plugin_lines(config)));

    qemu_board_provision(&otp, &key, 1, 2, next);
    struct qemu_board *board = qemu_board_boot(IMAGE, &otp, &key, way.line->a, false);
    size_t ready = press_until_ready(board, 0);
    read_through_mosquitto(board, 1, "sealed");
    receive_saying("selkie/device/" ADDRESS "/state", "\"key_id\":1");
    qemu_board_type(board, "K");
    qemu_board_wait(board, ready, "sealing with the next key from now on\n");
    read_through_mosquitto(board, 2, "sealed");
    receive_saying("selkie/device/" ADDRESS "/state", "\"key_id\":2");
    close_way();
}
END_TEST

START_TEST(without_a_next_key_the_operators_button_does_nothing)
{
    struct qemu_board *board = boot_alone();
    qemu_board_type(board, "K");
    qemu_board_wait(board, 0, "there is no next key\n");
    size_t ready = press_until_ready(board, 0);
    qemu_board_type(board, "KS");
    qemu_board_wait(board, ready, "message 1 sealed in ");
    do {
        cloud_receive(&frame, radio);
    } while (frame.message.kind == SELKIE_REGISTER);
    ck_assert_uint_eq(frame.header.sealed.key_id, 1);
    ck_assert_ptr_null(strstr(board->said, "silent"));
}
END_TEST

START_TEST(a_build_option_switches_to_the_next_key)
{
    /* The cloud's end has the key of the second slot alone. */
    uint8_t old[SELKIE_PUBLIC_KEY_SIZE];
    (void)qemu_board_new_key(old);
    qemu_board_provision(&otp, &key, 1, 2, key.keys[0]);
    qemu_board_provision(&otp, &key, 0, 1, old);
    struct qemu_board *board = qemu_board_boot(IMAGE_NEXT_KEY, &otp, &key, radio->path, false);
    press_until_ready(board, 0);
    cloud_receive(&frame, radio);
    ck_assert_uint_eq(frame.header.sealed.key_id, 2);
    ck_assert_int_eq(frame.message.kind, SELKIE_REGISTER);
}
END_TEST

START_TEST(settings_that_the_key_page_cannot_hold_are_refused)
{
    static const char *const options[][2] = {
        {"--key-id", "0"},         {"--key-id", "256"},  {"--key-id", "abc"}, {"--next-key-id", "300"},
        {"--interval", "65536"},   {"--interval", "-1"}, {"--packet", "18"},  {"--packet", "262"},
        {"--packet-gap", "65536"}, {"--parity", "65"}};
    const char *argv[] = {SELKIE_SOURCE_DIR "/device/ports/mps2-an385/run", options[_i][0], options[_i][1], NULL};
    char *said;
    ck_assert_int_eq(harness_run("run", argv, &said), 2);
    ck_assert_msg(strstr(said, options[_i][0]) != NULL && strstr(said, "not a number from") != NULL, "%s", said);
    free(said);
}
END_TEST

/* Read off the line what the guide's reader reads off it, and look into it as he does. */
START_TEST(the_guides_board_sends_its_first_frame)
{
    uint8_t line[SELKIE_LINK_WIRE_MAX];
    size_t len = 0;
    char *shown;
    qemu_board_public_key(key.keys[0], SELKIE_GUIDE "/keys/1.pub.pem");
    qemu_board_provision(&otp, &key, 0, 1, key.keys[0]);
    struct qemu_board *board = qemu_board_boot(IMAGE_GUIDE, &otp, &key, radio->path, false);
    size_t pressed = qemu_board_press_until(board, 0, "\n1 of 80 presses\n");
    qemu_board_press_until(board, pressed, "ready\n");
    while (len < 2 || line[len - 1] != 0) {
        ck_assert_uint_lt(len, sizeof line);
        ck_assert_uint_eq(harness_pty_read(radio, line + len, 1, HARNESS_PATIENCE), 1);
        len++;
    }
    const char *capture = harness_write("radio.bin", 0600, "%s", "");
    FILE *file = fopen(capture, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(line, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
    const char *argv[] = {harness_program("selkiectl"),   "frame", "show", "--key",
                          SELKIE_GUIDE "/keys/1.key.pem", capture, NULL};
    ck_assert_int_eq(harness_run("show", argv, &shown), 0);
    ck_assert_msg(strstr(shown, "acme 1.0") != NULL && strstr(shown, "0011223344556677") != NULL, "%s", shown);
    free(shown);
}
END_TEST

START_TEST(an_unlocked_chip_stays_silent)
{
    otp.lock = 0xffffffff;
    struct qemu_board *board = boot_alone();
    qemu_board_wait(board, 0, "silent: refused\n");
}
END_TEST

/* The stack's guard, a RAM that is never executed, the watchdog: each with an ID in memory, of which nothing is left.
 */
START_TEST(a_fault_wipes_and_restarts)
{
    static const char *const keys[] = {"O", "X", "H"};
    static uint8_t ram[BOARD_RAM_SIZE];
    const struct selkie_message *message = &frame.message;
    struct qemu_board *board = boot_alone();
    size_t at = press_until_ready(board, 0);
    cloud_receive(&frame, radio);
    qemu_board_dump(board, ram);
    ck_assert(holds(ram, sizeof ram, message->id, SELKIE_ID_SIZE)); /* or the test could not fail */
    qemu_board_type(board, keys[_i]);
    at = qemu_board_wait(board, at, "fault: the ID is wiped, restarting\n");
    qemu_board_wait(board, at, "on mps2-an385\n");
    qemu_board_dump(board, ram);
    ck_assert(!holds(ram, sizeof ram, message->id, SELKIE_ID_SIZE));
    ck_assert_ptr_null(strstr(board->said, "data was executed"));
}
END_TEST

/* The model that comes with Selkie and that the image's firmware text chooses gives the payload its values. */
static void check_values(const struct selkie_message *registration, const uint8_t *payload, size_t len)
{
    char firmware[SELKIE_FIRMWARE_MAX + 1], text[SELKIE_VALUES_MAX + 1], error[SELKIE_MODEL_ERROR_SIZE];
    struct selkie_models *models;
    size_t text_len;

    ck_assert_int_eq(selkie_models_open(&models, SELKIE_SOURCE_DIR "/models/ready", NULL, NULL), 0);
    (void)snprintf(firmware, sizeof firmware, "%.*s", (int)registration->registration.firmware_len,
                   (const char *)registration->registration.firmware);
    const struct selkie_model *model = selkie_models_for_firmware(models, firmware);
    ck_assert_ptr_nonnull(model);
    ck_assert_str_eq(selkie_model_name(model), "selkie-board");
    ck_assert_int_eq(selkie_model_decode(model, payload, len, text, &text_len, error), 0);
    json_t *values = json_loadb(text, text_len, 0, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(values, "message")), 1);
    ck_assert(json_is_integer(json_object_get(values, "uptime")));
    json_decref(values);
    selkie_models_close(models);
}

START_TEST(session_frames_go_out_and_tamper_leaves_nothing_in_memory)
{
    static struct cloud_frame registration;
    static uint8_t ram[BOARD_RAM_SIZE];
    const struct selkie_message *message = &registration.message;
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    struct selkie_session session;
    key.session = 1;
    struct qemu_board *board = boot_alone();
    size_t pressed = qemu_board_press_until(board, 0, "entropy: 1 of 80 presses\n");
    qemu_board_press_until(board, pressed, "ready: the ID is drawn\n"); /* by its own interrupts */
    cloud_receive(&registration, radio);
    ck_assert_int_eq(message->kind, SELKIE_REGISTER);
    ck_assert_uint_eq(message->registration.flags, SELKIE_FLAG_SESSION);
    ck_assert_mem_eq(message->address, address, sizeof address);
    ck_assert_int_eq(selkie_session_derive(&session, message->address, message->id), 0);

    qemu_board_type(board, "S");
    do {
        cloud_receive(&frame, radio);
    } while (frame.header.type == SELKIE_SEALED); /* a repeat of the REGISTER */
    int payload_len = selkie_session_open(payload, &session, 1, &frame.header);
    ck_assert_int_gt(payload_len, 0);
    ck_assert_ptr_nonnull(memmem(payload, (size_t)payload_len, "\"message\":1}", 12));
    check_values(message, payload, (size_t)payload_len);

    qemu_board_dump(board, ram);
    ck_assert(holds(ram, sizeof ram, message->id, SELKIE_ID_SIZE)); /* or the test could not fail */
    qemu_board_type(board, "T");
    qemu_board_wait(board, 0, "silent: refused\n");
    qemu_board_dump(board, ram);
    ck_assert(!holds(ram, sizeof ram, message->id, SELKIE_ID_SIZE));
    ck_assert(!holds(ram, sizeof ram, session.key, sizeof session.key));
}
END_TEST

START_TEST(the_budget_is_kept_while_sealing)
{
    struct qemu_board *board = qemu_board_boot(IMAGE, &otp, &key, radio->path, true);
    size_t at = press_until_ready(board, 0);
    cloud_receive(&frame, radio);
    for (int readings = 0; readings < 3; readings++) { /* of one key, so what they take of the pool is the same */
        qemu_board_type(board, "S");
        at = qemu_board_wait(board, at, " us\n");
        cloud_receive(&frame, radio);
    }
    uint32_t instructions = 1000 * number_after(board, 0, "sealed in ");
    unsigned stack, stack_size, pool, pool_size, device;
    qemu_board_type(board, "M");
    size_t end = qemu_board_wait(board, at, "device ");
    qemu_board_wait(board, end, "\n");
    const char *memory = strstr(board->said + at, "memory: ");
    ck_assert_ptr_nonnull(memory);
    ck_assert_int_eq(sscanf(memory, "memory: stack %u of %u, pool %u of %u, device %u", &stack, &stack_size, &pool,
                            &pool_size, &device),
                     5);
    printf("RAM while sealing: stack %u of %u, mbedTLS's pool %u of %u, device %u bytes\n", stack, stack_size, pool,
           pool_size, device);
    printf("Instructions to seal a frame: %u; at 60 MHz and one instruction a cycle %u ms\n", instructions,
           instructions / 60000);
    ck_assert_uint_gt(stack, 500);
    ck_assert_uint_gt(pool, 4000);
    ck_assert_uint_le(stack + STACK_SPARE, stack_size);
    ck_assert_uint_le(pool + POOL_SPARE, pool_size);
    ck_assert_uint_le(stack_size + pool_size + device, BOARD_RAM_SIZE);
    ck_assert_uint_gt(instructions, 1000000);
    ck_assert_uint_le(instructions, INSTRUCTIONS_BUDGET);
}
END_TEST

int main(void)
{
    if (access(IMAGE, R_OK) != 0) {
        printf("skipped: there is no firmware image\n");
        return 77;
    }
    if (system("command -v qemu-system-arm >/dev/null") != 0) { /* NOLINT(cert-env33-c): a constant */
        printf("skipped: qemu-system-arm is not installed (scripts/setup --firmware)\n");
        return 77;
    }
    Suite *suite = suite_create("firmware");
    TCase *tc = tcase_create("firmware");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_set_timeout(tc, 240);
    tcase_add_test(tc, readings_come_out_of_mosquitto_and_a_reset_is_seen);
    tcase_add_test(tc, fragments_reach_mosquitto_though_packets_are_lost);
    tcase_add_test(tc, regular_presses_draw_no_id);
    tcase_add_test(tc, a_swapped_key_is_noticed);
    tcase_add_test(tc, an_unlocked_chip_stays_silent);
    tcase_add_loop_test(tc, a_fault_wipes_and_restarts, 0, 3);
    tcase_add_test(tc, session_frames_go_out_and_tamper_leaves_nothing_in_memory);
    tcase_add_test(tc, the_budget_is_kept_while_sealing);

    TCase *keys = tcase_create("keys");
    suite_add_tcase(suite, keys);
    tcase_add_checked_fixture(keys, set_up, NULL);
    tcase_set_timeout(keys, 240);
    tcase_add_test(keys, the_operators_button_switches_to_the_next_key);
    tcase_add_test(keys, without_a_next_key_the_operators_button_does_nothing);
    tcase_add_loop_test(keys, settings_that_the_key_page_cannot_hold_are_refused, 0, 10);
    tcase_add_test(keys, a_build_option_switches_to_the_next_key);
    tcase_add_test(keys, the_guides_board_sends_its_first_frame);
    return harness_main(suite);
}
