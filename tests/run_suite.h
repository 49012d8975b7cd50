/* SPDX-License-Identifier: Apache-2.0 */
/* The end of each test program's main: run one suite, print, free, and turn the result into an exit code. */
#ifndef SELKIE_TESTS_RUN_SUITE_H
#define SELKIE_TESTS_RUN_SUITE_H

#include <check.h>

/* ctest reports a test that exits with this as skipped. Say why on stdout first. */
#define TEST_SKIPPED 77

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif
