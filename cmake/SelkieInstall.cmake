# SPDX-License-Identifier: Apache-2.0
# The device library for other projects: headers, static libraries, a CMake package (`find_package(Selkie)`, target
# Selkie::device) and a pkg-config file (selkie-device). Its users bring mbedTLS's crypto library.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/protocol/include/selkie ${CMAKE_SOURCE_DIR}/device/include/selkie
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT device)
install(TARGETS selkie_protocol selkie_device EXPORT selkie ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT device
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set_target_properties(selkie_protocol PROPERTIES EXPORT_NAME protocol)
set_target_properties(selkie_device PROPERTIES EXPORT_NAME device)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Selkie)
install(EXPORT selkie NAMESPACE Selkie:: FILE SelkieTargets.cmake DESTINATION ${package} COMPONENT device)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/SelkieConfig.cmake.in SelkieConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(SelkieConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/SelkieConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/SelkieConfigVersion.cmake
  DESTINATION ${package} COMPONENT device)
# Its prefix is known only when it is installed: cmake --install --prefix.
set(SELKIE_PREFIX "@CMAKE_INSTALL_PREFIX@")
configure_file(${CMAKE_CURRENT_LIST_DIR}/selkie-device.pc.in selkie-device.pc.in @ONLY)
install(CODE "
  configure_file(\"${CMAKE_CURRENT_BINARY_DIR}/selkie-device.pc.in\" \"${CMAKE_CURRENT_BINARY_DIR}/selkie-device.pc\" @ONLY)
  file(INSTALL \"${CMAKE_CURRENT_BINARY_DIR}/selkie-device.pc\"
    DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig\")" COMPONENT device)
