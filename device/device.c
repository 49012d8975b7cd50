/* SPDX-License-Identifier: Apache-2.0 */
#include <mbedtls/platform_util.h>
#include <selkie/device.h>
#include <selkie/device/seal.h>
#include <string.h>

#if SELKIE_DEVICE_SESSION && (!defined(MBEDTLS_CCM_C) || !defined(MBEDTLS_HKDF_C))
#error "SESSION frames need MBEDTLS_CCM_C and MBEDTLS_HKDF_C of mbedTLS; SELKIE_NO_SESSION does without them"
#endif

#define GATHER_AGAIN_MS 10
#define HOUR_MS         3600000u
#define AGAIN_MS        60000u /* a REGISTER without ACK is made again after this; the wait doubles each time */
#define AGAIN_SHORT     6      /* so many waits are shorter than the hour for which a broker keeps a SESSION frame */
#define AGAIN_MAX_MS    (24 * HOUR_MS)

void selkie_device_defaults(struct selkie_device_config *config)
{
    *config = (struct selkie_device_config)SELKIE_DEVICE_DEFAULTS;
}

static bool firmware_valid(const char *firmware)
{
    size_t len = strlen(firmware);
    for (size_t i = 0; i < len; i++) {
        if (firmware[i] < ' ' || firmware[i] > '~')
            return false;
    }
    return len <= SELKIE_FIRMWARE_MAX;
}

/* Frames name the key by its ID, so two keys cannot share one. */
static bool keys_valid(const struct selkie_public_key keys[static SELKIE_TRUST_KEYS])
{
    for (unsigned slot = 1; slot < SELKIE_TRUST_KEYS; slot++) {
        if (keys[slot].key_id != 0 && keys[slot].key_id == keys[0].key_id)
            return false;
    }
    return true;
}

static bool config_valid(const struct selkie_device_config *config)
{
    if (config->form != SELKIE_SEALED && (!SELKIE_DEVICE_SESSION || config->form != SELKIE_SESSION))
        return false;
    if (!SELKIE_DEVICE_ACKS && config->ack_rx)
        return false;
    if (config->sealed_every < 1 || config->sealed_every > SELKIE_SESSION_SEALED_EVERY)
        return false;
    if (config->firmware && !firmware_valid(config->firmware))
        return false;
    if (!keys_valid(config->keys) || !selkie_uplink_settings_valid(&config->uplink))
        return false;
    return config->session_payload_max <= SELKIE_PAYLOAD_MAX && config->claim_len <= SELKIE_CLAIM_MAX &&
           (config->claim || config->claim_len == 0);
}

static bool port_valid(const struct selkie_port *port)
{
    return port->radio_write && port->read_pin && port->sources;
}

/* Wipe the identity, and drop what it has on its way. The ciphertexts in the slots are no secret, but they are old.
 */
static void forget_identity(struct selkie_device *device)
{
    selkie_identity_wipe(&device->identity);
    device->identified = false;
    selkie_uplink_forget(&device->uplink);
}

static void fall_silent(struct selkie_device *device, int error)
{
    forget_identity(device);
    selkie_drbg_wipe(&device->drbg);
    selkie_entropy_wipe(&device->entropy);
    device->silenced = error;
}

/* From here on the device gathers entropy again. */
static int start_over(struct selkie_device *device)
{
    const struct selkie_port *port = device->port;
    forget_identity(device);
    selkie_entropy_wipe(&device->entropy);
    device->silenced = 0;
    int error = selkie_entropy_init(&device->entropy, port);
    if (error == 0)
        error = selkie_trust_check_all(device->config->keys, port);
    if (error == 0 && device->config->require_lock && (!port->locked || port->locked(port->context) != 1))
        error = SELKIE_EREFUSED;
    if (error < 0)
        fall_silent(device, error);
    return error;
}

