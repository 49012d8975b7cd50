# SPDX-License-Identifier: Apache-2.0
# Of the Pico SDK's CMake functions, what the package and its example call.
set(fakes ${CMAKE_CURRENT_LIST_DIR})

macro(pico_sdk_init)
  include(${fakes}/../../mbedtls.cmake)
  foreach(library pico_stdlib pico_unique_id hardware_uart pico_mbedtls)
    add_library(${library} INTERFACE)
    target_include_directories(${library} INTERFACE ${fakes} ${FAKE_INCLUDE})
  endforeach()
  target_sources(pico_mbedtls INTERFACE ${mbedtls_sources})
  target_include_directories(pico_mbedtls SYSTEM INTERFACE ${SELKIE_MBEDTLS}/include)
  target_compile_definitions(pico_mbedtls INTERFACE MBEDTLS_CONFIG_FILE="mbedtls_config.h")
  target_sources(pico_stdlib INTERFACE ${fakes}/pico.c ${fakes}/../fake.c)
endmacro()

function(pico_enable_stdio_usb target on)
endfunction()
function(pico_enable_stdio_uart target on)
endfunction()
function(pico_add_extra_outputs target)
endfunction()
