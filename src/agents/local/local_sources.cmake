# The agent without a cloud; included by ../CMakeLists.txt.
# The default dialogue is a file one can copy; the program carries it inside.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/local/receptionist.dialogue")
file(READ "${CMAKE_CURRENT_SOURCE_DIR}/local/receptionist.dialogue" DEFAULT_DIALOGUE)
configure_file(local/default_dialogue.cpp.in "${CMAKE_CURRENT_BINARY_DIR}/default_dialogue.cpp" @ONLY)
set(LOCAL_AGENT_SOURCES
  local/phrase.cpp local/dialogue.cpp "${CMAKE_CURRENT_BINARY_DIR}/default_dialogue.cpp" local/receptionist.cpp
  local/sentences.cpp local/voice_maker.cpp local/mouth.cpp local/receptionist_agent.cpp
  local/chat_stream.cpp local/conversation.cpp local/chat_client.cpp local/vosk.cpp local/whisper.cpp local/cascade_agent.cpp)
