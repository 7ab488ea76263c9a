#include "agents/stream_bot/bot_messages.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/base64.hpp"
#include "base/json_key.hpp"

namespace bridge::agents {
namespace {

namespace od = simdjson::ondemand;

constexpr std::size_t kUsualBytes = 4096;       // 100 ms of speech has about 1,150 bytes
constexpr std::size_t kKeptBytes = 256 * 1024;  // buffers that grew beyond this are given back

void append_number(std::string& out, std::uint64_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_quoted(std::string& out, std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    out.push_back('"');
    for (const auto c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (byte < 0x20) {
            out.append("\\u00");
            out.push_back(kHex[byte >> 4U]);
            out.push_back(kHex[byte & 15U]);
        } else {
            out.push_back(c);
        }
    }
    out.push_back('"');
}

tl::unexpected<Error> bad(std::string_view field, std::string_view why) {
    return fail(Errc::bad_field, fmt::format("{}: {}", field, why));
}

/// What a bot wrote, fit to be shown_value in one line.
std::string shown_value(std::string_view text) {
    std::string out(text.substr(0, 40));
    for (auto& c : out) {
        if (c < ' ' || c > '~') c = '?';
    }
    return out;
}

tl::unexpected<Error> not_json() {
    return fail(Errc::not_json, "the message is not a JSON object");
}

}  // namespace

// --- to the bot

void BotMessageWriter::connected(std::string& out) {
    out.assign(R"({"event":"connected","protocol":"Call","version":"1.0.0"})");
}

void BotMessageWriter::start(const BotStream& stream, std::string& out) {
    out.assign(R"({"event":"start","sequenceNumber":")");
    append_number(out, ++sequence_);
    out.append(R"(","start":{"accountSid":)");
    append_quoted(out, stream.account_sid);
    out.append(R"(,"streamSid":)");
    append_quoted(out, stream.stream_sid);
    out.append(R"(,"callSid":)");
    append_quoted(out, stream.call_sid);
    out.append(R"(,"tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw",)"
               R"("sampleRate":8000,"channels":1},"customParameters":{)");
    bool first = true;
    for (const auto& [name, value] : stream.parameters) {
        if (!first) out.push_back(',');
        first = false;
        append_quoted(out, name);
        out.push_back(':');
        append_quoted(out, value);
    }
    out.append(R"(}},"streamSid":)");
    append_quoted(out, stream.stream_sid);
    out.push_back('}');
}

void BotMessageWriter::media(std::string_view stream_sid, std::chrono::milliseconds timestamp,
                             std::span<const std::uint8_t> mulaw, std::string& out) {
    out.assign(R"({"event":"media","sequenceNumber":")");
    append_number(out, ++sequence_);
    out.append(R"(","media":{"track":"inbound","chunk":")");
    append_number(out, ++chunk_);
    out.append(R"(","timestamp":")");
    append_number(out, static_cast<std::uint64_t>(std::max<std::int64_t>(0, timestamp.count())));
    out.append(R"(","payload":")");
    const auto at = out.size();
    out.resize(at + base64_length(mulaw.size()));
    encode_base64(mulaw, out.data() + at);
    out.append(R"("},"streamSid":)");
    append_quoted(out, stream_sid);
    out.push_back('}');
}

void BotMessageWriter::dtmf(std::string_view stream_sid, char digit, std::string& out) {
    out.assign(R"({"event":"dtmf","streamSid":)");
    append_quoted(out, stream_sid);
    out.append(R"(,"sequenceNumber":")");
    append_number(out, ++sequence_);
    out.append(R"(","dtmf":{"track":"inbound_track","digit":)");
    append_quoted(out, std::string_view(&digit, 1));
    out.append("}}");
}

void BotMessageWriter::mark(std::string_view stream_sid, std::string_view name, std::string& out) {
    out.assign(R"({"event":"mark","sequenceNumber":")");
    append_number(out, ++sequence_);
    out.append(R"(","streamSid":)");
    append_quoted(out, stream_sid);
    out.append(R"(,"mark":{"name":)");
    append_quoted(out, name);
    out.append("}}");
}

void BotMessageWriter::stop(const BotStream& stream, std::string& out) {
    out.assign(R"({"event":"stop","sequenceNumber":")");
    append_number(out, ++sequence_);
    out.append(R"(","stop":{"accountSid":)");
    append_quoted(out, stream.account_sid);
    out.append(R"(,"callSid":)");
    append_quoted(out, stream.call_sid);
    out.append(R"(},"streamSid":)");
    append_quoted(out, stream.stream_sid);
    out.push_back('}');
}

// --- from the bot

namespace {

enum class Kind { absent, text, object, null, other };

/// A field as it came: not there, or of some kind, with its text if it is one.
struct Field {
    Kind kind = Kind::absent;
    std::string_view text{};
    bool seen() const { return kind != Kind::absent; }
};

/// False: the JSON itself is broken.
bool kind_of(od::value& value, Kind& kind) {
    od::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    if (type == od::json_type::null) {  // so far it only begins with an n
        bool null = false;
        if (value.is_null().get(null) != simdjson::SUCCESS || !null) return false;
    }
    kind = type == od::json_type::string   ? Kind::text
           : type == od::json_type::object ? Kind::object
           : type == od::json_type::null   ? Kind::null
                                           : Kind::other;
    return true;
}

bool fill(od::value& value, Field& into) {
    if (!kind_of(value, into.kind)) return false;
    if (into.kind == Kind::text) return value.get_string().get(into.text) == simdjson::SUCCESS;
    return true;  // not needed: simdjson walks over it
}

}  // namespace

struct BotMessageReader::State {
    State() { make_room(kUsualBytes); }

    void make_room(std::size_t bytes) {
        const bool too_small = buffer.size() < bytes + simdjson::SIMDJSON_PADDING;
        const bool too_large = buffer.size() > kKeptBytes && bytes <= kUsualBytes;
        if (!too_small && !too_large) return;
        if (too_large) parser = od::parser();
        buffer = std::vector<char>(std::max(bytes, kUsualBytes) + simdjson::SIMDJSON_PADDING);
        mulaw = std::vector<std::uint8_t>(base64_capacity(buffer.size()) + 3);
    }

    /// Reads every field of the message. False: broken JSON, or something behind the object.
    bool scan(od::document& document);
    bool scan_part(od::value& value, Kind& kind, std::string_view wanted, Field& into);
    Result<BotMessage> judge(std::string_view stream_sid);
    Result<> check_sid(std::string_view stream_sid) const;
    Result<BotMessage> judge_media();
    Result<BotMessage> judge_mark() const;

    od::parser parser;
    std::vector<char> buffer;  // the message and simdjson's padding
    std::vector<std::uint8_t> mulaw;

    struct Fields {
        Field event, stream_sid, payload, name;
        Kind media = Kind::absent, mark = Kind::absent;
        std::string_view extra, extra_in;  ///< a field that no message has, and where it was
        bool has_extra = false;
    } f;
};

bool BotMessageReader::State::scan_part(od::value& value, Kind& kind, std::string_view wanted,
                                        Field& into) {
    if (!kind_of(value, kind)) return false;
    if (kind != Kind::object) return true;
    od::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto item : object) {
        od::field field;
        std::string_view key;
        if (std::move(item).get(field) != simdjson::SUCCESS) return false;
        if (unescaped_key(field).get(key) != simdjson::SUCCESS) return false;
        Field other;
        if (!fill(field.value(), key == wanted ? into : other)) return false;
        if (other.seen()) {
            f.extra = key;
            f.extra_in = wanted == "payload" ? "media." : "mark.";
            f.has_extra = true;
        }
    }
    return true;
}

bool BotMessageReader::State::scan(od::document& document) {
    od::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto item : object) {
        od::field field;
        std::string_view key;
        if (std::move(item).get(field) != simdjson::SUCCESS) return false;
        if (unescaped_key(field).get(key) != simdjson::SUCCESS) return false;
        Field other;
        bool good = false;
        if (key == "event") {
            good = fill(field.value(), f.event);
        } else if (key == "streamSid") {
            good = fill(field.value(), f.stream_sid);
        } else if (key == "media") {
            good = scan_part(field.value(), f.media, "payload", f.payload);
        } else if (key == "mark") {
            good = scan_part(field.value(), f.mark, "name", f.name);
        } else {
            good = fill(field.value(), other);
            f.extra = key;
            f.extra_in = "";
            f.has_extra = true;
        }
        if (!good) return false;
    }
    const char* where = nullptr;
    return document.current_location().get(where) == simdjson::OUT_OF_BOUNDS;
}

Result<> BotMessageReader::State::check_sid(std::string_view stream_sid) const {
    const auto& sid = f.stream_sid;
    if (stream_sid.empty()) {  // it cannot know one yet
        if (sid.seen() && sid.kind != Kind::null && !(sid.kind == Kind::text && sid.text.empty()))
            return bad("streamSid", "no stream has started yet");
        return {};
    }
    if (!sid.seen()) return bad("streamSid", "missing");
    if (sid.kind != Kind::text) return bad("streamSid", "not a string");
    if (sid.text != stream_sid) return bad("streamSid", "not the SID of this stream");
    return {};
}

Result<BotMessage> BotMessageReader::State::judge_media() {
    if (f.media == Kind::absent) return bad("media", "missing");
    if (f.media != Kind::object) return bad("media", "not an object");
    if (!f.payload.seen()) return bad("media.payload", "missing");
    if (f.payload.kind != Kind::text) return bad("media.payload", "not a string");
    if (f.payload.text.empty()) return bad("media.payload", "empty");
    const auto bytes = decode_base64(f.payload.text, mulaw.data());
    if (!bytes) return bad("media.payload", "not base64");
    return bot::Media{std::span<const std::uint8_t>(mulaw.data(), *bytes)};
}

Result<BotMessage> BotMessageReader::State::judge_mark() const {
    if (f.mark == Kind::absent) return bad("mark", "missing");
    if (f.mark != Kind::object) return bad("mark", "not an object");
    if (!f.name.seen()) return bad("mark.name", "missing");
    if (f.name.kind != Kind::text) return bad("mark.name", "not a string");
    if (f.name.text.size() > kMostNameBytes) return bad("mark.name", "over 1024 bytes");
    return bot::Mark{f.name.text};
}

Result<BotMessage> BotMessageReader::State::judge(std::string_view stream_sid) {
    if (!f.event.seen()) return bad("event", "missing");
    if (f.event.kind != Kind::text) return bad("event", "not a string");
    const auto event = f.event.text;
    if (event != "media" && event != "mark" && event != "clear")
        return fail(Errc::unknown_event,
                    fmt::format("event: \"{}\" is not one that Twilio takes", shown_value(event)));
    if (auto checked = check_sid(stream_sid); !checked) return tl::unexpected(checked.error());
    const bool stray = (event != "media" && f.media != Kind::absent) ||
                       (event != "mark" && f.mark != Kind::absent);
    if (stray)
        return bad(event == "media" ? "mark" : "media or mark", "not a field of this message");
    if (f.has_extra)
        return bad(fmt::format("{}{}", f.extra_in, shown_value(f.extra)),
                   "not a field of this message");
    if (event == "media") return judge_media();
    if (event == "mark") return judge_mark();
    return BotMessage(bot::Clear{});
}

BotMessageReader::BotMessageReader() : state_(std::make_unique<State>()) {}
BotMessageReader::~BotMessageReader() = default;

Result<BotMessage> BotMessageReader::read(std::string_view text, std::string_view stream_sid) {
    auto& s = *state_;
    s.make_room(text.size());
    std::copy(text.begin(), text.end(), s.buffer.begin());
    std::memset(s.buffer.data() + text.size(), 0, simdjson::SIMDJSON_PADDING);
    s.f = {};
    od::document document;
    const auto error =
        s.parser.iterate(s.buffer.data(), text.size(), s.buffer.size()).get(document);
    if (error != simdjson::SUCCESS || !s.scan(document)) return not_json();
    return s.judge(stream_sid);
}

}  // namespace bridge::agents
