# One set of warnings for every target of ours.
add_library(bridge_warnings INTERFACE)
target_compile_options(bridge_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast)
if(AGENTBRIDGE_WARNINGS_AS_ERRORS)
  target_compile_options(bridge_warnings INTERFACE -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # g++ 12 sees an overlap in "text" + std::string where there is none (GCC bug 105651).
    target_compile_options(bridge_warnings INTERFACE -Wno-error=restrict)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 takes `"text" + std::string` for an overlapping copy (GCC bug 105651).
  target_compile_options(bridge_warnings INTERFACE -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND AGENTBRIDGE_SANITIZE STREQUAL "thread")
  # Asio's atomic fences are not modelled by the thread sanitizer; g++ warns about each one.
  target_compile_options(bridge_warnings INTERFACE -Wno-tsan)
endif()