int selkie_device_init(struct selkie_device *device, const struct selkie_device_config *config,
                       const struct selkie_port *port)
{
    memset(device, 0, sizeof *device);
    device->config = config;
    device->port = port;
    selkie_drbg_init(&device->drbg);
    mbedtls_sha256_init(&device->entropy.pool);
    selkie_uplink_init(&device->uplink, &config->uplink, port->radio_read ? config->ack_rx : NULL);
    if (!config_valid(config) || !port_valid(port)) {
        fall_silent(device, SELKIE_EINVAL);
        return SELKIE_EINVAL;
    }
    return start_over(device);
}

int selkie_device_reset(struct selkie_device *device)
{
    if (!config_valid(device->config) || !port_valid(device->port))
        return SELKIE_EINVAL;
    return start_over(device);
}

void selkie_device_wipe(struct selkie_device *device)
{
    /* Without mbedtls_ctr_drbg_free: it may take a lock, and no fault handler may wait for one. */
    mbedtls_platform_zeroize(device, sizeof *device);
}

/* The ID cannot be used any more: the counter is at its end, or the RAM that held it changed. */
static void lose_identity(struct selkie_device *device)
{
    const struct selkie_port *port = device->port;
    int error = start_over(device);
    if (port->restart)
        port->restart(port->context);
    (void)error; /* poll reports it: the device is silent */
}

/* Check before each use. 0, SELKIE_ENOTREADY, or SELKIE_EEXHAUSTED: the device has started again. */
static int check_identity(struct selkie_device *device)
{
    int error = 0;
    if (!selkie_identity_intact(&device->identity))
        error = SELKIE_ENOTREADY;
    else if (device->identity.next_counter == SELKIE_COUNTER_LAST)
        error = SELKIE_EEXHAUSTED;
    if (error < 0)
        lose_identity(device);
    return error;
}

/* Seal `message`, whose kind and fields are set, under the next counter. Returns the body's length or an error. */
static int seal(struct selkie_device *device, uint8_t body[static SELKIE_SEALED_SIZE], struct selkie_message *message)
{
    const struct selkie_public_key *key;
    int error = selkie_trust_choose(&key, device->config->keys, device->port);
    if (error < 0) {
        fall_silent(device, error);
        return error;
    }
    memcpy(message->address, device->config->address, SELKIE_ADDRESS_SIZE);
    memcpy(message->id, device->identity.id, SELKIE_ID_SIZE);
    message->counter = device->identity.next_counter;
    error = selkie_seal_message(body, key, message, selkie_drbg_fill, &device->drbg);
    mbedtls_platform_zeroize(message, sizeof *message);
    return error < 0 ? error : SELKIE_SEALED_SIZE;
}

static bool goes_as_session(const struct selkie_device *device, size_t payload_len)
{
    const struct selkie_device_config *config = device->config;
    return SELKIE_DEVICE_SESSION && config->form == SELKIE_SESSION && payload_len <= config->session_payload_max &&
           device->since_sealed + 1 < config->sealed_every;
}

/* Pass a sealed body to the uplink and count it. */
static int post(struct selkie_device *device, enum selkie_uplink_slot_name slot, const uint8_t *body, size_t len,
                bool session)
{
    int error = selkie_uplink_put(&device->uplink, slot, body, len);
    if (error < 0)
        return error;
    selkie_identity_advance(&device->identity);
    device->since_sealed = session ? device->since_sealed + 1 : 0;
    return 0;
}

int selkie_device_send(struct selkie_device *device, const uint8_t *payload, size_t len)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    if (len > SELKIE_PAYLOAD_MAX)
        return SELKIE_EINVAL;
    if (device->silenced < 0)
        return device->silenced;
    if (!device->identified || device->identity.next_counter == 0)
        return SELKIE_ENOTREADY;
    if (selkie_uplink_busy(&device->uplink, SELKIE_UPLINK_DATA)) /* SELKIE_EBUSY: it hurries the one that waits */
        return selkie_uplink_put(&device->uplink, SELKIE_UPLINK_DATA, payload, len);
    int error = check_identity(device);
    if (error < 0)
        return error;

    bool session = goes_as_session(device, len);
    int body_len;
    if (session) {
        body_len = selkie_session_seal(body, sizeof body, &device->identity.session, device->identity.next_counter,
                                       payload, len);
    } else {
        struct selkie_message message = {.kind = SELKIE_DATA, .data = {.payload = payload, .payload_len = len}};
        body_len = seal(device, body, &message);
    }
    return body_len < 0 ? body_len : post(device, SELKIE_UPLINK_DATA, body, (size_t)body_len, session);
}

