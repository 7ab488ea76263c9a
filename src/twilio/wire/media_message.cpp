#include "twilio/wire/media_message.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/base64.hpp"
#include "base/json_key.hpp"

namespace bridge::twilio {
namespace {

namespace od = simdjson::ondemand;

constexpr std::size_t kSmallest = 2048;  // a media message of 20 ms has about 380 bytes

bool is_sid(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '_' || c == '-';
    });
}

/// Whether a byte of the eight is a control character, a quote, a backslash or not ASCII.
constexpr bool any_special(std::uint64_t bytes) {
    constexpr std::uint64_t kOnes = 0x0101010101010101U, kHighs = 0x8080808080808080U;
    const auto any_zero = [](std::uint64_t eight) { return (eight - kOnes) & ~eight & kHighs; };
    const auto controls = (bytes - kOnes * 0x20U) & ~bytes & kHighs;
    const auto high = bytes & kHighs;
    return (high | controls | any_zero(bytes ^ kOnes * '"') | any_zero(bytes ^ kOnes * '\\')) != 0;
}

/// Whether a text is ASCII that JSON writes as it is, eight bytes at a time: a stream's name is in
/// every message.
bool is_plain(std::string_view text) {
    const auto eight_at = [&](std::size_t at) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data() + at, sizeof bytes);
        return bytes;
    };
    if (text.size() < 8)
        return std::none_of(text.begin(), text.end(), [](char c) {
            return static_cast<unsigned char>(c) - 0x20U >= 0x60U || c == '"' || c == '\\';
        });
    for (std::size_t at = 0; at + 8 <= text.size(); at += 8) {
        if (any_special(eight_at(at))) return false;
    }
    return !any_special(eight_at(text.size() - 8));
}

bool is_dtmf(char c) {
    return (c >= '0' && c <= '9') || c == '*' || c == '#' || (c >= 'A' && c <= 'D');
}

/// Takes what it is asked for from the front of a text, or nothing from then on.
class PlainReader {
public:
    explicit PlainReader(std::string_view text) : rest_(text) {}

    /// A text of the program's own: its length is known to the compiler.
    template <std::size_t Size>
    bool skip(const char (&expected)[Size]) {
        constexpr auto kLength = Size - 1;
        if (rest_.size() < kLength || std::memcmp(rest_.data(), expected, kLength) != 0)
            return false;
        rest_.remove_prefix(kLength);
        return true;
    }
    /// Digits up to a quote, and a value that fits.
    bool number(std::uint64_t& value) {
        const auto parsed = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        rest_.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest_.data()));
        return parsed.ec == std::errc{} && rest_.starts_with('"');
    }
    /// Whatever stands before the next quote.
    bool text(std::string_view& value) {
        const auto end = rest_.find('"');
        if (end == std::string_view::npos) return false;
        value = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return true;
    }
    bool done() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

constexpr std::uint64_t kLatestTimestamp = 3'153'600'000'000;  // ms, a hundred years

/// A media message letter by letter as Twilio writes it, fifty a second for each call. Nothing if
/// anything is different: then it is read as JSON, which says the same of every message that this
/// understands. `decoded` has room for the whole message.
std::optional<message::Media> read_plain_media(std::string_view text, std::uint8_t* decoded) {
    PlainReader from(text);
    std::uint64_t sequence = 0, chunk = 0, timestamp = 0;
    std::string_view track, payload, stream_sid;
    const bool plain =
        from.skip(R"({"event":"media","sequenceNumber":")") && from.number(sequence) &&
        from.skip(R"(","media":{"track":")") && from.text(track) && from.skip(R"(","chunk":")") &&
        from.number(chunk) && from.skip(R"(","timestamp":")") && from.number(timestamp) &&
        from.skip(R"(","payload":")") && from.text(payload) && from.skip(R"("},"streamSid":")") &&
        from.text(stream_sid) && from.skip(R"("})") && from.done();
    if (!plain || timestamp > kLatestTimestamp || !is_plain(stream_sid)) return std::nullopt;
    if (track != "inbound" && track != "outbound") return std::nullopt;
    const auto bytes = decode_base64(payload, decoded);
    if (!bytes) return std::nullopt;
    return message::Media{sequence, std::chrono::milliseconds(static_cast<std::int64_t>(timestamp)),
                          track == "inbound" ? MediaTrack::inbound : MediaTrack::outbound,
                          std::span<const std::uint8_t>(decoded, *bytes), stream_sid};
}

