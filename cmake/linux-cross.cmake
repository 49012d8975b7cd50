# SPDX-License-Identifier: Apache-2.0
# Toolchain for the unit tests of the wire format and the device on another machine's Linux, run by QEMU: with
# SELKIE_DEVICE_ONLY. scripts/setup --firmware fetches the libraries; all is linked statically.
set(SELKIE_MACHINE s390x CACHE STRING "The machine: s390x (big endian) or aarch64")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SELKIE_MACHINE)
set(triple ${SELKIE_MACHINE}-linux-gnu)
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/../.cache/${triple} ABSOLUTE)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${SELKIE_MACHINE})
set(CMAKE_C_COMPILER ${triple}-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${SELKIE_MACHINE})
set(CMAKE_FIND_ROOT_PATH ${root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${root}/usr/lib/${triple}/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${root})
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_C_STANDARD_LIBRARIES_INIT "-L${root}/usr/lib/${triple} -lsubunit -lrt -lm") # what a static Check needs
