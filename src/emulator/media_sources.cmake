# The audio side of the emulator; included by CMakeLists.txt.
set(EMULATOR_MEDIA_SOURCES
  mulaw.cpp base64.cpp dtmf.cpp resample.cpp speech.cpp audio_file.cpp
  playout.cpp playout_book.cpp sound_record.cpp stream_message.cpp media_pace.cpp stream_client.cpp stream_client_faults.cpp call_line.cpp
  persona_description.cpp persona_book.cpp
  personas/person.cpp personas/unreachable.cpp personas/recorded_voice.cpp personas/echo.cpp
  personas/captured_caller.cpp personas/key_presser.cpp personas/script.cpp personas/speech_detector.cpp)
set(EMULATOR_MEDIA_SYSTEM bridge_flite PkgConfig::sndfile PkgConfig::speexdsp PkgConfig::zstd Boost::json)
