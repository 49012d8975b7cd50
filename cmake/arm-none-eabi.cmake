# SPDX-License-Identifier: Apache-2.0
# Toolchain for a Cortex-M. No heap, no stdio: of newlib only what memcpy and its like need.
set(SELKIE_CPU cortex-m3 CACHE STRING "The core, as gcc's -mcpu names it")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SELKIE_CPU)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_FLAGS_INIT "-mcpu=${SELKIE_CPU} -mthumb -Os -g -ffunction-sections -fdata-sections -fno-common --specs=nano.specs")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostartfiles -Wl,--gc-sections -Wl,--fatal-warnings")
