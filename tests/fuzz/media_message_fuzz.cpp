// Whatever comes over a media socket: it is parsed or refused, never more. Twilio's own letters,
// which are read without a JSON parser, mean what they mean as JSON.

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "tests/fuzz/fuzz.hpp"
#include "twilio/wire/media_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static bridge::twilio::MediaMessageParser parser;
    const auto text = bridge::fuzz::text_of(bytes, count);
    const auto parsed = parser.parse(text);
    if (!parsed) bridge::fuzz::must(!parsed.error().message.empty(), "a refusal says why");
    const auto* const media =
        parsed ? std::get_if<bridge::twilio::message::Media>(&*parsed) : nullptr;
    if (!media) return 0;
    const std::vector<std::uint8_t> mulaw(media->mulaw.begin(), media->mulaw.end());
    const std::string stream_sid(media->stream_sid);
    const auto as_json = " " + std::string(text);  // the space keeps it from the short cut
    const auto again = parser.parse(as_json);
    bridge::fuzz::must(again && std::holds_alternative<bridge::twilio::message::Media>(*again),
                       "the same as JSON");
    const auto& same = std::get<bridge::twilio::message::Media>(*again);
    bridge::fuzz::must(
        same.sequence == media->sequence && same.timestamp == media->timestamp &&
            same.track == media->track && same.stream_sid == stream_sid &&
            std::equal(mulaw.begin(), mulaw.end(), same.mulaw.begin(), same.mulaw.end()),
        "every field is the same as JSON");
    return 0;
}
