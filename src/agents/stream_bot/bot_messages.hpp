#pragma once
// The messages of Twilio Media Streams with us in Twilio's place
// (twilio.com/docs/voice/media-streams/websocket-messages): formats what Twilio sends to a bot, key
// for key, and takes only what Twilio takes from it. Text in, value out; no sockets.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"

namespace bridge::agents {

/// What `start` and `stop` say of the stream.
struct BotStream {
    std::string account_sid, call_sid, stream_sid;
    std::map<std::string, std::string> parameters;  ///< the <Parameter>s of Twilio's TwiML
};

/// Writes the messages of one connection and numbers them: `sequenceNumber` counts all but
/// `connected`, `chunk` those with sound. Each member replaces `out`; a string that is used again
/// does not allocate.
class BotMessageWriter {
public:
    static void connected(std::string& out);
    void start(const BotStream& stream, std::string& out);
    /// `timestamp`: media time since this stream started.
    void media(std::string_view stream_sid, std::chrono::milliseconds timestamp,
               std::span<const std::uint8_t> mulaw, std::string& out);
    void dtmf(std::string_view stream_sid, char digit, std::string& out);
    void mark(std::string_view stream_sid, std::string_view name, std::string& out);
    void stop(const BotStream& stream, std::string& out);

private:
    std::uint64_t sequence_ = 0;
    std::uint64_t chunk_ = 0;
};

/// What a bot sends. Views and spans are valid until the reader's next message.
namespace bot {

struct Media {
    std::span<const std::uint8_t> mulaw;  ///< 8 kHz, never empty
};
struct Mark {
    std::string_view name;
};
struct Clear {};

}  // namespace bot

using BotMessage = std::variant<bot::Media, bot::Mark, bot::Clear>;

/// Reads a bot's text messages one after the other, with buffers it keeps. Strict as Twilio is
/// (error 31951): a missing, extra or wrongly typed field, another stream's SID, bad base64 and an
/// empty payload are refused. Thread: one.
class BotMessageReader {
public:
    BotMessageReader();
    ~BotMessageReader();

    /// `stream_sid` empty: no stream has started. A real bot never speaks then, since Twilio starts
    /// the stream at once; one that is connected while the phone still rings may, and does not know
    /// its SID yet: null, an empty string and no field at all are taken.
    /// Errors: not_json, unknown_event, bad_field (names the field). Never throws.
    Result<BotMessage> read(std::string_view text, std::string_view stream_sid);

    static constexpr std::size_t kMostNameBytes = 1024;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace bridge::agents
