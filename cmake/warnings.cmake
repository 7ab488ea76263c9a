# One set of warnings for every target of ours.
add_library(bridge_warnings INTERFACE)
target_compile_options(bridge_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast)
if(AGENTBRIDGE_WARNINGS_AS_ERRORS)
  target_compile_options(bridge_warnings INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 takes `"text" + std::string` for an overlapping copy (GCC bug 105651).
  target_compile_options(bridge_warnings INTERFACE -Wno-restrict)
  if(AGENTBRIDGE_SANITIZE)
    # At -O1 it loses sight of Asio's recycled memory and sees the wrong delete.
    target_compile_options(bridge_warnings INTERFACE -Wno-mismatched-new-delete)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND AGENTBRIDGE_SANITIZE STREQUAL "thread")
  # Asio's atomic fences are not modelled by the thread sanitizer; g++ warns about each one.
  target_compile_options(bridge_warnings INTERFACE -Wno-tsan)
endif()
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # In a batch no file is the main one, and g++ then takes every unnamed namespace for a header's; with so much to see
  # it also doubts optionals that were asked before.
  target_compile_options(bridge_warnings INTERFACE -Wno-subobject-linkage -Wno-maybe-uninitialized)
endif()
