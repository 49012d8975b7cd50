/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl and the real plugin in a real Mosquitto: what waits is found and decided, and a decision says what follows.
 */
#include "ctl_shell.h"
#include "frames.h"

#include <openssl/sha.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct harness_broker *broker;
static struct harness_client *roof, *cellar;
static uint64_t seq;

static void start(const char *rules)
{
    char configuration[300];

    snprintf(configuration, sizeof configuration, "\"gateways\":\"any\",\"admins\":[\"root\"]%s", rules);
    broker = harness_broker_with_plugin("", configuration);
    roof = frames_gateway(broker, "roof-1", NULL);
    cellar = frames_gateway(broker, "cellar", NULL);
    seq = 0;
}

#define EXPECT(status, text, ...) ctl_shell_expect(ctl_shell(broker, status, __VA_ARGS__), text)

/* The same line on a terminal of its own, whose user answers the question. Returns what is on the terminal. */
static char *on_terminal(int status, const char *line, const char *answer)
{
    static char screen[8192];
    size_t len = 0;
    int terminal, ended;
    bool asked = false;
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", ctl_shell_script(broker, line), (char *)NULL);
        _exit(127);
    }
    for (ssize_t got; len < sizeof screen - 1; len += (size_t)got) {
        struct pollfd ready = {.fd = terminal, .events = POLLIN};
        ck_assert_int_eq(poll(&ready, 1, 30000), 1);
        got = read(terminal, screen + len, sizeof screen - 1 - len);
        if (got <= 0) /* EIO: the last user of the terminal has closed it */
            break;
        screen[len + (size_t)got] = '\0';
        if (!asked && strstr(screen, "[y/N] ")) {
            ck_assert_int_eq(write(terminal, answer, strlen(answer)), (ssize_t)strlen(answer));
            asked = true;
        }
    }
    close(terminal);
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert_msg(WIFEXITED(ended) && WEXITSTATUS(ended) == status, "%s: status %x, expected exit %d:\n%s", line,
                  (unsigned)ended, status, screen);
    return strdup(screen);
}

/* The device after a power cut. */
static struct frames_device life(uint64_t number, unsigned reset)
{
    struct frames_device device = frames_device(number);

    device.id[1] = (uint8_t)reset;
    return device;
}

static void send(struct harness_client *gateway, const char *name, struct frames_device *device)
{
    frames_send_data(gateway, name, device, "x", ++seq);
    frames_await_receipt(gateway, seq);
}

