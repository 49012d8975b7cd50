/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are opened, and who else may write one. */
#include "run_suite.h"

#include <kit/kit.h>
#include <selkie/file.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct {
    mode_t file, folder;
    const char *fault; /* NULL: nobody else may write */
} modes[] = {
    {0600, 0700, NULL},
    {0644, 0755, NULL},
    {0640, 0750, NULL},
    {0646, 0755, "/x.json: everybody may write it; chmod o-w it"},
    {0666, 0777, "/x.json: everybody may write it; chmod o-w it"},
    {0664, 0755, "/x.json: group daemon may write it; chmod g-w it"},
    {0644, 0757, ": everybody may write it; chmod o-w it"},
    {0644, 0775, ": group daemon may write it; chmod g-w it"},
    {0644, 01777, NULL},
};

START_TEST(who_else_may_write_is_named)
{
    char path[256], text[SELKIE_FILE_WRITER_MAX] = "";
    const char *folder = kit_dir();

    (void)snprintf(path, sizeof path, "%s/x.json", folder);
    kit_write(path, "{}", 2, modes[_i].file);
    ck_assert_int_eq(chmod(path, modes[_i].file), 0);
    bool named = chown(path, (uid_t)-1, 1) == 0 && chown(folder, (uid_t)-1, 1) == 0; /* root alone may give away */
    ck_assert_int_eq(chmod(folder, modes[_i].folder), 0);
    if (!named && modes[_i].fault && strstr(modes[_i].fault, "daemon"))
        return;
    bool found = selkie_file_find_writer(path, text);
    ck_assert_msg(found == (modes[_i].fault != NULL) && (!found || strstr(text, modes[_i].fault)), "%s", text);
}
END_TEST

START_TEST(an_owner_who_is_neither_root_nor_this_user_is_named)
{
    char path[256], text[SELKIE_FILE_WRITER_MAX] = "";

    (void)snprintf(path, sizeof path, "%s/x.json", kit_dir());
    kit_write(path, "{}", 2, 0600);
    if (chown(path, 1, (gid_t)-1) != 0)
        return; /* only root can make this case */
    ck_assert(selkie_file_find_writer(path, text));
    ck_assert_msg(
        strstr(text, "/x.json: belongs to user daemon, who may change it; chown it, unless the service runs as daemon"),
        "%s", text);
}
END_TEST

START_TEST(what_is_not_there_belongs_to_its_folder)
{
    char path[256], text[SELKIE_FILE_WRITER_MAX] = "";
    const char *folder = kit_dir();

    (void)snprintf(path, sizeof path, "%s/spool.db", folder);
    ck_assert(!selkie_file_find_writer(path, text));
    ck_assert_int_eq(chmod(folder, 0703), 0);
    ck_assert(selkie_file_find_writer(path, text));
    ck_assert_msg(strncmp(text, folder, strlen(folder)) == 0 && text[strlen(folder)] == ':', "%s", text);
    ck_assert(!selkie_file_find_writer("/nonexistent/x", text));
}
END_TEST

START_TEST(only_a_regular_file_is_opened)
{
    char path[256];
    const char *fault, *folder = kit_dir();

    (void)snprintf(path, sizeof path, "%s/x", folder);
    ck_assert_int_eq(selkie_file_open(path, &fault), -1);
    ck_assert_str_eq(fault, "No such file or directory");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(selkie_file_open(path, &fault), -1);
    ck_assert_str_eq(fault, "is a FIFO, not a file");
    ck_assert_int_eq(selkie_file_open("/dev/zero", &fault), -1);
    ck_assert_str_eq(fault, "is a device, not a file");
    ck_assert_int_eq(selkie_file_open(folder, &fault), -1);
    ck_assert_str_eq(fault, "Is a directory");
    ck_assert_int_eq(unlink(path), 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, path, strlen(path) + 1);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (const struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(selkie_file_open(path, &fault), -1);
    ck_assert_str_eq(fault, "is a socket, not a file");
    (void)close(listener);
    ck_assert_int_eq(unlink(path), 0);
    kit_write(path, "x", 1, 0600);
    int fd = selkie_file_open(path, &fault);
    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_null(fault);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *tcase = tcase_create("file");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, who_else_may_write_is_named, 0, (int)(sizeof modes / sizeof modes[0]));
    tcase_add_test(tcase, an_owner_who_is_neither_root_nor_this_user_is_named);
    tcase_add_test(tcase, what_is_not_there_belongs_to_its_folder);
    tcase_add_test(tcase, only_a_regular_file_is_opened);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
