/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_note.h"

#include "log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void selkie_spool_note_read(struct selkie_spool_note *note, const char *path)
{
    char name[PATH_MAX];
    struct stat log;

    (void)snprintf(name, sizeof name, "%s-wal", path);
    bool gone = stat(name, &log) != 0;
    *note = (struct selkie_spool_note){.log_gone = gone, .log_empty = !gone && log.st_size < SELKIE_SPOOL_NOTE_LOG_MIN};
    (void)snprintf(name, sizeof name, "%s.instance", path);
    FILE *file = fopen(name, "re");
    if (!file)
        return;
    note->known = true;
    if (!fgets(note->instance, sizeof note->instance, file))
        (void)snprintf(note->instance, sizeof note->instance, "unknown");
    note->instance[strcspn(note->instance, "\n")] = '\0';
    (void)fclose(file);
}

static void write_note(const char *path, int64_t instance)
{
    char name[PATH_MAX];

    (void)snprintf(name, sizeof name, "%s.instance", path);
    FILE *file = fopen(name, "we");
    bool written = file && fprintf(file, "%lld\n", (long long)instance) > 0 && fflush(file) == 0;
    if (written)
        written = fsync(fileno(file)) == 0;
    if (file && fclose(file) != 0)
        written = false;
    if (!written)
        selkie_log(LOG_WARNING, "spool %s: cannot write %s: %s; a loss of the spool would not be noticed", path, name,
                   strerror(errno));
}

void selkie_spool_note_compare(const struct selkie_spool_note *note, const char *path, bool fresh, int64_t instance)
{
    if (note->known && fresh)
        selkie_log(
            LOG_ERR,
            "spool %s: lost: by %s.instance there was one (instance %s), and now there is none or an empty one; "
            "the frames that waited in it are gone, unless the file is elsewhere, for example on a volume that is "
            "not mounted. A fresh one is started",
            path, path, note->instance);
    else if (note->known && (note->log_gone || note->log_empty))
        selkie_log(LOG_WARNING,
                   "spool %s: its log %s-wal is %s; the frames stored last are lost, unless another program, such as "
                   "sqlite3, opened and closed the spool",
                   path, path, note->log_gone ? "gone" : "empty");
    if (!note->known || fresh)
        write_note(path, instance);
}

void selkie_spool_note_forget(const char *path)
{
    static const char *const parts[] = {"-wal", "-journal", ".instance"};
    char name[PATH_MAX];

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, parts[i]);
        (void)unlink(name);
    }
}
