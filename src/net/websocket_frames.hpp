#pragma once
// RFC 6455 framing without a socket: text in, frames out, and the other way round. One frame after
// another is cut from a buffer and unmasked in place; nothing is allocated for a message that comes
// in one frame.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bridge::net {

enum class Opcode : std::uint8_t {
    continuation = 0,
    text = 1,
    binary = 2,
    close = 8,
    ping = 9,
    pong = 10,
};

using MaskKey = std::array<std::uint8_t, 4>;

/// Close codes of RFC 6455 section 7.4.1 that are used here.
namespace close_code {
inline constexpr std::uint16_t normal = 1000, going_away = 1001, protocol_error = 1002,
                               unsupported = 1003, no_code = 1005, abnormal = 1006, bad_text = 1007,
                               policy = 1008, too_big = 1009, internal = 1011;
}

/// True for a code that may stand in a close frame: 1000-1003, 1007-1014, 3000-4999.
bool is_valid_close_code(std::uint16_t code);

/// XORs `bytes` with the key (section 5.3); doing it twice undoes it. Realtime-safe.
void mask_bytes(std::span<char> bytes, MaskKey key);

/// Appends one frame, unmasked (a server's) or masked with `key` (a client's). Control frames must
/// be final and hold at most 125 bytes: `append_*` does not check it.
void append_frame(std::string& out, Opcode opcode, std::string_view payload, bool final = true);
void append_masked_frame(std::string& out, Opcode opcode, std::string_view payload, MaskKey key,
                         bool final = true);
/// The bytes `append_frame` adds before a payload of that size: 2, 4 or 10.
std::size_t frame_head_bytes(std::uint64_t payload_bytes);
/// A close frame's payload; 1005 gives an empty one, the reason is cut to 123 bytes at a character.
std::string format_close_payload(std::uint16_t code, std::string_view reason);

/// Checks UTF-8 in pieces; a character may be cut anywhere (RFC 3629: no overlong forms, no
/// surrogates, nothing over U+10FFFF).
class Utf8Check {
public:
    /// False once anything was wrong.
    bool feed(std::string_view piece);
    /// True if everything so far was right and no character is unfinished.
    bool complete() const { return ok_ && missing_ == 0; }
    void reset() { *this = Utf8Check{}; }

private:
    bool ok_ = true;
    std::uint8_t missing_ = 0;
    std::uint8_t low_ = 0x80;
    std::uint8_t high_ = 0xBF;
};

/// What one call of FrameParser::next found.
struct FrameEvent {
    enum class Kind {
        need_more,  ///< no whole frame in the buffer; `consumed` is 0
        fragment,   ///< part of a message was put aside
        message,    ///< a whole text or binary message
        ping,
        pong,
        close,  ///< `code` (1005: none) and `payload`, the reason
        fault,  ///< the peer broke the protocol: close with `code`; `payload` says why. Final.
    };
    Kind kind = Kind::need_more;
    bool text = false;
    bool assembled = false;  ///< message: `payload` lies in the parser until the next call
    std::uint16_t code = 0;
    std::size_t consumed = 0;     ///< bytes of the buffer that this event used up
    std::size_t frame_bytes = 0;  ///< need_more: size of the whole frame, 0 while unknown
    std::string_view payload{};   ///< in the caller's buffer, except for `assembled` and `fault`
};

/// Cuts messages from a byte stream. Thread: any one.
class FrameParser {
public:
    enum class Side {
        server,
        client
    };  ///< a server takes masked frames only, a client unmasked ones

    /// `message_bytes`: longer messages are a fault with code 1009, known from the head alone.
    FrameParser(Side side, std::size_t message_bytes)
        : side_(side), message_bytes_(message_bytes) {}

    /// Looks at the front of `buffer`, unmasks the frame there in place and says what it is.
    FrameEvent next(std::span<char> buffer);

private:
    struct Head;
    FrameEvent check_head(const Head& head) const;
    FrameEvent control(const Head& head, std::span<char> payload);
    FrameEvent data(const Head& head, std::span<char> payload);

    Side side_;
    std::size_t message_bytes_;
    bool in_message_ = false;
    bool text_ = false;
    bool delivered_ = false;  ///< the last event's payload was assembled_
    Utf8Check utf8_;
    std::string assembled_;
};

}  // namespace bridge::net