/// How many brackets open, in strings or not: they cannot nest deeper. Sums that fit a byte let the
/// compiler look at many characters at once.
std::size_t open_brackets(std::string_view text) {
    static constexpr std::size_t kFitsByte = 255;
    std::size_t count = 0;
    for (; !text.empty(); text.remove_prefix(std::min(kFitsByte, text.size()))) {
        std::uint8_t here = 0;
        for (const auto c : text.substr(0, kFitsByte)) {
            // '[' and '{' differ in this bit alone.
            here = static_cast<std::uint8_t>(here + ((c | 0x20) == '{' ? 1 : 0));
        }
        count += here;
    }
    return count;
}

/// How deep brackets outside strings nest.
std::size_t nesting(std::string_view text) {
    std::size_t depth = 0, deepest = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = text[i];
        if (in_string) {
            if (c == '\\') {
                ++i;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            deepest = std::max(deepest, ++depth);
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return deepest;
}

/// A field: not there, unusable, or a value.
template <class T>
struct Field {
    T value{};
    bool seen = false;
    bool bad = false;
    bool good() const { return seen && !bad; }
};

using Text = Field<std::string_view>;
using Number = Field<std::uint64_t>;

// These return false only when the JSON itself is broken; a value of the wrong type marks the
// field.

bool read(od::value& value, Text& field) {
    od::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    field.seen = true;
    field.bad = type != od::json_type::string;
    if (field.bad) return true;
    return value.get_string().get(field.value) == simdjson::SUCCESS;
}

bool read(od::value& value, Number& field) {
    od::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    field.seen = true;
    if (type == od::json_type::number) {
        field.bad = value.get_uint64().get(field.value) != simdjson::SUCCESS;
        return true;
    }
    field.bad = type != od::json_type::string;
    if (field.bad) return true;
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) return false;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, field.value);
    field.bad = parsed.ec != std::errc{} || parsed.ptr != end;
    return true;
}

/// Calls `take(key, value)` for every field of an object. False: the JSON is broken.
template <class Take>
bool each_field(od::value& value, bool& is_object, Take take) {
    od::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    is_object = type == od::json_type::object;
    if (!is_object) return true;
    od::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto item : object) {
        od::field field;
        if (std::move(item).get(field) != simdjson::SUCCESS) return false;
        std::string_view key;
        if (unescaped_key(field).get(key) != simdjson::SUCCESS) return false;
        if (!take(key, field.value())) return false;
    }
    return true;
}

tl::unexpected<Error> bad(std::string_view field, std::string_view why) {
    return fail(Errc::bad_field, fmt::format("{}: {}", field, why));
}

template <class T>
tl::unexpected<Error> bad(std::string_view name, const Field<T>& field) {
    return bad(name, field.seen ? "not usable" : "missing");
}

void append_escaped(std::string& out, std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    if (is_plain(text)) {
        out.append(text);
        return;
    }
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
}

}  // namespace

struct MediaMessageParser::State {
    explicit State(MediaMessageLimits most) : limits(most) { reserve(kSmallest); }

    /// Makes room for a message of `bytes` bytes.
    void reserve(std::size_t bytes) {
        if (text.size() >= bytes + simdjson::SIMDJSON_PADDING) return;
        const auto room = std::max(bytes, text.size() * 2);
        text.resize(room + simdjson::SIMDJSON_PADDING);
        decoded.resize(base64_capacity(room) + 3);
    }

    Result<MediaMessage> parse(std::string_view message);
    bool scan(od::document& document);
    bool read_start(od::value& value);
    bool read_media(od::value& value);
    static bool read_one(od::value& value, std::string_view wanted, bool& is_object, Text& into);

    Result<MediaMessage> finish();
    Result<MediaMessage> finish_start();
    Result<MediaMessage> finish_media();

    MediaMessageLimits limits;
    od::parser parser;
    std::vector<char> text;             // the message and simdjson's padding
    std::vector<std::uint8_t> decoded;  // of the payload
    std::vector<std::pair<std::string_view, std::string_view>> parameters;

    struct Fields {
        bool start_is_object = true, media_is_object = true, dtmf_is_object = true,
             mark_is_object = true;
        Text event, stream_sid;
        Number sequence;
        Text protocol, version;
        Text start_stream_sid, call_sid, account_sid, encoding;
        Number sample_rate, channels;
        Text track, payload;
        Number timestamp;
        Text digit, name, stop_call_sid;
    } f;
};

