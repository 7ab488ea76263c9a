#pragma once
// The messages of a media stream from Twilio's side: formats what Twilio sends, and takes only what
// Twilio takes (twilio.com/docs/voice/media-streams/websocket-messages; errors 31950 and 31951).

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace bridge::emulator {

/// What `start` says.
struct StreamStart {
    std::string account_sid, call_sid, stream_sid;
    std::vector<std::string> tracks;  ///< "inbound", "outbound"
    std::map<std::string, std::string> parameters;
};

std::string format_connected();
std::string format_start(std::uint64_t sequence, const StreamStart& start);
/// `track` inbound or outbound; `timestamp_ms` on the stream's own timeline.
std::string format_media(std::uint64_t sequence, const std::string& stream_sid,
                         std::string_view track, std::uint64_t chunk, std::uint64_t timestamp_ms,
                         std::span<const std::uint8_t> mulaw);
std::string format_dtmf(std::uint64_t sequence, const std::string& stream_sid, char digit);
std::string format_mark(std::uint64_t sequence, const std::string& stream_sid,
                        const std::string& name);
std::string format_stop(std::uint64_t sequence, const StreamStart& start);

struct MediaIn {
    std::vector<std::uint8_t> mulaw;
};
struct MarkIn {
    std::string name;
};
struct ClearIn {};
using StreamCommand = std::variant<MediaIn, MarkIn, ClearIn>;

/// One text frame from the server of a bidirectional stream. Strict as Twilio is: a missing, extra
/// or wrongly typed field, another stream's SID, bad base64 and an empty payload are all refused.
/// Errors: not_json, unknown_event, bad_field; the message names the field.
Result<StreamCommand> parse_stream_command(std::string_view text, std::string_view stream_sid);

}  // namespace bridge::emulator
