#include "emulator/vocabulary.hpp"

#include <boost/json/array.hpp>
#include <string_view>

namespace bridge::emulator {
namespace {

namespace json = boost::json;

struct Word {
    std::string_view name, description, value;
};

constexpr Word kPersonas[] = {
    {"greeting", "says what you have reached, and hangs up", ""},
    {"echo", "says what it hears", ""},
    {"tone", "440 Hz for 5 s; tone:HZ another one", ""},
    {"busy", "is busy", ""},
    {"no-answer", "never answers", ""},
    {"voicemail", "an announcement and a beep", ""},
    {"failed", "cannot be reached", ""},
    {"reject", "does not take the call", ""},
    {"silence", "answers and says nothing", ""},
    {"receptionist-caller", "leaves a message, by voice and by keys", ""},
};

constexpr Word kFaults[] = {
    {"create", "placing a call", "429:2s*1"},
    {"update", "hanging up, redirecting", "500_before*1"},
    {"rest", "every other request", "502_html*1"},
    {"voice", "requests for instructions", "twice"},
    {"callbacks", "status callbacks", "duplicate"},
    {"signature", "of webhooks and audio sockets", "wrong"},
    {"upgrade", "signature of audio sockets", "wrong"},
    {"socket", "the audio socket", "drop@3s"},
    {"pace", "when audio leaves", "stall:2s*1"},
    {"frames", "which audio leaves", "missing%5"},
    {"tunnel", "all that leads to the bridge", "dead:10s*1"},
};

json::string text(std::string_view view) {
    return json::string(view.data(), view.size());
}

}  // namespace

json::object vocabulary_json() {
    json::array personas, faults;
    for (const auto& one : kPersonas)
        personas.push_back({{"name", text(one.name)}, {"description", text(one.description)}});
    for (const auto& one : kFaults)
        faults.push_back({{"name", text(one.name)},
                          {"description", text(one.description)},
                          {"value", text(one.value)}});
    return {{"personas", std::move(personas)}, {"faults", std::move(faults)}};
}

}  // namespace bridge::emulator