static uint32_t again_after(struct selkie_device *device)
{
    uint32_t wait = device->unheard < 11 ? AGAIN_MS << device->unheard : AGAIN_MAX_MS;
    if (device->unheard < UINT8_MAX)
        device->unheard++;
    if (wait > AGAIN_MAX_MS)
        wait = AGAIN_MAX_MS;
    return wait / 2 + selkie_drbg_delay(&device->drbg, wait / 2);
}

/* On a one-way link no ACK says whether a REGISTER arrived, and without it SESSION frames cannot be opened. */
static bool registers_blindly(const struct selkie_device *device)
{
    return SELKIE_DEVICE_SESSION && device->config->form == SELKIE_SESSION &&
           !selkie_uplink_expects_ack(&device->uplink);
}

static void register_by(struct selkie_device *device, uint64_t at_ms)
{
    if (at_ms < device->register_at_ms)
        device->register_at_ms = at_ms;
}

static int send_register(struct selkie_device *device, uint64_t now_ms)
{
    const struct selkie_device_config *config = device->config;
    uint8_t body[SELKIE_SEALED_SIZE];
    struct selkie_message message = {.kind = SELKIE_REGISTER,
                                     .registration = {.flags = config->form == SELKIE_SESSION ? SELKIE_FLAG_SESSION : 0,
                                                      .claim = config->claim,
                                                      .claim_len = config->claim_len,
                                                      .firmware = config->firmware,
                                                      .firmware_len = config->firmware ? strlen(config->firmware) : 0}};
    int len = seal(device, body, &message);
    if (len < 0)
        return len;
    device->register_at_ms =
        config->register_hours > 0 ? now_ms + (uint64_t)config->register_hours * HOUR_MS : SELKIE_UPLINK_NEVER;
    if (registers_blindly(device))
        register_by(device, now_ms + again_after(device));
    return post(device, SELKIE_UPLINK_REGISTER, body, (size_t)len, false);
}

/* The ID, from a generator that was seeded a moment ago. */
static int draw_identity(struct selkie_device *device, uint64_t now_ms)
{
    uint8_t seed[SELKIE_ENTROPY_SEED];
    int error = selkie_entropy_draw(&device->entropy, seed);
    if (error == 0)
        error = selkie_drbg_seed(&device->drbg, seed, device->config->address, SELKIE_ADDRESS_SIZE);
    mbedtls_platform_zeroize(seed, sizeof seed);
    if (error == 0)
        error = selkie_identity_draw(&device->identity, &device->drbg, device->config->address);
    if (error < 0)
        return error;
    device->identified = true;
    device->register_at_ms = now_ms;
    device->unheard = registers_blindly(device) ? AGAIN_SHORT - 1 : 0; /* its repeats come first */
    return 0;
}

/* Returns when to look again for entropy. Draws the ID once there is enough. */
static uint64_t gather(struct selkie_device *device, uint64_t now_ms)
{
    int more = selkie_entropy_gather(&device->entropy, device->port, now_ms);
    if (more >= 0 && selkie_entropy_bits(&device->entropy) >= SELKIE_ENTROPY_NEEDED)
        more = draw_identity(device, now_ms);
    if (more < 0)
        fall_silent(device, more);
    return more > 0 ? now_ms : now_ms + GATHER_AGAIN_MS;
}

/* Between two messages, so that the counters go out in their order. Returns true if a REGISTER was made. */
static bool register_if_due(struct selkie_device *device, uint64_t now_ms)
{
    if (now_ms < device->register_at_ms || selkie_uplink_busy(&device->uplink, SELKIE_UPLINK_REGISTER) ||
        selkie_uplink_busy(&device->uplink, SELKIE_UPLINK_DATA) || check_identity(device) < 0)
        return false;
    int error = send_register(device, now_ms);
    if (error == SELKIE_ECRYPTO)
        device->register_at_ms = now_ms + 1000; /* mbedTLS had no memory: try again */
    else if (error < 0 && device->silenced == 0)
        fall_silent(device, error);
    return error == 0;
}

