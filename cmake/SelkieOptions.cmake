# SPDX-License-Identifier: Apache-2.0
# selkie_options: the language, warnings and sanitizers every target of ours is built with; link it PRIVATE.

option(SELKIE_WERROR "Warnings are errors" ON)
set(SELKIE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")

add_library(selkie_options INTERFACE)
target_compile_features(selkie_options INTERFACE c_std_11)
target_compile_definitions(selkie_options INTERFACE SELKIE_VERSION="${PROJECT_VERSION}")
target_compile_options(selkie_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wformat=2 -Wvla
  $<$<BOOL:${SELKIE_WERROR}>:-Werror> -fno-common -fstack-protector-strong)
if(SELKIE_SANITIZE)
  target_compile_options(selkie_options INTERFACE -fsanitize=${SELKIE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(selkie_options INTERFACE -fsanitize=${SELKIE_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(selkie_options INTERFACE _FORTIFY_SOURCE=2)
endif()
