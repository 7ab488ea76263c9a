# bridge_library(<folder> SOURCES a.cpp b.cpp NEEDS base audio SYSTEM OpenSSL::Crypto)
#   NEEDS   our own libraries; tools/check_layers.py checks that includes follow it
#   SYSTEM  other people's
function(bridge_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;NEEDS;SYSTEM" ${ARGN})
  add_library(bridge_${name} STATIC ${ARG_SOURCES})
  target_include_directories(bridge_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  list(TRANSFORM ARG_NEEDS PREPEND bridge_)
  target_link_libraries(bridge_${name}
    PUBLIC ${ARG_NEEDS} ${ARG_SYSTEM}
    PRIVATE bridge_warnings bridge_sanitizers bridge_hardening)
endfunction()

# bridge_test(<name> LABEL unit SOURCES a_test.cpp NEEDS audio): one gtest binary, every test known to ctest.
#   THREADS  it runs more than one thread: the thread sanitizer runs these only
function(bridge_test name)
  cmake_parse_arguments(ARG "THREADS" "LABEL;TIMEOUT" "SOURCES;NEEDS;SYSTEM" ${ARGN})
  if(AGENTBRIDGE_SANITIZE STREQUAL "thread" AND NOT ARG_THREADS)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_NEEDS PREPEND bridge_)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE AGENTBRIDGE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  target_link_libraries(${name} PRIVATE ${ARG_NEEDS} ${ARG_SYSTEM} GTest::gmock GTest::gtest GTest::gtest_main
    bridge_warnings bridge_test_sanitizers)
  # Tests are compiled once and run once: more optimisation takes longer than it saves.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
