#include "emulator/personas/captured_caller.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "emulator/mulaw.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kCaptureSignature{
    "\x5A\x2A\x4D\x18\x06\x00\x00\x00"
    "ABCAP\x01",
    14};
constexpr std::uint64_t kLargestCaptureBlock = 64ULL << 20U;
constexpr milliseconds kLongestFarEnd{std::chrono::hours(4)};
constexpr std::size_t kMulawPerMs = 8;

// Kinds of records, docs/capture-format.md.
enum RecordKind : std::uint8_t {
    kStreamStarted = 1,
    kMediaRecord = 2,
    kKeyRecord = 4,
    kStreamStopped = 6,
    kStreamClosed = 7,
    kVoiceRecord = 12,
    kStatusRecord = 13,
    kDialRecord = 20,
    kLastInput = 53,
    kFirstNoteThatComesIn = 82,
    kLastNoteThatComesIn = 85,
    kNestedRecord = 0x80
};

/// The values of a record; after the end everything is 0.
class RecordFields {
public:
    explicit RecordFields(Bytes bytes) : left_(bytes) {}
    bool empty() const { return left_.empty(); }
    std::uint8_t byte() {
        if (left_.empty()) return 0;
        const auto value = left_.front();
        left_ = left_.subspan(1);
        return value;
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto part = byte();
            value |= static_cast<std::uint64_t>(part & 0x7FU) << shift;
            if ((part & 0x80U) == 0) break;
        }
        return value;
    }
    std::int64_t difference() {
        const auto bits = number();
        return static_cast<std::int64_t>((bits >> 1U) ^ ((bits & 1U) != 0 ? ~0ULL : 0ULL));
    }
    Bytes bytes() {
        const auto count = std::min<std::uint64_t>(number(), left_.size());
        const auto out = left_.first(static_cast<std::size_t>(count));
        left_ = left_.subspan(static_cast<std::size_t>(count));
        return out;
    }
    std::string text() {
        const auto all = bytes();
        return {all.begin(), all.end()};
    }

private:
    Bytes left_;
};

class FarEndListener {
public:
    /// The records of one frame of the file.
    void block(Bytes bytes) {
        at_ = microseconds(0);
        timestamp_ = 0;
        for (RecordFields all(bytes); !all.empty();) record(all.bytes());
    }

    CapturedFarEnd finish() && {
        if (began_ && far_end_.length == milliseconds(0))
            far_end_.length = milliseconds(far_end_.sound.size() / kMulawPerMs);
        return std::move(far_end_);
    }

private:
    void record(Bytes bytes) {
        RecordFields fields(bytes);
        const auto byte = fields.byte();
        const auto kind = static_cast<std::uint8_t>(byte & ~kNestedRecord);
        if ((byte & kNestedRecord) == 0) {
            at_ += microseconds(fields.number() & 0xFFFFFFFFFFULL);
        } else if (kind <= kLastInput ||
                   (kind >= kFirstNoteThatComesIn && kind <= kLastNoteThatComesIn)) {
            fields.number();  // the occasion
        }
        switch (kind) {
            case kDialRecord:
                dialled_ = at_;
                break;
            case kVoiceRecord:
                if (dialled_)
                    far_end_.ringing = std::chrono::duration_cast<milliseconds>(at_ - *dialled_);
                break;
            case kStatusRecord:
                status(fields);
                break;
            case kStreamStarted:
                stream_ = fields.number();
                placed_ = false;
                if (!began_) began_ = at_;
                break;
            case kMediaRecord:
                media(fields);
                break;
            case kKeyRecord:
                fields.number();
                fields.number();
                if (began_)
                    far_end_.keys.push_back({since_began(), static_cast<char>(fields.number())});
                break;
            case kStreamStopped:
            case kStreamClosed:
                if (began_ && fields.number() == stream_)
                    far_end_.length = std::min(since_began(), kLongestFarEnd);
                break;
            default:
                break;
        }
    }

