/* SPDX-License-Identifier: Apache-2.0 */
/* How selkiectl ends, and what it says when it fails. */
#ifndef SELKIE_CTL_FAIL_H
#define SELKIE_CTL_FAIL_H

/* Exit codes. CTL_CONFIG is EX_CONFIG. */
enum ctl_exit { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_CONFIG = 78 };

/* One line on stderr, "selkiectl: …". Returns CTL_FAILED, so that a function can end with it. */
enum ctl_exit ctl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with OpenSSL's reason behind it. */
enum ctl_exit ctl_fail_openssl(const char *what);

#endif
