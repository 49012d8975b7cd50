/* SPDX-License-Identifier: Apache-2.0 */
/* How long the registry's transactions last while its write-ahead log is copied into it: by the checkpointer's thread,
 * against SQLite's own checkpoint at the end of a commit, once the log has the same length. The frames come at a steady
 * rate. The disk is modelled: of the writes that do not follow the one before in their file, an fdatasync can write so
 * many a second.
 * Usage: [TMPDIR=folder] commits [devices, 300000] [random writes a second, 3000; 0 = the disk as it is]. Prints; never
 * fails on a time. */
#define _GNU_SOURCE /* syscall */
#include "registry/registry_sqlite.h"
#include <selkie/clock.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMITS = 600, FRAMES = 160, PACE_US = 80000, FILES = 64 };

static unsigned devices = 300000, writes_a_second = 3000;
static bool plain; /* without the checkpointer */
static atomic_bool slow;
static _Atomic(off_t) end_of[FILES];  /* of the last write */
static atomic_uint writes_due[FILES]; /* random ones since the last fdatasync */

/* SQLite writes and syncs by these. */
ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at);
ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
    if (slow && fd < FILES && atomic_exchange(&end_of[fd], at + (off_t)len) != at)
        atomic_fetch_add(&writes_due[fd], 1);
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

int fdatasync(int fd)
{
    if (slow && fd < FILES)
        (void)usleep((useconds_t)(1e6 * atomic_exchange(&writes_due[fd], 0) / writes_a_second));
    return (int)syscall(SYS_fdatasync, fd);
}

int __real_selkie_checkpointer_start(struct selkie_checkpointer **started, sqlite3 *writer, const char *path,
                                     char error[static SELKIE_CHECKPOINTER_ERROR_SIZE]);
int __wrap_selkie_checkpointer_start(struct selkie_checkpointer **started, sqlite3 *writer, const char *path,
                                     char error[static SELKIE_CHECKPOINTER_ERROR_SIZE]);
int __wrap_selkie_checkpointer_start(struct selkie_checkpointer **started, sqlite3 *writer, const char *path,
                                     char error[static SELKIE_CHECKPOINTER_ERROR_SIZE])
{
    if (!plain)
        return __real_selkie_checkpointer_start(started, writer, path, error);
    return sqlite3_wal_autocheckpoint(writer, SELKIE_LOG_PAGES) == SQLITE_OK ? 0 : SELKIE_ESTORAGE;
}

static void expect(bool right, const char *what)
{
    if (right)
        return;
    (void)fprintf(stderr, "commits: %s\n", what);
    exit(1);
}

static struct selkie_binding binding_of(unsigned device)
{
    struct selkie_binding binding = {.status = SELKIE_BINDING_ACTIVE, .key_id = 1, .gateway = "gw1"};
    uint64_t mixed = (device + 1) * UINT64_C(0x9e3779b97f4a7c15);

    memcpy(binding.address, &device, sizeof device);
    for (size_t i = 0; i < sizeof binding.id_hash; i += sizeof mixed, mixed *= 31)
        memcpy(binding.id_hash + i, &mixed, sizeof mixed);
    return binding;
}

static void fill(const char *dir)
{
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    struct selkie_registry *registry;

    expect(selkie_registry_open(&registry, dir, true, error) == 0, error);
    for (unsigned i = 0; i < devices; i++) {
        struct selkie_binding binding = binding_of(i);
        struct selkie_session session = {0};
        memcpy(session.tag, binding.id_hash, sizeof session.tag);
        expect(selkie_registry_add_binding(registry, &binding, &session) == 0, "cannot add a binding");
        if (i % 10000 == 9999)
            expect(selkie_registry_commit(registry) == 0, "cannot commit");
    }
    expect(selkie_registry_commit(registry) == 0, "cannot commit");
    selkie_registry_close(registry);
}

static int compare(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* In a process of its own, so that both sides begin alike. */
static void measure(const char *dir, const char *name)
{
    static int64_t took_us[COMMITS];
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    struct selkie_registry *registry;
    uint64_t random = 1;

    expect(selkie_registry_open(&registry, dir, true, error) == 0, error);
    expect(selkie_integrity_check_wait(registry->integrity_check, 600000000), "the check takes too long");
    slow = writes_a_second > 0;
    for (int i = 0; i < COMMITS; i++) {
        int64_t from_us = selkie_clock_monotonic_us();
        for (int j = 0; j < FRAMES; j++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            struct selkie_binding binding = binding_of((unsigned)((random >> 33) % devices)), found;
            expect(selkie_registry_binding(registry, binding.address, binding.id_hash, &found) == 1, "not found");
            found.counter++;
            expect(selkie_registry_put_binding(registry, &found) == 0, "cannot change a binding");
        }
        expect(selkie_registry_commit(registry) == 0, "cannot commit");
        took_us[i] = selkie_clock_monotonic_us() - from_us;
        if (took_us[i] < PACE_US)
            (void)usleep((useconds_t)(PACE_US - took_us[i]));
    }
    qsort(took_us, COMMITS, sizeof *took_us, compare);
    printf("%s: %d transactions of %d frames, one each %d ms: median %.1f ms, p99 %.0f ms, longest %.0f ms\n", name,
           COMMITS, FRAMES, PACE_US / 1000, (double)took_us[COMMITS / 2] / 1e3,
           (double)took_us[COMMITS * 99 / 100] / 1e3, (double)took_us[COMMITS - 1] / 1e3);
    (void)fflush(stdout);
    _exit(0); /* closing would copy the rest of the log */
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"checkpointer", "SQLite's own"};
    const char *root = getenv("TMPDIR");

    if (argc > 1)
        devices = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        writes_a_second = (unsigned)strtoul(argv[2], NULL, 10);
    expect(devices > 0, "usage: commits [devices] [random writes a second]");
    for (int i = 0; i < 2; i++) {
        char dir[256], command[300];
        (void)snprintf(dir, sizeof dir, "%s/selkie-commits-XXXXXX", root ? root : "/tmp");
        expect(mkdtemp(dir) != NULL, "cannot make a folder");
        plain = i == 1;
        fill(dir);
        pid_t pid = fork();
        if (pid == 0)
            measure(dir, names[i]);
        int status = 1;
        expect(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "a side failed");
        (void)snprintf(command, sizeof command, "rm -r '%s'", dir);
        expect(system(command) == 0, "cannot remove a folder");
    }
    return 0;
}
