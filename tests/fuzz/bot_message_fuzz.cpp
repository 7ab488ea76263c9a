// Whatever a bot sends over its socket: it is understood or refused, never more; and what is
// written about it to the bot is JSON that a Media Streams parser takes.

#include "agents/stream_bot/bot_messages.hpp"

#include "tests/fuzz/fuzz.hpp"
#include "twilio/wire/media_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static bridge::agents::BotMessageReader reader;
    static bridge::twilio::MediaMessageParser parser;
    const auto text = bridge::fuzz::text_of(bytes, count);
    for (const auto* stream : {"MZ1", ""}) {
        const auto read = reader.read(text, stream);
        if (!read) {
            bridge::fuzz::must(!read.error().message.empty(), "a refusal says why");
            continue;
        }
        bridge::agents::BotMessageWriter writer;
        std::string out;
        if (const auto* mark = std::get_if<bridge::agents::bot::Mark>(&*read)) {
            const std::string name(mark->name);
            writer.mark("MZ1", name, out);
            const auto parsed = parser.parse(out);
            bridge::fuzz::must(
                parsed && std::get<bridge::twilio::message::Mark>(*parsed).name == name,
                "a mark comes back as it was set");
        } else if (const auto* media = std::get_if<bridge::agents::bot::Media>(&*read)) {
            bridge::fuzz::must(!media->mulaw.empty(), "media has sound");
        }
    }
    return 0;
}
