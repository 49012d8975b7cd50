/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_program.h"

#include "harness.h"

#include <stdlib.h>

#define ARGUMENTS_MAX 28

int sim_run(const char *const arguments[], char **output)
{
    const char *argv[ARGUMENTS_MAX + 4] = {harness_program("selkie-sim")};
    size_t count = 1;

    for (; *arguments != NULL; arguments++) {
        ck_assert_uint_lt(count, ARGUMENTS_MAX);
        argv[count++] = *arguments;
    }
#ifdef SELKIE_SIM_MOSQUITTO
    argv[count++] = "--set";
    argv[count++] = "broker/mosquitto=" SELKIE_SIM_MOSQUITTO;
#endif
    return harness_run("selkie-sim", argv, output);
}

json_t *sim_figures(const char *path, json_t **root)
{
    *root = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(*root);
    return json_object_get(*root, "figures");
}

double sim_figure(const json_t *figures, const char *name)
{
    ck_assert_msg(json_object_get(figures, name) != NULL, "no figure %s", name);
    return json_number_value(json_object_get(figures, name));
}

void sim_keep_together(void)
{
    ck_assert_int_eq(setenv("TMPDIR", harness_path("."), 1), 0);
}
