/* SPDX-License-Identifier: Apache-2.0 */
/* What a random byte costs on this core: the generator that we use beside those that were discussed. Run by
 * tests/bench/generators, in a QEMU whose instructions take a nanosecond each, so that a tick is a thousand of them. */
#include "board.h"
#include <mbedtls/bignum.h>
#include <mbedtls/hmac_drbg.h>
#include <selkie/device/drbg.h>
#include <string.h>

#define BYTES          2048
#define REQUEST        32
#define MODULUS_BYTES  384 /* Micali-Schnorr at 128 bits of security asks for 3072 bits */
#define MS_OUTPUT      128 /* with exponent 3, a third of them come out; two thirds stay as the state */
#define MS_STATE       (MODULUS_BYTES - MS_OUTPUT)
#define SEMIHOST_EXIT  0x18
#define SEMIHOST_CLEAN 0x20026

struct micali_schnorr {
    mbedtls_mpi n, e, state, y, rr;
};

static uint8_t bytes[MODULUS_BYTES];
static struct selkie_drbg ctr;
static mbedtls_hmac_drbg_context hmac;
static struct micali_schnorr ms;

void board_on_fault(void)
{
    board_console_print("fault\n");
}

static int ctr_fill(void *context, uint8_t *out, size_t len)
{
    return selkie_drbg_fill(context, out, len);
}

static int hmac_fill(void *context, uint8_t *out, size_t len)
{
    return mbedtls_hmac_drbg_random(context, out, len);
}

/* One step: y = state^3 mod n; its low third is given out, the rest is the next state. */
static int ms_fill(void *context, uint8_t *out, size_t len)
{
    struct micali_schnorr *self = context;
    int failed = mbedtls_mpi_exp_mod(&self->y, &self->state, &self->e, &self->n, &self->rr);
    failed = failed || mbedtls_mpi_write_binary(&self->y, bytes, sizeof bytes);
    failed = failed || mbedtls_mpi_read_binary(&self->state, bytes, MS_STATE);
    memcpy(out, bytes + MS_STATE, len);
    return failed;
}

static void measure(const char *name, int (*fill)(void *context, uint8_t *out, size_t len), void *context,
                    size_t request)
{
    uint8_t out[MS_OUTPUT];
    int failed = fill(context, out, request); /* the first call does what is done only once */
    uint32_t began = board_ticks();
    for (size_t made = 0; made < BYTES; made += request)
        failed = fill(context, out, request) || failed;
    uint32_t instructions = (board_ticks() - began) * 1000u;
    board_console_print(name);
    board_console_print(failed ? ": failed" : ": ");
    board_console_number(instructions / BYTES);
    board_console_print(" instructions a byte\n");
}

/* A modulus of the right size costs what a real one does. */
static int ms_set_up(void)
{
    int failed = selkie_drbg_fill(&ctr, bytes, sizeof bytes);
    bytes[0] |= 0x80;
    bytes[MODULUS_BYTES - 1] |= 1;
    mbedtls_mpi_init(&ms.n);
    mbedtls_mpi_init(&ms.e);
    mbedtls_mpi_init(&ms.state);
    mbedtls_mpi_init(&ms.y);
    mbedtls_mpi_init(&ms.rr);
    failed = failed || mbedtls_mpi_read_binary(&ms.n, bytes, sizeof bytes) || mbedtls_mpi_lset(&ms.e, 3);
    failed = failed || selkie_drbg_fill(&ctr, bytes, MS_STATE);
    return failed || mbedtls_mpi_read_binary(&ms.state, bytes, MS_STATE);
}

int main(void)
{
    static const uint8_t seed[SELKIE_DRBG_ENTROPY + SELKIE_DRBG_NONCE] = {1};
    board_init();
    board_pool_init();
    selkie_drbg_init(&ctr);
    mbedtls_hmac_drbg_init(&hmac);
    int failed = selkie_drbg_seed(&ctr, seed, NULL, 0);
    failed =
        failed || mbedtls_hmac_drbg_seed_buf(&hmac, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), seed, sizeof seed);
    if (failed || ms_set_up() != 0) {
        board_console_print("the set-up failed\n");
    } else {
        measure("CTR_DRBG, AES-256", ctr_fill, &ctr, REQUEST);
        measure("HMAC_DRBG, SHA-256", hmac_fill, &hmac, REQUEST);
        measure("Micali-Schnorr, 3072 bits, exponent 3", ms_fill, &ms, MS_OUTPUT);
    }
    __asm volatile("mov r0, %0\n mov r1, %1\n bkpt 0xab\n" ::"r"(SEMIHOST_EXIT), "r"(SEMIHOST_CLEAN) : "r0", "r1");
    return 0;
}
