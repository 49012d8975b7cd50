/* SPDX-License-Identifier: Apache-2.0 */
/* PROTOCOL.md, section 9, by kill -9: a child runs the unsealer and is killed at any moment of its threads' work; the
 * next child sends again what has no receipt. Nothing may be lost, no counter may go back, and what was not delivered
 * must come again. */
#include <check.h>
#include <kit/kit.h>
#include <limits.h>
#include <run_suite.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vectors/test_random.h>

enum { DEVICES = 8, FRAMES = 500, LIVES = 60 };

/* What outlives the child: what its gateway and its subscribers know. */
struct shared {
    atomic_uint progress;
    atomic_bool done, failed;
    char failure[160];
    _Atomic bool receipt[DEVICES][FRAMES];
    _Atomic bool payload[DEVICES][FRAMES];
    atomic_uint doubles;
    _Atomic uint32_t counter[DEVICES]; /* the highest that was ever answered */
};

static struct kit_body bodies[DEVICES][FRAMES];

static void make_bodies(void)
{
    char text[16];
    for (uint32_t d = 0; d < DEVICES; d++) {
        struct kit_device device = kit_device(d, 1);
        for (unsigned f = 0; f < FRAMES; f++) {
            snprintf(text, sizeof text, "%u", f);
            bodies[d][f] = f == 0         ? kit_register(&device, NULL, NULL)
                           : f % 100 == 0 ? kit_data(&device, text)
                                          : kit_session(&device, text);
        }
    }
}

static _Noreturn void give_up(struct shared *shared, const char *what, unsigned a, unsigned b)
{
    snprintf(shared->failure, sizeof shared->failure, "%s (%u, %u)", what, a, b);
    shared->failed = true;
    _exit(1);
}

static void note(struct shared *shared, struct kit_host *host, const struct selkie_output *output)
{
    unsigned d = output->address[7], f = output->counter;
    char text[16];

    (void)host;
    snprintf(text, sizeof text, "%u", f);
    if (d >= DEVICES || f >= FRAMES || strcmp(text, (const char *)output->data) != 0)
        give_up(shared, "not what was sent", d, f);
    shared->doubles += shared->payload[d][f];
    shared->payload[d][f] = true;
}

static void check_counters(struct shared *shared, struct kit_host *host)
{
    for (unsigned d = 0; d < DEVICES; d++) {
        char command[96];
        snprintf(command, sizeof command, "{\"command\":\"getDevice\",\"address\":\"020000000000%04x\"}", d);
        json_t *response = kit_command(host, command);
        json_t *bindings = json_object_get(json_object_get(response, "data"), "bindings");
        json_t *binding = json_array_get(bindings, 0);
        if (json_array_size(bindings) > 1)
            give_up(shared, "more than one binding", d, 0);
        uint32_t counter = (uint32_t)json_integer_value(json_object_get(binding, "counter"));
        if (counter < shared->counter[d])
            give_up(shared, "a counter went back", d, counter);
        shared->counter[d] = counter;
        json_decref(response);
    }
}

/* When a life ends: so many receipts after its start, and then some turns of the processor later. */
struct fate {
    unsigned at, turns;
};

static void meet_fate(const struct shared *shared, const struct fate *fate)
{
    if (shared->progress < fate->at)
        return;
    for (unsigned i = 0; i < fate->turns; i++)
        sched_yield();
    kill(getpid(), SIGKILL);
}

/* One life: send what has no receipt, in order, at most a window at a time. */
static void live(struct shared *shared, const char *dir, const struct fate *fate)
{
    const struct selkie_unsealer_options options = {.state_dir = dir};
    struct kit_host *host = kit_open(&options);
    static uint64_t seqs[DEVICES][FRAMES];
    unsigned missing = 1;

    check_counters(shared, host);
    for (unsigned f = 0; f < FRAMES; f++) {
        for (unsigned d = 0; d < DEVICES; d++)
            if (!shared->receipt[d][f])
                seqs[d][f] = kit_submit(host, &bodies[d][f], 1000 + f);
        meet_fate(shared, fate);
        while (missing > 0 && (f % 4 == 3 || f == FRAMES - 1)) {
            missing = 0;
            for (unsigned d = 0; d < DEVICES; d++)
                for (unsigned g = 0; g <= f; g++) {
                    if (!shared->receipt[d][g] && kit_has_receipt(host, seqs[d][g])) {
                        shared->receipt[d][g] = true;
                        shared->progress++;
                    }
                    missing += !shared->receipt[d][g];
                }
            while (kit_waiting(host, SELKIE_OUTPUT_PAYLOAD) > 0) {
                struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_PAYLOAD);
                note(shared, host, output);
                selkie_output_free(output);
            }
            /* Only now may they leave the outbox. */
            kit_delivered(host);
            if (missing > 0)
                sched_yield();
        }
        missing = 1;
    }
    if (kit_waiting(host, SELKIE_OUTPUT_REJECTED) > 0)
        give_up(shared, "a good frame was rejected", 0, 0);
    check_counters(shared, host);
    shared->done = true;
    kit_close(host);
}

START_TEST(nothing_is_lost_to_kill_9)
{
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct test_random random = {(uint64_t)_i + 1};
    const char *dir = kit_dir();
    unsigned killed = 0;

    ck_assert_ptr_ne(shared, MAP_FAILED);
    make_bodies();
    for (unsigned life = 0; !shared->done; life++) {
        /* The last one may live. */
        const struct fate fate = {
            .at = life < LIVES ? shared->progress + (unsigned)test_random_below(&random, DEVICES * FRAMES / LIVES)
                               : UINT_MAX,
            .turns = (unsigned)test_random_below(&random, 200)};
        pid_t child = fork();
        if (child == 0) {
            live(shared, dir, &fate);
            _exit(0);
        }
        ck_assert_int_ge(child, 0);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        bool by_us = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        killed += by_us;
        ck_assert_msg(!shared->failed, "%s", shared->failure);
        ck_assert_msg(by_us || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "the child failed");
    }
    for (unsigned d = 0; d < DEVICES; d++)
        for (unsigned f = 1; f < FRAMES; f++)
            ck_assert_msg(shared->payload[d][f], "device %u: payload %u is lost", d, f);
    ck_assert_uint_eq(killed, LIVES);
    printf("killed %u times, %u payloads came twice\n", killed, shared->doubles);
    munmap(shared, sizeof *shared);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crash");
    TCase *tcase = tcase_create("kill");

    tcase_set_timeout(tcase, 110);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, nothing_is_lost_to_kill_9);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
