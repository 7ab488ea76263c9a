# One set of warnings for every target of ours.
add_library(bridge_warnings INTERFACE)
target_compile_options(bridge_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast)
if(AGENTBRIDGE_WARNINGS_AS_ERRORS)
  target_compile_options(bridge_warnings INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND AGENTBRIDGE_SANITIZE STREQUAL "thread")
  # Asio's atomic fences are not modelled by the thread sanitizer; g++ warns about each one.
  target_compile_options(bridge_warnings INTERFACE -Wno-tsan)
endif()
