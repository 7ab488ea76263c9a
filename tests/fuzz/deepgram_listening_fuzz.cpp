// Whatever Deepgram's recognition sends: it is understood or left out, never more.

#include "tests/fuzz/recognizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static const auto service = bridge::transcribers::deepgram_service({});
    return bridge::fuzz::drive_session(service, bytes, count);
}