bool MediaMessageParser::State::read_start(od::value& value) {
    parameters.clear();
    return each_field(value, f.start_is_object, [this](std::string_view key, od::value& field) {
        if (key == "streamSid") return read(field, f.start_stream_sid);
        if (key == "callSid") return read(field, f.call_sid);
        if (key == "accountSid") return read(field, f.account_sid);
        bool object = true;
        if (key == "mediaFormat") {
            return each_field(field, object, [this](std::string_view name, od::value& detail) {
                if (name == "encoding") return read(detail, f.encoding);
                if (name == "sampleRate") return read(detail, f.sample_rate);
                if (name == "channels") return read(detail, f.channels);
                return true;
            });
        }
        if (key == "customParameters") {
            return each_field(field, object, [this](std::string_view name, od::value& detail) {
                Text custom;
                if (!read(detail, custom)) return false;
                if (custom.good()) parameters.emplace_back(name, custom.value);
                return true;
            });
        }
        return true;
    });
}

bool MediaMessageParser::State::read_media(od::value& value) {
    return each_field(value, f.media_is_object, [this](std::string_view key, od::value& field) {
        if (key == "payload") return read(field, f.payload);
        if (key == "timestamp") return read(field, f.timestamp);
        if (key == "track") return read(field, f.track);
        return true;  // chunk counts nothing we need
    });
}

bool MediaMessageParser::State::read_one(od::value& value, std::string_view wanted, bool& is_object,
                                         Text& into) {
    return each_field(value, is_object, [&](std::string_view key, od::value& field) {
        return key == wanted ? read(field, into) : true;
    });
}

/// Reads every field into `f`. A part is read when its event is known to be the message's, or not
/// known yet.
bool MediaMessageParser::State::scan(od::document& document) {
    od::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto item : object) {
        od::field field;
        if (std::move(item).get(field) != simdjson::SUCCESS) return false;
        std::string_view key;
        if (unescaped_key(field).get(key) != simdjson::SUCCESS) return false;
        auto& value = field.value();
        bool ok = true;
        if (key == "event") {
            ok = read(value, f.event);
        } else if (key == "sequenceNumber") {
            ok = read(value, f.sequence);
        } else if (key == "streamSid") {
            ok = read(value, f.stream_sid);
        } else if (key == "protocol") {
            ok = read(value, f.protocol);
        } else if (key == "version") {
            ok = read(value, f.version);
        } else if (!f.event.seen || f.event.value == key) {
            if (key == "media") {
                ok = read_media(value);
            } else if (key == "start") {
                ok = read_start(value);
            } else if (key == "dtmf") {
                ok = read_one(value, "digit", f.dtmf_is_object, f.digit);
            } else if (key == "mark") {
                ok = read_one(value, "name", f.mark_is_object, f.name);
            } else if (key == "stop") {
                bool is_object = true;  // what "stop" holds is not needed
                ok = read_one(value, "callSid", is_object, f.stop_call_sid);
            }
        }
        if (!ok) return false;
    }
    // One value, and nothing after it.
    const char* where = nullptr;
    return document.current_location().get(where) == simdjson::OUT_OF_BOUNDS;
}

Result<MediaMessage> MediaMessageParser::State::finish_start() {
    if (!f.sequence.good()) return bad("sequenceNumber", f.sequence);
    if (!f.start_is_object) return bad("start", "not an object");
    auto sid = f.start_stream_sid.seen ? f.start_stream_sid : f.stream_sid;
    if (!sid.good() || !is_sid(sid.value)) return bad("start.streamSid", sid);
    if (!f.call_sid.good() || !is_sid(f.call_sid.value)) return bad("start.callSid", f.call_sid);
    if (f.account_sid.bad) return bad("start.accountSid", f.account_sid);
    if (f.encoding.bad) return bad("start.mediaFormat.encoding", f.encoding);
    if (f.sample_rate.bad) return bad("start.mediaFormat.sampleRate", f.sample_rate);
    if (f.channels.bad) return bad("start.mediaFormat.channels", f.channels);
    return message::Start{f.sequence.value,
                          sid.value,
                          f.call_sid.value,
                          f.account_sid.value,
                          f.encoding.seen ? f.encoding.value : "audio/x-mulaw",
                          f.sample_rate.seen ? f.sample_rate.value : 8000,
                          f.channels.seen ? f.channels.value : 1,
                          parameters};
}

Result<MediaMessage> MediaMessageParser::State::finish_media() {
    if (!f.sequence.good()) return bad("sequenceNumber", f.sequence);
    if (!f.media_is_object) return bad("media", "not an object");
    // A timestamp beyond this would overflow what is computed from it.
    if (!f.timestamp.good() || f.timestamp.value > kLatestTimestamp)
        return bad("media.timestamp", f.timestamp);
    auto track = MediaTrack::inbound;
    if (f.track.seen && f.track.value != "inbound") {
        if (f.track.value != "outbound") return bad("media.track", "neither inbound nor outbound");
        track = MediaTrack::outbound;
    }
    if (!f.payload.good()) return bad("media.payload", f.payload);
    const auto bytes = decode_base64(f.payload.value, decoded.data());
    if (!bytes) return bad("media.payload", "not base64");
    return message::Media{
        f.sequence.value, std::chrono::milliseconds(static_cast<std::int64_t>(f.timestamp.value)),
        track, std::span<const std::uint8_t>(decoded.data(), *bytes), f.stream_sid.value};
}