    void status(RecordFields& fields) {
        fields.text();  // CallSid
        const auto word = fields.text();
        if (began_) return;
        using enum Reaction::Kind;
        if (word == "busy") far_end_.reaction = busy;
        if (word == "no-answer") far_end_.reaction = no_answer;
        if (word == "failed") far_end_.reaction = failed;
    }

    void media(RecordFields& fields) {
        const auto stream = fields.number();
        fields.difference();  // of the sequence number
        timestamp_ += static_cast<std::uint64_t>(fields.difference()) + 20;
        const bool outbound = fields.number() != 0;
        const auto sound = fields.bytes();
        if (outbound || stream != stream_ || !began_) return;
        // By the carrier's time: how evenly it came is the network's affair.
        if (!std::exchange(placed_, true))
            base_ = static_cast<std::uint64_t>(since_began().count()) - timestamp_;
        const auto place = static_cast<std::int64_t>(base_ + timestamp_);
        if (place < 0 || place > kLongestFarEnd.count()) return;
        const auto first = static_cast<std::size_t>(place) * kMulawPerMs;
        auto& all = far_end_.sound;
        if (all.size() < first + sound.size()) all.resize(first + sound.size(), kMulawSilence);
        std::copy(sound.begin(), sound.end(), all.begin() + static_cast<std::ptrdiff_t>(first));
    }

    milliseconds since_began() const {
        return std::chrono::duration_cast<milliseconds>(at_ - *began_);
    }

    CapturedFarEnd far_end_;
    microseconds at_{0};
    std::optional<microseconds> dialled_, began_;
    std::uint64_t stream_ = 0;
    std::uint64_t timestamp_ = 0;  ///< ms; wraps as anything may stand in a file
    std::uint64_t base_ = 0;       ///< ms: where the stream's time 0 lies …
    bool placed_ = false;          ///< … which is known
};

}  // namespace

Result<CapturedFarEnd> load_captured_far_end(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return fail(Errc::not_found, fmt::format("capture:{}: there is no such file", path));
    const std::vector<char> file{std::istreambuf_iterator<char>(in), {}};
    if (file.size() < kCaptureSignature.size() ||
        std::memcmp(file.data(), kCaptureSignature.data(), kCaptureSignature.size()) != 0)
        return fail(Errc::bad_field,
                    fmt::format("capture:{}: this is no capture of a call of format 1", path));
    FarEndListener listener;
    std::vector<std::uint8_t> block;
    bool opening = true;
    for (std::size_t at = kCaptureSignature.size(); at < file.size();) {
        const auto* const frame = file.data() + at;
        const auto packed = ZSTD_findFrameCompressedSize(frame, file.size() - at);
        const auto size = ZSTD_getFrameContentSize(frame, file.size() - at);
        // What was cut off ends it; what came before is good.
        if (ZSTD_isError(packed) != 0 || size > kLargestCaptureBlock) break;
        block.resize(static_cast<std::size_t>(size));
        const auto got = ZSTD_decompress(block.data(), block.size(), frame, packed);
        if (ZSTD_isError(got) != 0) break;
        if (!opening) listener.block(block);
        opening = false;
        at += packed;
    }
    return std::move(listener).finish();
}

std::string CapturedCaller::press() {
    std::string keys;
    while (next_key_ < far_end_->keys.size() && far_end_->keys[next_key_].at <= on_the_line())
        keys += far_end_->keys[next_key_++].key;
    return keys;
}

Persona::Speech CapturedCaller::say(MulawFrame& out) {
    if (on_the_line() >= far_end_->length)
        return options().hangup ? Speech::hung_up : Speech::silent;
    const auto first = static_cast<std::size_t>(on_the_line().count()) * kMulawPerMs;
    const auto& sound = far_end_->sound;
    if (first >= sound.size()) return Speech::silent;
    std::copy_n(sound.begin() + static_cast<std::ptrdiff_t>(first),
                std::min(out.size(), sound.size() - first), out.begin());
    const bool silent =
        std::all_of(out.begin(), out.end(), [](auto byte) { return byte == kMulawSilence; });
    return silent ? Speech::silent : Speech::speaking;
}

}  // namespace bridge::emulator
