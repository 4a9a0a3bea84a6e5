# Puts oneDNN's shared library beside the extension module, so that a wheel needs
# no other package: one stripped copy, found through $ORIGIN.
function(mpsnn_ship_onednn target)
  get_target_property(location DNNL::dnnl IMPORTED_LOCATION_RELEASE)
  if(NOT location)
    get_target_property(location DNNL::dnnl IMPORTED_LOCATION)
  endif()
  get_filename_component(location ${location} REALPATH)
  if(NOT location MATCHES "\\.(so|dylib)")
    return()  # a static oneDNN is in the module already
  endif()
  if(APPLE)
    return()  # its path is in the module; for a wheel to give away, delocate copies it
  endif()
  set(shipped ${CMAKE_CURRENT_BINARY_DIR}/shipped/libdnnl.so.3)
  add_custom_command(OUTPUT ${shipped}
    COMMAND ${CMAKE_COMMAND} -E copy ${location} ${shipped}
    COMMAND ${CMAKE_STRIP} --strip-unneeded ${shipped}
    DEPENDS ${location} VERBATIM)
  add_custom_target(${target}_onednn ALL DEPENDS ${shipped})
  install(FILES ${shipped} DESTINATION mpsnn COMPONENT python)
  get_filename_component(prefix ${location} DIRECTORY)
  install(DIRECTORY ${prefix}/../share/doc/onednn/ DESTINATION mpsnn/licenses/onednn
          COMPONENT python OPTIONAL FILES_MATCHING PATTERN "LICENSE*" PATTERN "THIRD-PARTY*")
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN")
endfunction()
