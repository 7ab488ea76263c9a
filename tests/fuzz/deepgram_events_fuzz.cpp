// Whatever Deepgram's Voice Agent sends: it is parsed or refused, never more.

#include "agents/deepgram/voice_agent_events.hpp"
#include "net/wire_text.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace bridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const auto text = fuzz::text_of(bytes, count);
    const auto event = agents::deepgram::parse_event(text);
    if (!event) fuzz::must(!event.error().message.empty(), "a refusal says why");
    agents::deepgram::Settings settings;
    settings.prompt = text;
    settings.functions.push_back({"f", std::string(text), std::string(text)});
    settings.history.push_back({true, std::string(text)});
    fuzz::must(net::parse_object(agents::deepgram::format_settings(settings)).has_value(),
               "the settings are JSON");
    static_cast<void>(agents::deepgram::fails_again(text, count % 2 == 0));
    return 0;
}
