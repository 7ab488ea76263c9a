# Tests of the emulator's audio side; included by CMakeLists.txt.
bridge_test(emulator_media_test LABEL unit NEEDS emulator
  SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/mulaw_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/base64_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/dtmf_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/sound_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/playout_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/record_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/stream_message_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/persona_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/script_test.cpp
    ${CMAKE_CURRENT_LIST_DIR}/captured_caller_test.cpp
  SYSTEM OpenSSL::Crypto Boost::json PkgConfig::sndfile PkgConfig::zstd)
