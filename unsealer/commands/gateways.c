/* SPDX-License-Identifier: Apache-2.0 */
#include "commands/gateways.h"

#include <mbedtls/constant_time.h>
#include <mbedtls/platform_util.h>
#include <pthread.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>

#define ITERATIONS  100
#define RANDOM_SIZE 20

struct entry {
    struct selkie_gateway_record gateway;
    UT_hash_handle hh;
};

struct selkie_gateways {
    pthread_mutex_t lock;
    struct entry *table;
};

static void free_entry(struct entry *entry)
{
    if (entry)
        mbedtls_platform_zeroize(entry, sizeof *entry);
    free(entry);
}

static void free_table(struct entry *table)
{
    struct entry *entry, *next;
    HASH_ITER (hh, table, entry, next) {
        HASH_DEL(table, entry);
        free_entry(entry);
    }
}

int selkie_gateways_open(struct selkie_gateways **opened)
{
    *opened = calloc(1, sizeof **opened);
    if (!*opened)
        return SELKIE_ENOMEM;
    pthread_mutex_init(&(*opened)->lock, NULL);
    return 0;
}

void selkie_gateways_close(struct selkie_gateways *gateways)
{
    if (!gateways)
        return;
    free_table(gateways->table);
    pthread_mutex_destroy(&gateways->lock);
    free(gateways);
}

int selkie_gateways_reload(struct selkie_gateways *gateways, struct selkie_registry *registry)
{
    struct entry *table = NULL, *before;
    struct selkie_gateway_record gateway = {.name = ""};
    int result;

    while ((result = selkie_registry_next_gateway(registry, gateway.name, &gateway)) > 0) {
        struct entry *entry = calloc(1, sizeof *entry);
        if (!entry) {
            result = SELKIE_ENOMEM;
            break;
        }
        entry->gateway = gateway;
        HASH_ADD_STR(table, gateway.name, entry);
    }
    mbedtls_platform_zeroize(&gateway, sizeof gateway);
    if (result < 0) {
        free_table(table);
        return result;
    }
    pthread_mutex_lock(&gateways->lock);
    before = gateways->table;
    gateways->table = table;
    pthread_mutex_unlock(&gateways->lock);
    free_table(before);
    return 0;
}

int selkie_gateways_refresh(struct selkie_gateways *gateways, struct selkie_registry *registry, const char *name)
{
    struct entry *entry = calloc(1, sizeof *entry), *before;
    int result = entry ? selkie_registry_gateway(registry, name, &entry->gateway) : SELKIE_ENOMEM;

    if (result < 0) {
        free_entry(entry);
        return result;
    }
    pthread_mutex_lock(&gateways->lock);
    HASH_FIND_STR(gateways->table, name, before);
    if (before)
        HASH_DEL(gateways->table, before);
    if (result > 0)
        HASH_ADD_STR(gateways->table, gateway.name, entry);
    pthread_mutex_unlock(&gateways->lock);
    free_entry(before);
    if (result == 0)
        free_entry(entry);
    return 0;
}

static struct selkie_gateway_record find(struct selkie_gateways *gateways, const char *name)
{
    struct selkie_gateway_record gateway = {.auth = SELKIE_GATEWAY_UNKNOWN};
    struct entry *entry;

    pthread_mutex_lock(&gateways->lock);
    HASH_FIND_STR(gateways->table, name, entry);
    if (entry)
        gateway = entry->gateway;
    pthread_mutex_unlock(&gateways->lock);
    return gateway;
}

enum selkie_gateway_auth selkie_gateways_find(struct selkie_gateways *gateways, const char *name)
{
    return find(gateways, name).auth;
}

static int derive(const struct selkie_gateway_record *gateway, const char *password,
                  uint8_t hash[static SELKIE_GATEWAY_HASH_SIZE])
{
    int failure =
        selkie_mbedtls_pbkdf2_sha256((const uint8_t *)password, strlen(password), gateway->salt,
                                     SELKIE_GATEWAY_SALT_SIZE, gateway->iterations, hash, SELKIE_GATEWAY_HASH_SIZE);
    return failure ? SELKIE_ECRYPTO : 0;
}

bool selkie_gateways_check(struct selkie_gateways *gateways, const char *name, const char *password)
{
    struct selkie_gateway_record gateway = find(gateways, name);
    uint8_t hash[SELKIE_GATEWAY_HASH_SIZE];
    bool right = gateway.auth == SELKIE_GATEWAY_PASSWORD && derive(&gateway, password, hash) == 0 &&
                 mbedtls_ct_memcmp(hash, gateway.hash, sizeof hash) == 0;

    mbedtls_platform_zeroize(hash, sizeof hash);
    mbedtls_platform_zeroize(&gateway, sizeof gateway);
    return right;
}

int selkie_gateways_make_password(struct selkie_gateway_record *gateway, char password[static SELKIE_PASSWORD_SIZE])
{
    uint8_t random[RANDOM_SIZE];
    int result = SELKIE_EENTROPY;

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random ||
        getrandom(gateway->salt, sizeof gateway->salt, 0) != (ssize_t)sizeof gateway->salt)
        goto out;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(password + 2 * i, 3, "%02x", random[i]);
    gateway->iterations = ITERATIONS;
    result = derive(gateway, password, gateway->hash);
out:
    mbedtls_platform_zeroize(random, sizeof random);
    return result;
}
