#include "agents/tools/builtin_tools.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "agents/tools/words.hpp"
#include "audio/dtmf_tones.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;
namespace tool = call::tool;

struct Builtin {
    std::string_view name;
    std::string_view description;
    std::string_view parameters;
};

constexpr std::string_view kTransfer = "transfer_call";
constexpr std::string_view kRecord = "record_call";

constexpr std::array<Builtin, 6> kBuiltins{{
    {"end_call",
     "Ends the phone call. Use it when the conversation is over: say goodbye first, then call "
     "this, and say nothing more. The line is closed once your last words were heard.",
     R"({"type": "object", "properties": {
         "reason": {"type": "string", "maxLength": 200,
                    "description": "Why the call is over, in a few words. The caller does not hear it."}},
        "additionalProperties": false})"},
    {kTransfer,
     "Connects the caller with somebody else; your part of the call ends when they answer. Tell "
     "the caller first whom you connect them with. If nobody answers, the caller comes back to "
     "you.",
     R"({"type": "object", "properties": {
         "to": {"type": "string", "minLength": 1, "maxLength": 200,
                "description": "Whom to connect the caller with."}},
        "required": ["to"], "additionalProperties": false})"},
    {"send_dtmf",
     "Presses keys of the phone, for a menu (\"press 1 for sales\"), an extension or a code. Use "
     "it only when the other side asks for keys.",
     R"({"type": "object", "properties": {
         "digits": {"type": "string", "minLength": 1, "maxLength": 32,
                    "description": "The keys in their order: 0-9, *, #, A-D; w waits half a second."}},
        "required": ["digits"], "additionalProperties": false})"},
    {"hold",
     "Puts the caller on hold, where they hear music and neither of you hears the other, or takes "
     "them back. Tell the caller before you put them on hold, and do not forget to take them back.",
     R"({"type": "object", "properties": {
         "on": {"type": "boolean", "description": "true: put on hold; false: take back."}},
        "required": ["on"], "additionalProperties": false})"},
    {"take_message",
     "Keeps a message for the people this line belongs to. Use it when the caller wants to leave "
     "word or to be called back. Ask for what is missing and repeat the number and the message to "
     "the caller before you keep it.",
     R"({"type": "object", "properties": {
         "name": {"type": "string", "maxLength": 100, "description": "Who leaves the message."},
         "number": {"type": "string", "maxLength": 100,
                    "description": "The number to call back, best with '+' and the country code. Leave it out if it is the number the caller calls from."},
         "text": {"type": "string", "minLength": 1, "maxLength": 2000,
                  "description": "The message, in the caller's words."}},
        "required": ["text"], "additionalProperties": false})"},
    {kRecord,
     "Records the call, pauses the recording, goes on with it, or ends it. Pause it while the "
     "caller says something secret, such as the number of a card. Ask the caller for leave before "
     "you start one.",
     R"({"type": "object", "properties": {
         "action": {"type": "string", "enum": ["start", "pause", "resume", "stop"]}},
        "required": ["action"], "additionalProperties": false})"},
}};

const Builtin* builtin(std::string_view name) {
    const auto found = std::find_if(kBuiltins.begin(), kBuiltins.end(),
                                    [&](const Builtin& one) { return one.name == name; });
    return found == kBuiltins.end() ? nullptr : &*found;
}

bool is_control(char c) {
    return (c >= '\0' && c < ' ') || c == '\x7f';
}

/// A field as one line, without spaces around it; empty if it is not there.
std::string line(const json::object& arguments, std::string_view name) {
    const auto* value = arguments.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    std::string out(value->get_string().begin(), value->get_string().end());
    std::replace_if(out.begin(), out.end(), is_control, ' ');
    out.erase(0, std::min(out.find_first_not_of(' '), out.size()));
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
}

bool is_target_name(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == ' ' || c == '_' || c == '-';
    };
    return !text.empty() && text.size() <= 40 && std::all_of(text.begin(), text.end(), fits);
}

/// "sip:", "+" and the like: a target that was written without a name.
bool begins_as_address(std::string_view text) {
    return text.front() == '+' || text.substr(0, 4) == "sip:" || text.substr(0, 5) == "sips:" ||
           text.substr(0, 7) == "client:";
}

/// How people say a number: digits, with what is written between them, and an extension.
bool is_spoken_number(std::string_view text) {
    constexpr std::string_view kMarks = "0123456789+*#()-./x ";
    const auto digits =
        std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    return digits >= 3 && text.size() <= 40 &&
           text.find_first_not_of(kMarks) == std::string_view::npos;
}

Result<call::ToolAction> recording(const json::object& arguments) {
    const auto action = line(arguments, "action");
    using Status = call::RecordingStatus;
    if (action == "pause") return tool::Record{Status::paused};
    return tool::Record{action == "stop" ? Status::stopped : Status::recording};
}

Result<call::ToolAction> keys(const json::object& arguments) {
    auto digits = line(arguments, "digits");
    for (auto& key : digits) {
        if (key >= 'a' && key <= 'd') key = static_cast<char>(key - 'a' + 'A');
        if (!audio::is_dial_key(key))
            return fail(Errc::bad_field, fmt::format("digits: '{}' is not a key; use 0-9, *, #, "
                                                     "A-D and w",
                                                     readable(std::string_view(&key, 1), 1)));
    }
    if (digits.empty()) return fail(Errc::bad_field, "digits: there are none");
    return tool::SendDigits{std::move(digits)};
}

}  // namespace

