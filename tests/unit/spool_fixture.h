/* SPDX-License-Identifier: Apache-2.0 */
/* A spool in a folder of its own, for tests: frames with a number each, and a disk that can be full. Static storage,
 * one thread. */
#ifndef SELKIE_TESTS_SPOOL_FIXTURE_H
#define SELKIE_TESTS_SPOOL_FIXTURE_H

#include "run_suite.h"
#include "spool.h"

#include <sys/resource.h>

extern char folder[];
extern char path[64]; /* of the spool's file, in the folder */
extern struct selkie_spool *spool;
extern struct selkie_spool_frame frame; /* what was read last */

/* For each test: a fresh spool. */
void set_up_spool(void);
void tear_down_spool(void);

/* Make the folder, run the suite, and remove the folder, also after a test that failed. Returns main's result. */
int run_in_folder(Suite *suite);

void reopen(void);

struct selkie_spool_frame frame_of(uint32_t number);

/* Store the frame with this number; its seq. */
int64_t put(uint32_t number);

/* Store frames with consecutive numbers in one transaction, at most 10. */
void put_batch(uint32_t first, uint32_t count);

uint32_t number_in(const struct selkie_spool_frame *from);

/* The numbers in the spool, in order, from `first`. */
void expect_numbers(uint32_t first, uint32_t count);

/* The path of SQLite's log. */
const char *log_path(void);

/* How many files begin with the spool's path and go on like this. */
size_t files_like(const char *suffix);

/* No file may grow beyond this: a full disk. */
void limit_files(rlim_t bytes);

/* What the log says from here on goes into a file; how many of its lines have a text. */
void catch_log(void);
unsigned caught_lines(const char *with);

#endif
