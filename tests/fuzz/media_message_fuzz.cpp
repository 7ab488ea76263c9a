// Whatever comes over a media socket: it is parsed or refused, never more.

#include "tests/fuzz/fuzz.hpp"
#include "twilio/wire/media_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static bridge::twilio::MediaMessageParser parser;
    const auto parsed = parser.parse(bridge::fuzz::text_of(bytes, count));
    if (!parsed) bridge::fuzz::must(!parsed.error().message.empty(), "a refusal says why");
    return 0;
}