Result<std::vector<TransferTarget>> parse_transfer_targets(std::string_view list,
                                                           const CheckTarget& check) {
    std::vector<TransferTarget> out;
    for (const auto word : split_list(list)) {
        const auto equals = begins_as_address(word) ? std::string_view::npos : word.find('=');
        const bool named = equals != std::string_view::npos;
        auto address = word.substr(named ? equals + 1 : 0);
        address.remove_prefix(std::min(address.find_first_not_of(' '), address.size()));
        auto checked = check(address);
        if (!checked) return tl::unexpected(checked.error());
        auto name = named ? word.substr(0, equals) : word;
        name = name.substr(0, name.find_last_not_of(' ') + 1);
        if (named && !is_target_name(name))
            return fail(Errc::bad_field, fmt::format("'{}' is not a name; use letters, digits, "
                                                     "spaces, - and _, as in sales=+15551234567",
                                                     name));
        const auto same = [&](const TransferTarget& one) {
            return lower_case(one.name) == lower_case(name);
        };
        if (std::any_of(out.begin(), out.end(), same))
            return fail(Errc::bad_field, fmt::format("'{}' is there twice", name));
        out.push_back({std::string(name), std::move(*checked)});
    }
    return out;
}

bool BuiltinTools::is_name(std::string_view name) {
    return builtin(name) != nullptr;
}

Result<BuiltinTools> BuiltinTools::make(std::string_view offered,
                                        std::vector<TransferTarget> targets, CheckTarget check) {
    BuiltinTools out;
    out.targets_ = std::move(targets);
    out.check_ = std::move(check);
    const auto names = split_list(offered);
    if (names.size() == 1 && names.front() == "none") return out;
    if (names.empty() || (names.size() == 1 && names.front() == "all")) {
        for (const auto& one : kBuiltins) {
            if (one.name == kTransfer && out.targets_.empty()) continue;
            if (one.name == kRecord) continue;  // nobody is recorded who did not ask for it
            if (auto ok = out.offer(one.name); !ok) return tl::unexpected(ok.error());
        }
        return out;
    }
    for (const auto name : names)
        if (auto ok = out.offer(name); !ok) return tl::unexpected(ok.error());
    return out;
}

Result<> BuiltinTools::offer(std::string_view name) {
    const auto* found = builtin(name);
    if (found == nullptr)
        return fail(Errc::bad_field,
                    fmt::format("there is no tool '{}'; write all, none, or some of end_call, "
                                "transfer_call, send_dtmf, hold, take_message, record_call",
                                name));
    if (offers(name)) return {};
    auto parameters = json::parse(json::string_view(found->parameters));
    auto schema = JsonSchema::parse(parameters);
    if (!schema) return tl::unexpected(schema.error());
    if (name == kTransfer) {
        if (targets_.empty())
            return fail(Errc::bad_field,
                        "transfer_call needs somebody to transfer to; list them in "
                        "AGENTBRIDGE_TRANSFER_TARGETS, as in sales=+15551234567");
        // Offered as the only choices there are; checked by `transfer`, which is less strict about
        // how they are written.
        json::array names;
        for (const auto& one : targets_) names.emplace_back(one.name);
        parameters.at("properties").at("to").as_object()["enum"] = std::move(names);
    }
    specs_.push_back(
        {std::string(name), std::string(found->description), json::serialize(parameters)});
    schemas_.emplace(name, std::move(*schema));
    return {};
}

Result<call::ToolAction> BuiltinTools::action(std::string_view name,
                                              const json::object& arguments) const {
    const auto schema = schemas_.find(name);
    if (schema == schemas_.end()) return fail(Errc::not_found, "there is no such tool");
    if (auto ok = schema->second.check(arguments); !ok) return tl::unexpected(ok.error());
    if (name == "end_call") return tool::EndCall{line(arguments, "reason")};
    if (name == kTransfer) return transfer(arguments);
    if (name == "send_dtmf") return keys(arguments);
    if (name == "hold") return tool::Hold{arguments.at("on").get_bool()};
    if (name == kRecord) return recording(arguments);
    return message(arguments);
}

Result<call::ToolAction> BuiltinTools::transfer(const json::object& arguments) const {
    const auto wanted = lower_case(line(arguments, "to"));
    std::vector<std::string_view> names;
    for (const auto& one : targets_) {
        if (lower_case(one.name) == wanted || lower_case(one.address) == wanted)
            return tool::TransferCall{one.address};
        names.push_back(one.name);
    }
    return fail(Errc::refused,
                fmt::format("to: calls may be transferred to {} only", fmt::join(names, ", ")));
}

Result<call::ToolAction> BuiltinTools::message(const json::object& arguments) const {
    tool::TakeMessage out;
    out.name = line(arguments, "name");
    out.number = line(arguments, "number");
    if (!out.number.empty() && !is_spoken_number(out.number)) {
        auto address = check_(out.number);
        if (!address)
            return fail(Errc::bad_field, "number: write a phone number, as in +15551234567");
        out.number = std::move(*address);
    }
    const auto& text = arguments.at("text").get_string();
    out.text.assign(text.begin(), text.end());
    if (out.text.find_first_not_of(" \t\r\n") == std::string::npos)
        return fail(Errc::bad_field, "text: the message is empty");
    return out;
}

}  // namespace bridge::agents
