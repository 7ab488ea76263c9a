// Whatever a Vosk server sends: it is understood or left out, never more.

#include "tests/fuzz/recognizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static const auto service = bridge::transcribers::vosk_service({});
    return bridge::fuzz::drive_session(service, bytes, count);
}
