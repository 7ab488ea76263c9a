# What makes a bug in the program harder to use, as far as this compiler and linker have it. Sanitizer builds
# go without: they watch memory themselves, and FORTIFY needs an optimised build.
# tests/support/hardening_test.py reads the finished program and says what is missing.
include(CheckCXXCompilerFlag)
include(CheckPIESupported)
include(CheckLinkerFlag)

add_library(bridge_hardening INTERFACE)
check_pie_supported(LANGUAGES CXX)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT AGENTBRIDGE_SANITIZE)
  set(_flags -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i[3-6]86)$")
    list(APPEND _flags -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    list(APPEND _flags -mbranch-protection=standard)
  endif()
  foreach(_flag IN LISTS _flags)
    string(MAKE_C_IDENTIFIER "AGENTBRIDGE_HAS${_flag}" _has)
    # clang takes some flags it has no use for, and says so in a warning.
    set(CMAKE_REQUIRED_FLAGS -Werror)
    check_cxx_compiler_flag(${_flag} ${_has})
    unset(CMAKE_REQUIRED_FLAGS)
    if(${_has})
      target_compile_options(bridge_hardening INTERFACE ${_flag})
    endif()
  endforeach()

  # Level 3 needs g++ 12 or clang 9, and glibc 2.34; older ones take it for 2.
  target_compile_options(bridge_hardening INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)

  foreach(_flag "-Wl,-z,relro" "-Wl,-z,now" "-Wl,-z,noexecstack" "-Wl,-z,separate-code")
    string(MAKE_C_IDENTIFIER "AGENTBRIDGE_LINKS${_flag}" _has)
    check_linker_flag(CXX ${_flag} ${_has})
    if(${_has})
      target_link_options(bridge_hardening INTERFACE ${_flag})
    endif()
  endforeach()
endif()