static const char *id_of(const struct frames_device *device)
{
    static char text[17];
    uint8_t digest[SHA256_DIGEST_LENGTH];

    (void)SHA256(device->id, sizeof device->id, digest);
    for (int i = 0; i < 8; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

START_TEST(what_waits_is_found_whatever_the_device_says)
{
    struct frames_device first, second;

    start("");
    EXPECT(0, "no ID waits for a decision", "ctl device list --waiting");
    for (uint64_t i = 1; i <= 2; i++) {
        first = life(i, 0);
        send(roof, "roof-1", &first);
        second = life(i, 1);
        send(i == 1 ? roof : cellar, i == 1 ? "roof-1" : "cellar", &second);
    }
    char *list = ctl_shell(broker, 0, "ctl device list");
    ck_assert_msg(strstr(list, "WAITING") && strstr(list, "active        1"), "%s", list);
    free(list);
    list = ctl_shell(broker, 0, "ctl device list --waiting --seen-by cellar");
    ck_assert_msg(strstr(list, id_of(&second)) && strstr(list, "cellar") && strstr(list, "0 min") &&
                      strstr(list, id_of(&first)) && !strstr(list, "roof-1"),
                  "%s", list);
    free(list);
    EXPECT(0, "\"parked\": 1", "ctl device list --waiting --json");
    EXPECT(0, "2\n", "ctl device list --waiting --json | grep -c '\"status\": \"pending\"'");
    EXPECT(0, "pending   2\n", "ctl stats");
    EXPECT(2, "exclude each other", "ctl device list --waiting --status active");
    EXPECT(2, "only together with --waiting", "ctl device list --seen-by roof-1");
    EXPECT(2, "is not a gateway's name", "ctl device list --waiting --seen-by 'roof 1'");
    EXPECT(2, "is not a gateway's name", "ctl device approve --waiting --yes --seen-by $(printf 'r\\374f')");
    EXPECT(0, "no ID waits for a decision that was seen by typo", "ctl device list --waiting --seen-by typo");
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/state");
    json_t *state = frames_receive_json(subscriber, frames_topic(&second, "state"));
    ck_assert_int_eq(json_integer_value(json_object_get(state, "pending")), 1);
    json_decref(state);
}
END_TEST

/* The power of a whole building was cut, as planned. One device of it was not reset, and somebody else has registered
 * an ID for it meanwhile. */
START_TEST(a_planned_power_cut_is_approved_at_once_and_leaves_what_is_doubtful)
{
    enum { DEVICES = 12, DOUBTFUL = 7, ELSEWHERE = 8 };
    struct frames_device old, new, living = life(DOUBTFUL, 0), false_one = life(DOUBTFUL, 1);

    start("");
    for (uint64_t i = 1; i <= DEVICES; i++) {
        if (i == DOUBTFUL)
            continue;
        old = life(i, 0);
        send(roof, "roof-1", &old);
        new = life(i, 1);
        send(i == ELSEWHERE ? cellar : roof, i == ELSEWHERE ? "cellar" : "roof-1", &new);
    }
    send(roof, "roof-1", &living);
    send(roof, "roof-1", &false_one);
    send(roof, "roof-1", &living);
    EXPECT(2, "not together with an address", "ctl device approve %s --waiting", living.text);
    ctl_shell_expect(on_terminal(1, "ctl device approve --waiting --seen-by roof-1", "n\n"), "nothing was changed");
    char *said = on_terminal(1, "ctl device approve --waiting --seen-by roof-1", "y\n");
    ck_assert_msg(strstr(said, "Approve 11 IDs that wait and were seen by roof-1") &&
                      strstr(said, "10 approved, 1 left for you") && strstr(said, living.text) &&
                      strstr(said, "was heard since"),
                  "%s", said);
    free(said);
    EXPECT(0, "2\n", "ctl device list --waiting --json | grep -c '\"status\": \"pending\"'");
    EXPECT(0, "no ID waits for a decision that was seen by roof-2", "ctl device approve --waiting --seen-by roof-2");
    EXPECT(0, "deny done: ", "ctl device deny %s", living.text);
    EXPECT(0, "1 approved, 0 left for you", "ctl device approve --waiting --yes");
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    send(roof, "roof-1", &living);
    frames_expect_payload(subscriber, &living, "x", 2);
}
END_TEST

START_TEST(the_newest_is_approved_and_all_are_denied)
{
    struct frames_device lives[4];

    start("");
    for (unsigned i = 0; i < 4; i++) {
        lives[i] = life(1, i);
        send(roof, "roof-1", &lives[i]);
    }
    EXPECT(1, "take the newest", "ctl device approve %s", lives[0].text);
    char *said = ctl_shell(broker, 0, "ctl device approve %s --newest", lives[0].text);
    ck_assert_msg(strstr(said, id_of(&lives[3])) && strstr(said, " is active\ndenied, because silent since it came:") &&
                      strstr(said, id_of(&lives[1])) && strstr(said, id_of(&lives[2])),
                  "%s", said);
    free(said);
    EXPECT(1, "device readmit takes it back", "ctl device approve %s %s", lives[0].text, id_of(&lives[1]));
    lives[0] = life(1, 10);
    send(roof, "roof-1", &lives[0]);
    lives[0] = life(1, 11);
    send(roof, "roof-1", &lives[0]);
    EXPECT(2, "not together with an ID", "ctl device deny %s %s --all", lives[0].text, id_of(&lives[0]));
    EXPECT(0, "shut out until its next power cut", "ctl device deny %s --all", lives[0].text);
    EXPECT(0, "no ID waits", "ctl device list --waiting");
    EXPECT(2, "or --waiting", "ctl device approve");
}
END_TEST

/* By mistake: whoever does it on a terminal is asked, a script is told, and there is a way back. */
START_TEST(a_device_that_was_removed_by_mistake_comes_back)
{
    struct frames_device device = frames_device(1);
    char line[128];

    start(",\"enrolment\":\"listed\"");
    EXPECT(0, "added\n", "ctl device add %s --name pump", device.text);
    send(roof, "roof-1", &device);
    snprintf(line, sizeof line, "ctl device remove %s", device.text);
    char *said = on_terminal(1, line, "\n");
    ck_assert_msg(strstr(said, "shut out until its next power cut") && strstr(said, "nothing was changed"), "%s", said);
    free(said);
    ctl_shell_expect(on_terminal(1, line, "\x04"), "nothing was changed"); /* the end of input */
    EXPECT(0, "active", "ctl device show %s", device.text);
    snprintf(line, sizeof line, "ctl device remove --yes %s", device.text);
    said = on_terminal(0, line, "");
    ck_assert_msg(!strstr(said, "[y/N]") && strstr(said, "'selkiectl device readmit' takes its ID back"), "%s", said);
    free(said);
    EXPECT(1, "device readmit takes it back", "ctl device show %s", device.text);
    said = ctl_shell(broker, 0, "ctl device add %s --name pump", device.text);
    ck_assert_msg(strstr(said, id_of(&device)) && strstr(said, "device readmit"), "%s", said);
    free(said);
    EXPECT(0, "\"retired\"", "ctl device add %s --json", device.text);
    EXPECT(0, "1 of them (the first: ", "{ echo address; echo %s; } | ctl device import -", device.text);
    struct harness_client *rejected = frames_subscriber(broker, "selkie/rejected/#");
    struct harness_client *events = frames_subscriber(broker, "selkie/device/+/event");
    struct harness_client *payloads = frames_subscriber(broker, "selkie/device/+/up");
    send(roof, "roof-1", &device);
    harness_message_free(harness_receive(rejected, "selkie/rejected/retired"));
    EXPECT(0, "RETIRED", "ctl device show %s", device.text);
    EXPECT(0, " is active\n", "ctl device readmit %s", device.text);
    json_t *event = frames_receive_json(events, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(event, "event")), "readmitted");
    json_decref(event);
    send(roof, "roof-1", &device);
    frames_expect_payload(payloads, &device, "x", 2);
    EXPECT(1, "no ID was denied or removed", "ctl device readmit %s", device.text);
    char *again = ctl_shell(broker, 0, "{ echo address; echo %s; } | ctl device import -", device.text);
    ck_assert_msg(!strstr(again, "of them"), "%s", again);
    free(again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_waiting");
    TCase *tcase = tcase_create("ctl_waiting");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, what_waits_is_found_whatever_the_device_says);
    tcase_add_test(tcase, a_planned_power_cut_is_approved_at_once_and_leaves_what_is_doubtful);
    tcase_add_test(tcase, the_newest_is_approved_and_all_are_denied);
    tcase_add_test(tcase, a_device_that_was_removed_by_mistake_comes_back);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
