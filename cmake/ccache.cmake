# Uses ccache when it is there; a clean rebuild then takes seconds.
find_program(AGENTBRIDGE_CCACHE ccache)
if(AGENTBRIDGE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${AGENTBRIDGE_CCACHE}")
endif()
