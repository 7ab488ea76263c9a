#pragma once
// What OpenAI's Realtime service would refuse, written from its reference and not from our client:
// part of the tests' own service.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::test {

/// An `error` event's content.
struct Refusal {
    std::string code, message, param;
};

/// The settings that the tests' service understands, as they were taken last.
struct RealtimeSettings {
    bool taken = false;  ///< a session.update was accepted
    bool mulaw = false;  ///< both ways
    std::string voice = "alloy";
    std::string instructions;
    bool transcription = false;
    bool vad = true;  ///< some detector is on
    bool create_response = true, interrupt_response = true;
    std::uint64_t prefix_ms = 300, silence_ms = 500;
    std::string tools;  ///< JSON, as they came
};

/// Reads the `session` of a session.update. Nothing wrong: `settings` are changed.
std::optional<Refusal> take_settings(const boost::json::object& session, bool beta,
                                     RealtimeSettings& settings);

/// The item of a conversation.item.create, apart from what only the conversation knows.
std::optional<Refusal> check_item(const boost::json::object& item, bool beta);

/// The `response` of a response.create.
std::optional<Refusal> check_response(const boost::json::object& response, bool beta);

std::string_view text_at(const boost::json::object& object, std::string_view name);
const boost::json::object* object_at(const boost::json::object& object, std::string_view name);

}  // namespace bridge::test
