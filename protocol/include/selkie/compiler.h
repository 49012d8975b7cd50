/* SPDX-License-Identifier: Apache-2.0 */
/* What the public headers need of a compiler, so that any C11 and any C++17 compiler takes them without
 * extensions, and older C++ without a warning. */
#ifndef SELKIE_COMPILER_H
#define SELKIE_COMPILER_H

/* A function whose result must be used: a warning where the compiler has one. */
#if defined(__cplusplus) && __cplusplus >= 201703L
#define SELKIE_USE_RESULT [[nodiscard]]
#elif defined(__GNUC__)
#define SELKIE_USE_RESULT __attribute__((warn_unused_result))
#else
#define SELKIE_USE_RESULT
#endif

/* An array parameter of at least n elements: `uint8_t pin[SELKIE_AT_LEAST(32)]`. C++ has no `static` there. */
#if defined(__cplusplus)
#define SELKIE_AT_LEAST(n) n
#else
#define SELKIE_AT_LEAST(n) static n
#endif

/* Around the declarations of a header: C linkage for C++. */
#if defined(__cplusplus)
#define SELKIE_C_BEGIN extern "C" {
#define SELKIE_C_END   }
#else
#define SELKIE_C_BEGIN
#define SELKIE_C_END
#endif

#endif
