/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "harness.h"

#include "harness_internal.h"

#include "run_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char base[64]; /* the program's folder; Check's children inherit the name */
static char folder[96];

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int harness_main(Suite *suite)
{
    const char *tmp = getenv("TMPDIR");

    (void)snprintf(base, sizeof base, "%.40s/selkie-test-XXXXXX", tmp != NULL && strlen(tmp) <= 40 ? tmp : "/tmp");
    if (mkdtemp(base) == NULL) {
        perror(base);
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    int result = run_suite(suite);
    if (getenv("SELKIE_TEST_KEEP") == NULL)
        (void)nftw(base, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    else
        fprintf(stderr, "kept: %s\n", base);
    return result;
}

/* Check runs each test in a process of its own, so the first path asked for makes the test's folder. */
static const char *test_folder(void)
{
    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof folder, "%s/XXXXXX", base);
        ck_assert_msg(mkdtemp(folder) != NULL, "%s: %s", folder, strerror(errno));
    }
    return folder;
}

void *harness_keep(size_t size)
{
    static void **kept;
    static size_t count;
    void *block = calloc(1, size);

    void **more = realloc(kept, (count + 1) * sizeof *kept);
    ck_assert(block != NULL && more != NULL);
    kept = more;
    kept[count++] = block;
    return block;
}

const char *harness_path(const char *name)
{
    static char ring[8][256];
    static unsigned next;
    char *path = ring[next++ % 8];

    (void)snprintf(path, sizeof ring[0], "%s/%s", test_folder(), name);
    return path;
}

const char *harness_write(const char *name, mode_t mode, const char *format, ...)
{
    const char *path = harness_path(name);
    va_list arguments;

    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    FILE *file = fdopen(fd, "w");
    va_start(arguments, format);
    (void)vfprintf(file, format, arguments);
    va_end(arguments);
    (void)fchmod(fd, mode); /* whatever the umask is */
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

char *harness_read(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t len = 0, room = 0;

    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    do {
        if (len + 1 >= room) {
            room = room == 0 ? 4096 : room * 2;
            char *larger = realloc(text, room);
            ck_assert_ptr_nonnull(larger);
            text = larger;
        }
        len += fread(text + len, 1, room - len - 1, file);
    } while (!feof(file) && !ferror(file));
    text[len] = '\0';
    (void)fclose(file);
    return text;
}

int64_t harness_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int harness_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port); /* bound to the test's end */
}

bool harness_tcp_serves(int port)
{
    static const uint8_t nonsense[] = {0xE0, 0}; /* a DISCONNECT that opens a connection; no TLS record either */
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint8_t answer[64];
    bool served = false;

    ck_assert_int_ge(fd, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, nonsense, sizeof nonsense, MSG_NOSIGNAL) == (ssize_t)sizeof nonsense) {
        struct pollfd closed = {.fd = fd, .events = POLLIN};
        ssize_t len = 1;
        while (len > 0 && poll(&closed, 1, HARNESS_PATIENCE) == 1)
            len = recv(fd, answer, sizeof answer, 0);
        served = len <= 0;
    }
    (void)close(fd);
    return served;
}

const char *harness_program(const char *name)
{
    static char ring[4][256];
    static unsigned next;
    char *path = ring[next++ % 4];

    (void)snprintf(path, sizeof ring[0], "%s/%s", SELKIE_BIN_DIR, name);
    return path;
}

