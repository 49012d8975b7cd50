/* SPDX-License-Identifier: Apache-2.0 */
/* Of the Zephyr API (docs.zephyrproject.org/latest/doxygen/html), what the sample calls. The headers of those names
 * only include it. The devicetree has what the sample's overlay and an nRF52 give. */
#ifndef SELKIE_TEST_FAKE_ZEPHYR_H
#define SELKIE_TEST_FAKE_ZEPHYR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct device {
    const char *name;
};
extern const struct device fake_device_selkie_radio, fake_device_zephyr_entropy;
extern uint8_t fake_registers_uicr[];
#define DT_ALIAS(name)       name
#define DT_CHOSEN(name)      name
#define DT_NODELABEL(name)   name
#define DEVICE_DT_GET(node)  FAKE_DEVICE(node)
#define FAKE_DEVICE(node)    (&fake_device_##node)
#define DT_REG_ADDR(node)    FAKE_REGISTERS(node)
#define FAKE_REGISTERS(node) ((uintptr_t)fake_registers_##node)
bool device_is_ready(const struct device *device);

void uart_poll_out(const struct device *device, unsigned char byte);
int entropy_get_entropy(const struct device *device, uint8_t *buffer, uint16_t length);
ssize_t hwinfo_get_device_id(uint8_t *buffer, size_t length);
int64_t k_uptime_get(void);
int32_t k_msleep(int32_t ms);
void printk(const char *format, ...);

#endif
