/* SPDX-License-Identifier: Apache-2.0 */
#include "consequence.h"

#include "ctl_text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void ctl_consequence_print_ids(const json_t *ids)
{
    const json_t *id;
    size_t i;
    json_array_foreach (ids, i, id) {
        putchar(' ');
        ctl_text_print(stdout, json_is_string(id) ? json_string_value(id) : "?");
    }
}

void ctl_consequence_print_retired(const json_t *data, const char *address)
{
    const json_t *retired = json_object_get(data, "retired");
    if (json_array_size(retired) == 0)
        return;
    fputs("denied or removed before:", stdout);
    ctl_consequence_print_ids(retired);
    printf("\nIf the device runs under such an ID, it is shut out until its next power cut.\n"
           "'selkiectl device readmit %s' takes an ID back.\n",
           address);
}

enum ctl_exit ctl_consequence_ask(const struct ctl_options *options, const char *what, const char *consequence)
{
    char answer[16] = "";
    if (options->yes || !isatty(STDIN_FILENO))
        return CTL_DONE;
    fprintf(stderr, "%s\n%s\nGo on? [y/N] ", what, consequence);
    bool read = fgets(answer, sizeof answer, stdin) != NULL;
    if (!read)
        fputc('\n', stderr);
    answer[strcspn(answer, "\r\n")] = '\0';
    if (strcmp(answer, "y") == 0 || strcmp(answer, "Y") == 0 || strcmp(answer, "yes") == 0)
        return CTL_DONE;
    return ctl_fail("nothing was changed");
}
