// Whatever OpenAI's transcription sessions send: it is understood or left out, never more.

#include "tests/fuzz/recognizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static const auto service = bridge::transcribers::openai_service({});
    return bridge::fuzz::drive_session(service, bytes, count);
}