static void spawn_into(struct harness_process *process, const char *const argv[], bool with_input)
{
    int pipe_fds[2] = {-1, -1};
    pid_t parent = getpid();

    if (with_input)
        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(process->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_msg(null >= 0 && log >= 0, "%s: %s", process->log, strerror(errno));
    process->pid = fork();
    if (process->pid ==
        0) { /* nothing of Check here: each assertion writes to its file, and a kill may cut that short */
        /* Die with the test, whatever way it ends; the check closes the gap before prctl. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
            dup2(with_input ? pipe_fds[0] : null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
            _exit(126);
        (void)signal(SIGPIPE, SIG_DFL);
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        dprintf(2, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    ck_assert_int_ge(process->pid, 0);
    (void)close(null);
    (void)close(log);
    if (with_input) {
        (void)close(pipe_fds[0]);
        process->input = pipe_fds[1];
    }
}

struct harness_process *harness_spawn(const char *name, const char *const argv[], bool with_input)
{
    struct harness_process *process = harness_keep(sizeof *process);
    char log[48];

    process->input = -1;
    (void)snprintf(process->name, sizeof process->name, "%s", name);
    (void)snprintf(log, sizeof log, "%s.log", name);
    (void)snprintf(process->log, sizeof process->log, "%s", harness_path(log));
    spawn_into(process, argv, with_input);
    return process;
}

bool harness_log_has(const struct harness_process *process, const char *text)
{
    char *log = harness_read(process->log);
    bool found = strstr(log, text) != NULL;

    free(log);
    return found;
}

const char *harness_log_tail(const struct harness_process *process)
{
    static char tail[3000];
    char *log = harness_read(process->log);
    size_t len = strlen(log);

    (void)snprintf(tail, sizeof tail, "%s", len < sizeof tail ? log : log + len - sizeof tail + 1);
    free(log);
    return tail;
}

void harness_breathe(void)
{
    (void)poll(NULL, 0, 5);
}

static int decode_status(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool has_ended(struct harness_process *process, int *exit_status)
{
    int status;

    if (process->pid == 0)
        return true;
    if (waitpid(process->pid, &status, WNOHANG) != process->pid)
        return false;
    process->pid = 0;
    *exit_status = decode_status(status);
    return true;
}

bool harness_alive(struct harness_process *process)
{
    int status;

    return !has_ended(process, &status);
}

void harness_wait_log(struct harness_process *process, const char *text)
{
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    int status = -1;

    for (;;) {
        bool ended = has_ended(process, &status); /* before the look, so that the last words are seen */
        if (harness_log_has(process, text))
            return;
        ck_assert_msg(!ended, "%s ended (%d) and did not say '%s':\n%s", process->name, status, text,
                      harness_log_tail(process));
        ck_assert_msg(harness_now_ms() < limit, "%s did not say '%s':\n%s", process->name, text,
                      harness_log_tail(process));
        harness_breathe();
    }
}

void harness_signal(struct harness_process *process, int signal_number)
{
    ck_assert_msg(process->pid != 0, "%s has ended already:\n%s", process->name, harness_log_tail(process));
    ck_assert_int_eq(kill(process->pid, signal_number), 0);
}

static int wait_exit(struct harness_process *process, int patience_ms)
{
    int64_t limit = harness_now_ms() + patience_ms;
    int status = -1;

    if (process->input >= 0) {
        (void)close(process->input);
        process->input = -1;
    }
    while (!has_ended(process, &status)) {
        ck_assert_msg(harness_now_ms() < limit, "%s does not end:\n%s", process->name, harness_log_tail(process));
        harness_breathe();
    }
    return status;
}

int harness_wait_exit(struct harness_process *process)
{
    return wait_exit(process, HARNESS_PATIENCE);
}

int harness_stop(struct harness_process *process, int signal_number)
{
    harness_signal(process, signal_number);
    return harness_wait_exit(process);
}

int harness_run(const char *name, const char *const argv[], char **output)
{
    char log[48];

    (void)snprintf(log, sizeof log, "%s.log", name);
    (void)unlink(harness_path(log)); /* the output of this run alone */
    struct harness_process *process = harness_spawn(name, argv, false);
    int status = wait_exit(process, 10 * HARNESS_PATIENCE); /* a whole run, of the simulator for one */
    if (output != NULL)
        *output = harness_read(process->log);
    free(process);
    return status;
}

void harness_respawn(struct harness_process *process, const char *const argv[])
{
    ck_assert_int_eq(process->pid, 0);
    spawn_into(process, argv, false);
}
