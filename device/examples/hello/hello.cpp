// SPDX-License-Identifier: Apache-2.0
// A device on a PC, in C++: it registers and sends one reading, and the radio is standard output. In a project that found
// the package Selkie:
//
//   hello 1.pub.der > radio.bin         # the key: openssl pkey -pubin -in 1.pub.pem -outform DER -out 1.pub.der
//   selkiectl frame show radio.bin
//
// On a board, the callbacks talk to a radio, a true random generator and one-time-programmable memory: docs/PORTING.md.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mbedtls/sha256.h>
#include <selkie/device.h>
#include <selkie/mbedtls.h>
#include <thread>

namespace
{
uint8_t spki[SELKIE_PUBLIC_KEY_SIZE];
uint8_t pin_of_key[SELKIE_PIN_SIZE];

int write_radio(void *, const uint8_t *bytes, size_t len)
{
    return static_cast<int>(std::fwrite(bytes, 1, len, stdout));
}

// A PC has no raw source; /dev/urandom takes the place of a board's generator in this example.
int read_entropy(void *, uint32_t *samples, size_t max)
{
    static std::ifstream source("/dev/urandom", std::ios::binary);
    for (size_t i = 0; i < max; i++)
        samples[i] = static_cast<uint32_t>(source.get());
    return source ? static_cast<int>(max) : -1;
}

// On a board the pin comes from memory that nobody can change; here it is computed from the key itself.
int read_pin(void *, unsigned, uint8_t *pin)
{
    std::memcpy(pin, pin_of_key, sizeof pin_of_key);
    return 0;
}

uint64_t now_ms()
{
    using namespace std::chrono;
    return static_cast<uint64_t>(duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}
} // namespace

int main(int argc, char **argv)
{
    std::ifstream key(argc == 2 ? argv[1] : "", std::ios::binary);
    if (!key.read(reinterpret_cast<char *>(spki), sizeof spki)) {
        std::fprintf(stderr, "usage: hello KEY.der, an RSA-4096 public key of %u bytes\n", unsigned{sizeof spki});
        return 2;
    }
    if (selkie_mbedtls_sha256(spki, sizeof spki, pin_of_key, 0) != 0)
        return 1;

    selkie_source source{};
    source.kind = SELKIE_SOURCE_TRNG;
    source.claim = 16;
    source.width = 8;
    source.dead_ms = 1000;
    source.read = read_entropy;
    selkie_port port{};
    port.radio_write = write_radio;
    port.sources = &source;
    port.source_count = 1;
    port.read_pin = read_pin;

    static selkie_device device;
    static selkie_device_config config;
    selkie_device_defaults(&config);
    const uint8_t address[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};
    std::memcpy(config.address, address, sizeof address);
    config.keys[0].key_id = 1;
    config.keys[0].spki = spki;
    config.firmware = "hello 1.0";
    config.uplink.bit_rate = 0; // standard output is no air
    config.uplink.spread_ms = 0;
    config.uplink.register_times = 1;
    if (selkie_device_init(&device, &config, &port) < 0)
        return 1;

    for (bool sent = false;;) {
        selkie_device_status status;
        const int state = selkie_device_poll(&device, now_ms(), &status);
        if (state < 0) {
            std::fprintf(stderr, "silent: %s\n", selkie_error_text(state));
            return 1;
        }
        if (state == SELKIE_DEVICE_READY && sent)
            break;
        if (state == SELKIE_DEVICE_READY)
            sent = selkie_device_send(&device, reinterpret_cast<const uint8_t *>("hello"), 5) == 0;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    selkie_device_wipe(&device);
    return std::fflush(stdout) == 0 ? 0 : 1;
}
