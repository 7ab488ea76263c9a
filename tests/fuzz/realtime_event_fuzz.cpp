// Whatever an agent's service says: it is read or refused, never more.

#include "agents/openai/realtime_events.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static bridge::agents::RealtimeEventParser parser;
    const auto parsed = parser.parse(bridge::fuzz::text_of(bytes, count));
    if (!parsed) {
        bridge::fuzz::must(!parsed.error().message.empty(), "a refusal says why");
        return 0;
    }
    if (const auto* delta = std::get_if<bridge::agents::realtime::AudioDelta>(&*parsed)) {
        bridge::fuzz::must(delta->audio.size() <= count, "sound is not longer than its text");
    }
    if (const auto* done = std::get_if<bridge::agents::realtime::ResponseDone>(&*parsed)) {
        for (const auto& call : done->calls) {
            bridge::fuzz::must(!call.id.empty() && !call.name.empty(), "a call can be answered");
        }
    }
    return 0;
}
