# SPDX-License-Identifier: Apache-2.0
# Toolchain for a 32-bit RISC-V. No heap, no stdio: of picolibc only what memcpy and its like need.
set(SELKIE_MARCH rv32imac CACHE STRING "The instruction set, as gcc's -march names it")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SELKIE_MARCH)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv32)
set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_FLAGS_INIT "-march=${SELKIE_MARCH} -mabi=ilp32 -Os -g -ffunction-sections -fdata-sections -fno-common --specs=picolibc.specs")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostartfiles -Wl,--gc-sections -Wl,--fatal-warnings")