Result<MediaMessage> MediaMessageParser::State::finish() {
    if (!f.event.good()) return bad("event", f.event);
    if (f.stream_sid.bad) return bad("streamSid", f.stream_sid);
    const auto event = f.event.value;
    if (event == "media") return finish_media();
    if (event == "start") return finish_start();
    if (event == "connected") return message::Connected{f.protocol.value, f.version.value};
    if (event == "stop") {
        if (f.sequence.bad) return bad("sequenceNumber", f.sequence);
        std::optional<std::uint64_t> sequence;
        if (f.sequence.seen) sequence = f.sequence.value;
        return message::Stop{sequence, f.stop_call_sid.value, f.stream_sid.value};
    }
    if (event == "mark") {
        if (!f.sequence.good()) return bad("sequenceNumber", f.sequence);
        if (!f.mark_is_object) return bad("mark", "not an object");
        if (!f.name.good()) return bad("mark.name", f.name);
        return message::Mark{f.sequence.value, f.name.value, f.stream_sid.value};
    }
    if (event == "dtmf") {
        if (!f.sequence.good()) return bad("sequenceNumber", f.sequence);
        if (!f.dtmf_is_object) return bad("dtmf", "not an object");
        if (!f.digit.good()) return bad("dtmf.digit", f.digit);
        if (f.digit.value.size() != 1 || !is_dtmf(f.digit.value[0]))
            return bad("dtmf.digit", "not a key of a telephone");
        return message::Dtmf{f.sequence.value, f.digit.value[0], f.stream_sid.value};
    }
    return fail(Errc::unknown_event,
                fmt::format("event: \"{}\" is not known", event.substr(0, 40)));
}

Result<MediaMessage> MediaMessageParser::State::parse(std::string_view message) {
    if (message.size() > limits.bytes) {
        return fail(Errc::too_large, fmt::format("message: {} bytes, at most {} are read",
                                                 message.size(), limits.bytes));
    }
    reserve(message.size());
    if (const auto media = read_plain_media(message, decoded.data())) return *media;
    // Only a strange message is measured properly.
    if (open_brackets(message) > limits.depth && nesting(message) > limits.depth) {
        return fail(Errc::not_json, fmt::format("message: nested deeper than {}", limits.depth));
    }
    std::copy(message.begin(), message.end(), text.begin());
    std::memset(text.data() + message.size(), 0, simdjson::SIMDJSON_PADDING);
    f = {};
    parameters.clear();
    od::document document;
    const auto error = parser.iterate(text.data(), message.size(), text.size()).get(document);
    if (error != simdjson::SUCCESS || !scan(document))
        return fail(Errc::not_json, "message: not a JSON object");
    return finish();
}

MediaMessageParser::MediaMessageParser(MediaMessageLimits limits)
    : state_(std::make_unique<State>(limits)) {}
MediaMessageParser::~MediaMessageParser() = default;
MediaMessageParser::MediaMessageParser(MediaMessageParser&&) noexcept = default;
MediaMessageParser& MediaMessageParser::operator=(MediaMessageParser&&) noexcept = default;

Result<MediaMessage> MediaMessageParser::parse(std::string_view text) {
    return state_->parse(text);
}

void format_media(std::string_view stream_sid, std::span<const std::uint8_t> mulaw,
                  std::string& out) {
    out.assign(R"({"event":"media","streamSid":")");
    append_escaped(out, stream_sid);
    out.append(R"(","media":{"payload":")");
    const auto at = out.size();
    out.resize(at + base64_length(mulaw.size()));
    encode_base64(mulaw, out.data() + at);
    out.append(R"("}})");
}

void format_mark(std::string_view stream_sid, std::string_view name, std::string& out) {
    out.assign(R"({"event":"mark","streamSid":")");
    append_escaped(out, stream_sid);
    out.append(R"(","mark":{"name":")");
    append_escaped(out, name);
    out.append(R"("}})");
}

void format_clear(std::string_view stream_sid, std::string& out) {
    out.assign(R"({"event":"clear","streamSid":")");
    append_escaped(out, stream_sid);
    out.append(R"("})");
}

}  // namespace bridge::twilio
