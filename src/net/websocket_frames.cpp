#include "net/websocket_frames.hpp"

#include <algorithm>
#include <cstring>

namespace bridge::net {
namespace {

std::uint8_t byte_at(std::span<const char> bytes, std::size_t index) {
    return static_cast<std::uint8_t>(bytes[index]);
}

std::uint64_t big_endian(std::span<const char> bytes) {
    std::uint64_t value = 0;
    for (const char c : bytes) value = (value << 8U) | static_cast<std::uint8_t>(c);
    return value;
}

FrameEvent fault(std::uint16_t code, std::string_view why) {
    FrameEvent event;
    event.kind = FrameEvent::Kind::fault;
    event.code = code;
    event.payload = why;
    return event;
}

void append_head(std::string& out, Opcode opcode, std::size_t size, bool final, bool masked) {
    std::array<char, 10> head{};
    const auto mask_bit = static_cast<std::uint8_t>(masked ? 0x80U : 0U);
    head[0] = static_cast<char>(static_cast<std::uint8_t>(opcode) | (final ? 0x80U : 0U));
    const auto head_bytes = frame_head_bytes(size);
    if (head_bytes == 2) {
        head[1] = static_cast<char>(size | mask_bit);
    } else {
        head[1] = static_cast<char>((head_bytes == 4 ? 126U : 127U) | mask_bit);
        std::uint64_t rest = size;
        for (std::size_t i = head_bytes; i-- > 2; rest >>= 8U) {
            head[i] = static_cast<char>(rest & 0xFFU);
        }
    }
    out.append(head.data(), head_bytes);
}

}  // namespace

bool is_valid_close_code(std::uint16_t code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

void mask_bytes(std::span<char> bytes, MaskKey key) {
    std::array<std::uint8_t, 8> twice{};
    for (std::size_t i = 0; i < twice.size(); ++i) twice[i] = key[i & 3U];
    std::uint64_t wide = 0;
    std::memcpy(&wide, twice.data(), sizeof wide);
    char* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= sizeof wide; left -= sizeof wide, at += sizeof wide) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        word ^= wide;
        std::memcpy(at, &word, sizeof word);
    }
    for (std::size_t i = 0; i < left; ++i) {
        at[i] = static_cast<char>(static_cast<std::uint8_t>(at[i]) ^ twice[i]);
    }
}

std::size_t frame_head_bytes(std::uint64_t payload_bytes) {
    if (payload_bytes < 126) return 2;
    return payload_bytes <= 0xFFFF ? 4 : 10;
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload, bool final) {
    append_head(out, opcode, payload.size(), final, false);
    out.append(payload);
}

void append_masked_frame(std::string& out, Opcode opcode, std::string_view payload, MaskKey key,
                         bool final) {
    append_head(out, opcode, payload.size(), final, true);
    for (const auto byte : key) out.push_back(static_cast<char>(byte));
    const auto start = out.size();
    out.append(payload);
    mask_bytes(std::span(out).subspan(start), key);
}

std::string format_close_payload(std::uint16_t code, std::string_view reason) {
    if (code == close_code::no_code) return {};
    std::size_t size = std::min<std::size_t>(reason.size(), 123);
    if (size < reason.size()) {
        while (size > 0 && (static_cast<std::uint8_t>(reason[size]) & 0xC0U) == 0x80U) --size;
    }
    std::string out;
    out.push_back(static_cast<char>(code >> 8U));
    out.push_back(static_cast<char>(code & 0xFFU));
    out.append(reason.substr(0, size));
    return out;
}

namespace {

/// Media messages are plain ASCII: they are looked at in large pieces. The first place that may not
/// be.
const char* skip_ascii(const char* at, const char* end) {
    const auto word = [](const char* from) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, from, sizeof bytes);
        return bytes;
    };
    for (; end - at >= 32; at += 32) {
        const auto any = word(at) | word(at + 8) | word(at + 16) | word(at + 24);
        if ((any & 0x8080808080808080U) != 0) break;
    }
    return at;
}

}  // namespace

bool Utf8Check::feed(std::string_view piece) {
    const char* at = piece.data();
    const char* const end = at + piece.size();
    while (ok_ && at != end) {
        if (missing_ == 0) {
            at = skip_ascii(at, end);
            if (at == end) break;
            const auto byte = static_cast<std::uint8_t>(*at++);
            if (byte < 0x80) continue;
            low_ = 0x80;
            high_ = 0xBF;
            if (byte >= 0xC2 && byte <= 0xDF) {
                missing_ = 1;
            } else if (byte >= 0xE0 && byte <= 0xEF) {
                missing_ = 2;
                if (byte == 0xE0) low_ = 0xA0;
                if (byte == 0xED) high_ = 0x9F;
            } else if (byte >= 0xF0 && byte <= 0xF4) {
                missing_ = 3;
                if (byte == 0xF0) low_ = 0x90;
                if (byte == 0xF4) high_ = 0x8F;
            } else {
                ok_ = false;
            }
        } else {
            const auto byte = static_cast<std::uint8_t>(*at++);
            if (byte < low_ || byte > high_) ok_ = false;
            low_ = 0x80;
            high_ = 0xBF;
            --missing_;
        }
    }
    return ok_;
}

struct FrameParser::Head {
    bool final = false;
    bool masked = false;
    std::uint8_t reserved = 0;
    std::uint8_t opcode = 0;
    std::uint64_t payload_bytes = 0;
    std::size_t head_bytes = 0;
    bool is_control() const { return opcode >= 8; }
};

