# Everything that comes from the system package manager. ./quickstart installs it.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)          # apt pkg-config           brew pkg-config
find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS json url) # apt libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev   brew boost
find_package(OpenSSL REQUIRED)            # apt libssl-dev           brew openssl@3
find_package(CURL REQUIRED)               # apt libcurl4-openssl-dev brew curl
find_package(fmt REQUIRED)                # apt libfmt-dev           brew fmt
find_package(spdlog REQUIRED)             # apt libspdlog-dev        brew spdlog
find_package(CLI11 REQUIRED)              # apt libcli11-dev         brew cli11
find_package(tl-expected REQUIRED)        # apt libexpected-dev      brew tl-expected
find_package(SQLite3 REQUIRED)            # apt libsqlite3-dev        brew sqlite
find_package(SQLiteCpp REQUIRED)          # apt libsqlitecpp-dev      brew sqlitecpp
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)   # apt libpq-dev       brew libpq
find_package(simdjson REQUIRED)           # apt libsimdjson-dev      brew simdjson
pkg_check_modules(speexdsp REQUIRED IMPORTED_TARGET speexdsp)   # apt libspeexdsp-dev   brew speexdsp
pkg_check_modules(sndfile REQUIRED IMPORTED_TARGET sndfile)     # apt libsndfile1-dev   brew libsndfile
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)          # apt libzstd-dev       brew zstd
pkg_check_modules(portaudio IMPORTED_TARGET portaudio-2.0)      # apt portaudio19-dev   brew portaudio
if(NOT portaudio_FOUND)
  message(STATUS "PortAudio not found: built without sound cards (apt portaudio19-dev, brew portaudio)")
endif()
# The second echo canceller; versions from 1.0 on have another API.
pkg_check_modules(webrtc IMPORTED_TARGET webrtc-audio-processing)   # apt libwebrtc-audio-processing-dev (Debian 12)
if(NOT webrtc_FOUND)
  message(STATUS "WebRTC's audio processing 0.3 not found: built with Speex' echo canceller only")
endif()

# Understands the few phrases a receptionist asks for: 5prealpha (Debian, Ubuntu) and 5.x (Homebrew).
pkg_check_modules(pocketsphinx IMPORTED_TARGET pocketsphinx)   # apt libpocketsphinx-dev libsphinxbase-dev pocketsphinx-en-us   brew cmu-pocketsphinx
if(pocketsphinx_FOUND)
  pkg_get_variable(POCKETSPHINX_MODEL pocketsphinx modeldir)
  add_library(bridge_pocketsphinx INTERFACE)
  target_link_libraries(bridge_pocketsphinx INTERFACE PkgConfig::pocketsphinx)
  pkg_check_modules(sphinxbase IMPORTED_TARGET sphinxbase)   # a library of its own only before version 5
  if(sphinxbase_FOUND)
    target_link_libraries(bridge_pocketsphinx INTERFACE PkgConfig::sphinxbase)
  endif()
else()
  message(STATUS "PocketSphinx not found: the local agent understands keys, no speech (apt libpocketsphinx-dev, brew cmu-pocketsphinx)")
endif()

# Understands whole utterances in this process, with a model from a file.
pkg_check_modules(whisper IMPORTED_TARGET whisper)   # apt libwhisper-dev (Debian testing)   brew whisper-cpp
if(whisper_FOUND)
  # Its processors may be plug-ins, which the program has to load, by the name of their folder.
  find_package(ggml QUIET CONFIG)
  if(GGML_BACKEND_DL AND NOT GGML_BACKEND_DIR)
    message(STATUS "libwhisper left out: ggml-config.cmake does not say in which folder ggml's plug-ins are (GGML_BACKEND_DIR)")
    set(whisper_FOUND FALSE)
  endif()
endif()
if(NOT whisper_FOUND)
  message(STATUS "Built without AGENTBRIDGE_TRANSCRIBER=whisper: it needs libwhisper (brew whisper-cpp; Debian from 14 on, libwhisper-dev)")
endif()

# Flite ships no CMake or pkg-config file.                         apt flite1-dev        brew flite
find_path(FLITE_INCLUDE_DIR flite/flite.h)
add_library(bridge_flite INTERFACE)
if(FLITE_INCLUDE_DIR)
  target_include_directories(bridge_flite SYSTEM INTERFACE "${FLITE_INCLUDE_DIR}")
endif()
foreach(_lib flite_cmu_us_slt flite_usenglish flite_cmulex flite)
  find_library(FLITE_${_lib} ${_lib})
  if(NOT FLITE_${_lib} OR NOT FLITE_INCLUDE_DIR)
    message(FATAL_ERROR "Flite's ${_lib} was not found: apt install flite1-dev, or brew install flite")
  endif()
  target_link_libraries(bridge_flite INTERFACE "${FLITE_${_lib}}")
endforeach()
target_link_libraries(bridge_flite INTERFACE m)

if(AGENTBRIDGE_TESTS)
  find_package(GTest REQUIRED)            # apt libgtest-dev libgmock-dev   brew googletest
  include(GoogleTest)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()
