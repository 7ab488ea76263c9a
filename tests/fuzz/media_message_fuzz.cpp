// Whatever comes over a media socket: it is parsed or refused, never more.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "twilio/wire/media_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static bridge::twilio::MediaMessageParser parser;
    const auto parsed = parser.parse(std::string_view(reinterpret_cast<const char*>(bytes), count));
    static_cast<void>(parsed);
    return 0;
}