FrameEvent FrameParser::check_head(const Head& head) const {
    using namespace close_code;
    if (head.reserved != 0) return fault(protocol_error, "reserved bits set in a frame");
    if ((head.opcode > 2 && head.opcode < 8) || head.opcode > 10) {
        return fault(protocol_error, "reserved opcode");
    }
    if (side_ == Side::server && !head.masked)
        return fault(protocol_error, "unmasked client frame");
    if (side_ == Side::client && head.masked) return fault(protocol_error, "masked server frame");
    if (head.is_control()) {
        if (!head.final) return fault(protocol_error, "fragmented control frame");
        if (head.payload_bytes > 125) return fault(protocol_error, "control frame over 125 bytes");
        return {};
    }
    if (head.opcode == 0 && !in_message_) {
        return fault(protocol_error, "continuation frame without a message");
    }
    if (head.opcode != 0 && in_message_) {
        return fault(protocol_error, "new message inside a fragmented one");
    }
    if ((head.payload_bytes >> 63U) != 0) return fault(protocol_error, "frame length over 63 bits");
    const auto held = in_message_ ? assembled_.size() : 0;
    if (head.payload_bytes > message_bytes_ - held) return fault(too_big, "message too long");
    return {};
}

FrameEvent FrameParser::next(std::span<char> buffer) {
    if (delivered_) {
        delivered_ = false;
        assembled_.clear();
        // A rare large message must not cost its memory for the rest of the connection.
        if (assembled_.capacity() > 64 * 1024) assembled_.shrink_to_fit();
    }
    FrameEvent more;
    if (buffer.size() < 2) return more;
    Head head;
    head.final = (byte_at(buffer, 0) & 0x80U) != 0;
    head.reserved = static_cast<std::uint8_t>(byte_at(buffer, 0) & 0x70U);
    head.opcode = static_cast<std::uint8_t>(byte_at(buffer, 0) & 0x0FU);
    head.masked = (byte_at(buffer, 1) & 0x80U) != 0;
    head.payload_bytes = byte_at(buffer, 1) & 0x7FU;
    const std::size_t length_bytes =
        head.payload_bytes == 126 ? 2U : (head.payload_bytes == 127 ? 8U : 0U);
    // Checked once before the long length has come: a bad first byte is known at once.
    if (auto early = check_head(head); early.kind == FrameEvent::Kind::fault &&
                                       (length_bytes == 0 || early.code != close_code::too_big)) {
        return early;
    }
    head.head_bytes = 2 + length_bytes + (head.masked ? 4U : 0U);
    if (buffer.size() < 2 + length_bytes) return more;
    if (length_bytes > 0) {
        head.payload_bytes = big_endian(buffer.subspan(2, length_bytes));
        if (frame_head_bytes(head.payload_bytes) != 2 + length_bytes) {
            return fault(close_code::protocol_error, "frame length not in its shortest form");
        }
        if (auto bad = check_head(head); bad.kind == FrameEvent::Kind::fault) return bad;
    }
    const auto payload_bytes = static_cast<std::size_t>(head.payload_bytes);
    more.frame_bytes = head.head_bytes + payload_bytes;
    if (buffer.size() < more.frame_bytes) return more;

    const auto payload = buffer.subspan(head.head_bytes, payload_bytes);
    if (head.masked) {
        MaskKey key{};
        std::memcpy(key.data(), buffer.data() + head.head_bytes - 4, key.size());
        mask_bytes(payload, key);
    }
    auto event = head.is_control() ? control(head, payload) : data(head, payload);
    event.consumed = more.frame_bytes;
    return event;
}

FrameEvent FrameParser::control(const Head& head, std::span<char> payload) {
    FrameEvent event;
    event.payload = {payload.data(), payload.size()};
    const auto opcode = static_cast<Opcode>(head.opcode);
    if (opcode != Opcode::close) {
        event.kind = opcode == Opcode::ping ? FrameEvent::Kind::ping : FrameEvent::Kind::pong;
        return event;
    }
    event.kind = FrameEvent::Kind::close;
    event.code = close_code::no_code;
    if (payload.empty()) return event;
    if (payload.size() == 1) {
        return fault(close_code::protocol_error, "close frame with half a code");
    }
    event.code = static_cast<std::uint16_t>(big_endian(payload.first(2)));
    event.payload.remove_prefix(2);
    if (!is_valid_close_code(event.code)) {
        return fault(close_code::protocol_error, "close code that must not be sent");
    }
    Utf8Check reason;
    if (!reason.feed(event.payload) || !reason.complete()) {
        return fault(close_code::bad_text, "close reason is not UTF-8");
    }
    return event;
}

FrameEvent FrameParser::data(const Head& head, std::span<char> payload) {
    if (head.opcode != 0) {
        text_ = static_cast<Opcode>(head.opcode) == Opcode::text;
        utf8_.reset();
    }
    FrameEvent event;
    event.text = text_;
    event.payload = {payload.data(), payload.size()};
    if (text_ && (!utf8_.feed(event.payload) || (head.final && !utf8_.complete()))) {
        return fault(close_code::bad_text, "text message is not UTF-8");
    }
    event.kind = head.final ? FrameEvent::Kind::message : FrameEvent::Kind::fragment;
    if (head.opcode != 0 && head.final) return event;
    assembled_.append(event.payload);
    in_message_ = !head.final;
    event.payload = {};
    if (head.final) {
        event.payload = assembled_;
        event.assembled = true;
        delivered_ = true;
    }
    return event;
}

}  // namespace bridge::net
