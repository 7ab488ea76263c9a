// Whatever an ElevenLabs conversation sends: it is parsed or refused, never more.

#include "agents/elevenlabs/conversation_events.hpp"
#include "net/wire_text.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace bridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const auto text = fuzz::text_of(bytes, count);
    const auto event = agents::elevenlabs::parse_event(text);
    if (!event) fuzz::must(!event.error().message.empty(), "a refusal says why");
    // What is sent is JSON whatever it is made of, and so is its text.
    const auto clean = net::valid_text(text, count);
    fuzz::must(net::valid_text(clean, clean.size()) == clean, "clean text stays as it is");
    fuzz::must(net::parse_object(agents::elevenlabs::format_context(text)).has_value(),
               "a message is JSON");
    fuzz::must(
        net::parse_object(agents::elevenlabs::format_tool_result(text, text, true)).has_value(),
        "a message is JSON");
    fuzz::must(net::quoted(text, Secret("key")).find("key") == std::string::npos,
               "a quotation hides the key");
    return 0;
}
