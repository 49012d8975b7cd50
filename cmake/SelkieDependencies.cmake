# SPDX-License-Identifier: Apache-2.0
# Libraries from outside, each as one imported target. scripts/setup installs them.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.13)

# Neither Debian's mbedTLS nor its Paho comes with a pkg-config file or a CMake package.
function(selkie_find_library target header library)
  find_path(${target}_INCLUDE ${header} REQUIRED)
  find_library(${target}_LIBRARY ${library} REQUIRED)
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} INTERFACE ${${target}_INCLUDE})
  target_link_libraries(${target} INTERFACE ${${target}_LIBRARY})
  mark_as_advanced(${target}_INCLUDE ${target}_LIBRARY)
endfunction()

selkie_find_library(selkie_mbedcrypto mbedtls/rsa.h mbedcrypto)
if(SELKIE_TESTS)
  pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()
if(SELKIE_DEVICE_ONLY)
  return()
endif()

pkg_check_modules(LIBCBOR REQUIRED IMPORTED_TARGET libcbor)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(P11KIT REQUIRED IMPORTED_TARGET p11-kit-1)
pkg_check_modules(LIBCRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(LIBSSL REQUIRED IMPORTED_TARGET libssl)
pkg_check_modules(LIBSYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
selkie_find_library(selkie_paho_async MQTTAsync.h paho-mqtt3as)
find_path(SELKIE_MOSQUITTO_INCLUDE mosquitto_broker.h REQUIRED)
add_library(selkie_mosquitto_headers INTERFACE IMPORTED GLOBAL)
target_include_directories(selkie_mosquitto_headers INTERFACE ${SELKIE_MOSQUITTO_INCLUDE})
