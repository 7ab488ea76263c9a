#pragma once
// The messages of a Media Stream (twilio.com/docs/voice/media-streams/websocket-messages): JSON
// text to values and back, without an allocation per message.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace bridge::twilio {

/// Named from Twilio's side: inbound is what the phone says.
enum class MediaTrack { inbound, outbound };

/// What Twilio sends. Views and spans are valid until the parser's next message, and no longer than
/// the text that was parsed.
namespace message {

/// First on every socket.
struct Connected {
    std::string_view protocol;  ///< "Call"
    std::string_view version;   ///< "1.0.0"
};
/// Once, right after `connected`.
struct Start {
    std::uint64_t sequence;
    std::string_view stream_sid, call_sid, account_sid;
    std::string_view encoding;  ///< "audio/x-mulaw"
    std::uint64_t sample_rate;  ///< 8000
    std::uint64_t channels;     ///< 1
    /// The <Parameter>s of the TwiML.
    std::span<const std::pair<std::string_view, std::string_view>> parameters;
};
struct Media {
    std::uint64_t sequence;
    std::chrono::milliseconds timestamp;  ///< media time since the stream started
    MediaTrack track;
    std::span<const std::uint8_t>
        mulaw;  ///< 8 kHz, decoded from base64; 160 bytes by custom, not by contract
    std::string_view stream_sid;  ///< may be empty
};
struct Dtmf {
    std::uint64_t sequence;
    char digit;  ///< 0-9 * # A-D
    std::string_view stream_sid;
};
/// The echo of a mark of ours: what was sent before it has been played, or was cleared.
struct Mark {
    std::uint64_t sequence;
    std::string_view name;
    std::string_view stream_sid;
};
struct Stop {
    std::optional<std::uint64_t> sequence;
    std::string_view call_sid;  ///< may be empty
    std::string_view stream_sid;
};

}  // namespace message

using MediaMessage = std::variant<message::Connected, message::Start, message::Media, message::Dtmf,
                                  message::Mark, message::Stop>;

struct MediaMessageLimits {
    std::size_t bytes = 256 * 1024;  ///< of one message
    std::size_t depth = 32;          ///< of nesting
};

/// Reads messages one after the other with buffers it keeps; they grow to the longest message seen.
/// Thread: one.
class MediaMessageParser {
public:
    explicit MediaMessageParser(MediaMessageLimits limits = {});
    ~MediaMessageParser();
    MediaMessageParser(MediaMessageParser&&) noexcept;
    MediaMessageParser& operator=(MediaMessageParser&&) noexcept;

    /// Keys may come in any order, numbers as strings or numbers; unknown fields are skipped.
    /// Errors: not_json (also more than one value, or nested too deep), unknown_event, bad_field
    /// (the message begins with the field's name), too_large. Never throws.
    Result<MediaMessage> parse(std::string_view text);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// What we send: exactly the documented fields, since Twilio warns (31951) about one too many.
/// `out` is replaced; a string that is used again does not allocate.
void format_media(std::string_view stream_sid, std::span<const std::uint8_t> mulaw,
                  std::string& out);
void format_mark(std::string_view stream_sid, std::string_view name, std::string& out);
void format_clear(std::string_view stream_sid, std::string& out);

}  // namespace bridge::twilio