/* Poll the uplink. A REGISTER without an ACK is made again, since no SESSION frame can be opened before it:
 * after ever longer waits, and once those are long, as soon as anything else is acknowledged. */
static uint64_t poll_uplink(struct selkie_device *device, uint64_t now_ms)
{
    struct selkie_uplink *uplink = &device->uplink;
    uint32_t acknowledged = uplink->counts.acknowledged;
    bool was_unheard = selkie_uplink_unheard(uplink, SELKIE_UPLINK_REGISTER);
    uint64_t wake_ms = selkie_uplink_poll(uplink, device->port, &device->drbg, now_ms);
    uint64_t again_ms = SELKIE_UPLINK_NEVER;

    if (!selkie_uplink_unheard(uplink, SELKIE_UPLINK_REGISTER)) {
        if (!selkie_uplink_busy(uplink, SELKIE_UPLINK_REGISTER) && !registers_blindly(device))
            device->unheard = 0;
    } else if (!was_unheard) {
        again_ms = now_ms + again_after(device);
    } else if (uplink->counts.acknowledged != acknowledged && device->unheard > AGAIN_SHORT) {
        again_ms = now_ms;
        device->unheard = AGAIN_SHORT / 2;
    }
    register_by(device, again_ms);
    return wake_ms;
}

static void work(struct selkie_device *device, uint64_t now_ms, struct selkie_device_status *status)
{
    if (!device->identified)
        status->wake_ms = gather(device, now_ms);
    if (device->identified)
        (void)register_if_due(device, now_ms);
    if (device->identified) {
        status->wake_ms = poll_uplink(device, now_ms);
        /* Once more, before a caller who always has a message takes the slot that may just have become free. */
        if (register_if_due(device, now_ms))
            status->wake_ms = now_ms;
        if (device->register_at_ms < status->wake_ms)
            status->wake_ms = device->register_at_ms > now_ms ? device->register_at_ms : status->wake_ms;
    }
    if (!device->identified && device->silenced == 0 && status->wake_ms > now_ms + GATHER_AGAIN_MS)
        status->wake_ms = now_ms; /* the ID was lost on the way: gather */
}

int selkie_device_poll(struct selkie_device *device, uint64_t now_ms, struct selkie_device_status *status)
{
    const struct selkie_port *port = device->port;
    memset(status, 0, sizeof *status);
    status->wake_ms = SELKIE_UPLINK_NEVER;
    status->bits_needed = SELKIE_ENTROPY_NEEDED;
    if (port->watchdog)
        port->watchdog(port->context);
    if (device->silenced == 0 && port->tampered && port->tampered(port->context) != 0)
        fall_silent(device, SELKIE_EREFUSED);
    if (device->silenced == 0)
        work(device, now_ms, status);

    status->uplink = device->uplink.counts;
    status->trouble = (enum selkie_uplink_trouble)device->uplink.trouble;
    if (status->trouble != SELKIE_UPLINK_CLEAR)
        status->trouble_ms = now_ms - (uint32_t)((uint32_t)now_ms - device->uplink.trouble_ms);
    if (device->silenced < 0)
        return device->silenced;
    if (!device->identified) {
        status->bits = (uint16_t)selkie_entropy_progress(&device->entropy);
        status->alarms = (uint8_t)selkie_entropy_alarms(&device->entropy);
        return SELKIE_DEVICE_GATHERING;
    }
    status->bits = SELKIE_ENTROPY_NEEDED;
    status->next_counter = device->identity.next_counter;
    if (device->identity.next_counter == 0 || selkie_uplink_busy(&device->uplink, SELKIE_UPLINK_DATA))
        return SELKIE_DEVICE_SENDING;
    return SELKIE_DEVICE_READY;
}
