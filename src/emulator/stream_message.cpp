#include "emulator/stream_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <initializer_list>

#include "base/error.hpp"
#include "emulator/base64.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;

std::string json_quoted(std::string_view text) {
    return json::serialize(json::value(json::string(text)));
}

std::string joined(const std::vector<std::string>& tracks) {
    std::string list;
    for (const auto& track : tracks) {
        if (!list.empty()) list += ',';
        list += json_quoted(track);
    }
    return list;
}

std::string object_of(const std::map<std::string, std::string>& fields) {
    std::string object = "{";
    for (const auto& [name, value] : fields) {
        if (object.size() > 1) object += ',';
        object += json_quoted(name);
        object += ':';
        object += json_quoted(value);
    }
    object += '}';
    return object;
}

/// Exactly these fields and no other.
Result<> only(const json::object& object, std::string_view where,
              std::initializer_list<std::string_view> fields) {
    for (const auto field : fields) {
        if (!object.contains(field))
            return fail(Errc::bad_field, fmt::format("{}{} is missing", where, field));
    }
    for (const auto& entry : object) {
        const std::string_view name(entry.key().data(), entry.key().size());
        if (std::find(fields.begin(), fields.end(), name) == fields.end()) {
            return fail(Errc::bad_field,
                        fmt::format("{}{} is not a field of this message", where, name));
        }
    }
    return {};
}

Result<std::string> text_of(const json::object& object, std::string_view where,
                            std::string_view field) {
    const auto* value = object.if_contains(field);
    if (value == nullptr)
        return fail(Errc::bad_field, fmt::format("{}{} is missing", where, field));
    if (!value->is_string())
        return fail(Errc::bad_field, fmt::format("{}{} is not a string", where, field));
    const auto& text = value->get_string();
    return std::string(text.data(), text.size());
}

Result<const json::object*> object_in(const json::object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    if (value == nullptr) return fail(Errc::bad_field, fmt::format("{} is missing", field));
    if (!value->is_object())
        return fail(Errc::bad_field, fmt::format("{} is not an object", field));
    return &value->get_object();
}

Result<StreamCommand> parse_media(const json::object& message) {
    if (auto checked = only(message, "", {"event", "streamSid", "media"}); !checked) {
        return tl::unexpected(checked.error());
    }
    const auto media = object_in(message, "media");
    if (!media) return tl::unexpected(media.error());
    if (auto checked = only(**media, "media.", {"payload"}); !checked)
        return tl::unexpected(checked.error());
    const auto payload = text_of(**media, "media.", "payload");
    if (!payload) return tl::unexpected(payload.error());
    if (payload->empty()) return fail(Errc::bad_field, "media.payload is empty");
    auto mulaw = base64_decode(*payload);
    if (!mulaw) return fail(Errc::bad_field, "media.payload is not base64");
    return StreamCommand(MediaIn{std::move(*mulaw)});
}

Result<StreamCommand> parse_mark(const json::object& message) {
    if (auto checked = only(message, "", {"event", "streamSid", "mark"}); !checked) {
        return tl::unexpected(checked.error());
    }
    const auto mark = object_in(message, "mark");
    if (!mark) return tl::unexpected(mark.error());
    if (auto checked = only(**mark, "mark.", {"name"}); !checked)
        return tl::unexpected(checked.error());
    auto name = text_of(**mark, "mark.", "name");
    if (!name) return tl::unexpected(name.error());
    return StreamCommand(MarkIn{std::move(*name)});
}

}  // namespace

std::string format_connected() {
    return R"({"event":"connected","protocol":"Call","version":"1.0.0"})";
}

std::string format_start(std::uint64_t sequence, const StreamStart& start) {
    return fmt::format(
        R"({{"event":"start","sequenceNumber":"{}","start":{{"accountSid":{},"streamSid":{},"callSid":{},)"
        R"("tracks":[{}],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},)"
        R"("customParameters":{}}},"streamSid":{}}})",
        sequence, json_quoted(start.account_sid), json_quoted(start.stream_sid),
        json_quoted(start.call_sid), joined(start.tracks), object_of(start.parameters),
        json_quoted(start.stream_sid));
}

std::string format_media(std::uint64_t sequence, const std::string& stream_sid,
                         std::string_view track, std::uint64_t chunk, std::uint64_t timestamp_ms,
                         std::span<const std::uint8_t> mulaw) {
    return fmt::format(
        R"({{"event":"media","sequenceNumber":"{}","media":{{"track":"{}","chunk":"{}","timestamp":"{}",)"
        R"("payload":"{}"}},"streamSid":{}}})",
        sequence, track, chunk, timestamp_ms, base64_encode(mulaw), json_quoted(stream_sid));
}

std::string format_dtmf(std::uint64_t sequence, const std::string& stream_sid, char digit) {
    return fmt::format(
        R"({{"event":"dtmf","streamSid":{},"sequenceNumber":"{}","dtmf":{{"track":"inbound_track","digit":"{}"}}}})",
        json_quoted(stream_sid), sequence, digit);
}

std::string format_mark(std::uint64_t sequence, const std::string& stream_sid,
                        const std::string& name) {
    return fmt::format(
        R"({{"event":"mark","sequenceNumber":"{}","streamSid":{},"mark":{{"name":{}}}}})", sequence,
        json_quoted(stream_sid), json_quoted(name));
}

std::string format_stop(std::uint64_t sequence, const StreamStart& start) {
    return fmt::format(
        R"({{"event":"stop","sequenceNumber":"{}","stop":{{"accountSid":{},"callSid":{}}},"streamSid":{}}})",
        sequence, json_quoted(start.account_sid), json_quoted(start.call_sid),
        json_quoted(start.stream_sid));
}

Result<StreamCommand> parse_stream_command(std::string_view text, std::string_view stream_sid) {
    json::error_code error;
    const auto parsed = json::parse(json::string_view(text.data(), text.size()), error);
    if (error) return fail(Errc::not_json, "the message is not JSON: " + error.message());
    if (!parsed.is_object()) return fail(Errc::not_json, "the message is not a JSON object");
    const auto& message = parsed.get_object();

    const auto event = text_of(message, "", "event");
    if (!event) return tl::unexpected(event.error());
    if (*event != "media" && *event != "mark" && *event != "clear") {
        return fail(Errc::unknown_event, "the event \"" + *event + "\" is not known");
    }
    const auto sid = text_of(message, "", "streamSid");
    if (!sid) return tl::unexpected(sid.error());
    if (*sid != stream_sid)
        return fail(Errc::bad_field, "streamSid is not this stream's: \"" + *sid + "\"");

    if (*event == "media") return parse_media(message);
    if (*event == "mark") return parse_mark(message);
    if (auto checked = only(message, "", {"event", "streamSid"}); !checked) {
        return tl::unexpected(checked.error());
    }
    return StreamCommand(ClearIn{});
}

}  // namespace bridge::emulator
