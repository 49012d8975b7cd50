# SPDX-License-Identifier: Apache-2.0
# What the image of any board is built from: mbedTLS from its source, only the modules that one seal needs, the protocol and
# the device. The board brings the rest: docs/PORTING.md.
set(SELKIE_BOARD mps2-an385 CACHE STRING "The board: a folder of device/ports, or the path of a folder elsewhere")
set(SELKIE_KEY_SLOT 0 CACHE STRING "The public key that an image seals with: 0 is the current, 1 the next")
set(SELKIE_LEAVE_OUT "" CACHE STRING "What the device library leaves out, separated by ';': SESSION, FRAGMENTS, ACK, BUTTONS")
set(SELKIE_MBEDTLS_SOURCE ${CMAKE_SOURCE_DIR}/.cache/mbedtls CACHE PATH "mbedTLS's source (scripts/setup --firmware)")

get_filename_component(selkie_board ${SELKIE_BOARD} ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR}/device/ports)
if(NOT EXISTS ${selkie_board}/selkie_mbedtls_config.h OR NOT EXISTS ${selkie_board}/CMakeLists.txt)
  message(FATAL_ERROR "SELKIE_BOARD: ${selkie_board} is no board: it has no CMakeLists.txt and selkie_mbedtls_config.h")
endif()
if(NOT SELKIE_KEY_SLOT MATCHES "^[01]$")
  message(FATAL_ERROR "SELKIE_KEY_SLOT is 0 or 1, not ${SELKIE_KEY_SLOT}")
endif()
if(NOT EXISTS ${SELKIE_MBEDTLS_SOURCE}/library/rsa.c)
  message(FATAL_ERROR "${SELKIE_MBEDTLS_SOURCE} has no mbedTLS: run scripts/setup --firmware")
endif()

set(modules aes bignum ccm cipher cipher_wrap constant_time ctr_drbg hkdf hmac_drbg md memory_buffer_alloc oid platform
  platform_util rsa sha256)
if(EXISTS ${SELKIE_MBEDTLS_SOURCE}/library/rsa_internal.c)
  list(APPEND modules rsa_internal) # 2.28
else()
  list(APPEND modules asn1parse asn1write bignum_core block_cipher rsa_alt_helpers) # 3.6
endif()
list(TRANSFORM modules PREPEND ${SELKIE_MBEDTLS_SOURCE}/library/)
list(TRANSFORM modules APPEND .c)
add_library(selkie_mbedcrypto_board STATIC ${modules})
set_target_properties(selkie_mbedcrypto_board PROPERTIES OUTPUT_NAME selkie_mbedcrypto)
target_include_directories(selkie_mbedcrypto_board SYSTEM PUBLIC ${SELKIE_MBEDTLS_SOURCE}/include ${selkie_board})
target_compile_options(selkie_mbedcrypto_board PRIVATE -fstack-protector-strong) # as everything of ours: SelkieOptions
target_compile_definitions(selkie_mbedcrypto_board PUBLIC MBEDTLS_CONFIG_FILE="selkie_mbedtls_config.h")
# Not installed: who uses the installed device library brings a selkie_mbedcrypto of his own (SelkieConfig.cmake).
add_library(selkie_mbedcrypto INTERFACE IMPORTED GLOBAL)
target_link_libraries(selkie_mbedcrypto INTERFACE selkie_mbedcrypto_board)

add_subdirectory(protocol)
add_subdirectory(device)
set_target_properties(selkie_protocol PROPERTIES POSITION_INDEPENDENT_CODE OFF) # that is for the broker's plugin
target_compile_definitions(selkie_protocol PUBLIC SELKIE_LINK_RX_MAX=16) # an ACK has 3 bytes
foreach(part ${SELKIE_LEAVE_OUT})
  if(NOT part MATCHES "^(SESSION|FRAGMENTS|ACK|BUTTONS)$")
    message(FATAL_ERROR "SELKIE_LEAVE_OUT: SESSION, FRAGMENTS, ACK or BUTTONS, not ${part}")
  endif()
  target_compile_definitions(selkie_device PUBLIC SELKIE_NO_${part})
endforeach()

# selkie_add_image(NAME LINKER_SCRIPT FILE SOURCES FILE...): bin/NAME.elf
function(selkie_add_image name)
  cmake_parse_arguments(ARG "" "LINKER_SCRIPT" "SOURCES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE selkie_device selkie_options)
  target_compile_definitions(${name} PRIVATE SELKIE_KEY_SLOT=${SELKIE_KEY_SLOT})
  target_link_options(${name} PRIVATE
    -T ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_LINKER_SCRIPT} -Wl,-Map=${CMAKE_BINARY_DIR}/${name}.map)
  set_target_properties(${name} PROPERTIES SUFFIX .elf LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_LINKER_SCRIPT})
endfunction()

add_subdirectory(${selkie_board} ${CMAKE_BINARY_DIR}/board)
