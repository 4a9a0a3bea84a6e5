# The metal backend: Objective-C++ over Apple's frameworks; or, for tests on Linux, over the stand-in
# in tests/metal_double, which needs clang and GNUstep.

# How the .mm files of a target are compiled.
function(mpsnn_objcxx_options target)
  set_target_properties(${target} PROPERTIES OBJCXX_STANDARD 20 OBJCXX_STANDARD_REQUIRED ON)
  if(APPLE)
    # As the .cpp files: Apple's linker warns of weak symbols that are hidden in some files alone.
    set_target_properties(${target} PROPERTIES OBJCXX_VISIBILITY_PRESET hidden)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:OBJCXX>:-fno-objc-arc>)
    return()
  endif()
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=include
                  OUTPUT_VARIABLE headers OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(options -fobjc-runtime=gcc -fconstant-string-class=NSConstantString -fblocks -fexceptions
      -fobjc-exceptions -D_NATIVE_OBJC_EXCEPTIONS -DGNUSTEP -DGNUSTEP_BASE_LIBRARY=1 -DGNU_RUNTIME=1
      "SHELL:-isystem /usr/include/GNUstep" "SHELL:-idirafter ${headers}"
      # A message that nobody has is else only a warning.
      -Wall -Werror=objc-method-access -Werror=undeclared-selector -Werror=protocol)
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:OBJCXX>:${options}>")
  target_include_directories(
    ${target} PRIVATE $<$<COMPILE_LANGUAGE:OBJCXX>:${PROJECT_SOURCE_DIR}/tests/metal_double/include>)
endfunction()

function(mpsnn_add_metal target)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/backend/metal/*.cpp
       ${PROJECT_SOURCE_DIR}/src/backend/metal/*.mm)
  target_sources(${target} PRIVATE ${sources})
  mpsnn_objcxx_options(${target})
  if(APPLE)
    # Exported with the static library, as flags: a program that links it needs no find_package.
    target_link_libraries(${target} PRIVATE "-framework Foundation" "-framework Metal"
                                            "-framework MetalPerformanceShaders")
    return()
  endif()
  file(GLOB stand_in CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/metal_double/*.cpp
       ${PROJECT_SOURCE_DIR}/tests/metal_double/*.mm)
  target_sources(${target} PRIVATE ${stand_in})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libobjc.so
                  OUTPUT_VARIABLE runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
  target_link_libraries(${target} PRIVATE gnustep-base ${runtime})
endfunction()
