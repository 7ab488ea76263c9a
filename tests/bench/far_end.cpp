#include "tests/bench/far_end.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "tests/bench/speech.hpp"
#include "tests/bench/stamp.hpp"

namespace bench {
namespace {

constexpr double kFrameMs = 20;
constexpr std::uint64_t kFrameNs = 20'000'000;
constexpr std::uint8_t kNoDigit = 64;

/// base64 to bytes; 0 if it is none, or does not fit.
std::size_t decode(std::string_view text, std::span<std::uint8_t> out) {
    static const auto digits = [] {
        std::array<std::uint8_t, 256> made{};
        made.fill(kNoDigit);
        constexpr std::string_view kAlphabet =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (std::size_t i = 0; i < kAlphabet.size(); ++i)
            made[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
        return made;
    }();
    if (text.empty() || text.size() % 4 != 0 || text.size() / 4 * 3 > out.size()) return 0;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::size_t size = 0;
    for (std::size_t i = 0; i < text.size(); i += 4) {
        std::uint32_t word = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            auto digit = digits[static_cast<unsigned char>(text[i + k])];
            if (digit == kNoDigit) {
                if (i + k < text.size() - padding) return 0;
                digit = 0;
            }
            word = word << 6U | digit;
        }
        out[size++] = static_cast<std::uint8_t>(word >> 16U);
        out[size++] = static_cast<std::uint8_t>(word >> 8U);
        out[size++] = static_cast<std::uint8_t>(word);
    }
    return size - padding;
}

/// The string behind `key` (with its quotes and colon), without escapes.
std::string_view field(std::string_view text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string_view::npos) return {};
    const auto begin = at + key.size();
    const auto end = text.find('"', begin);
    return end == std::string_view::npos ? std::string_view{} : text.substr(begin, end - begin);
}

}  // namespace

bool FarEnd::take(std::string_view bytes, std::uint64_t at_ns) {
    if (!rest_.empty()) {
        rest_ += bytes;
        bytes = rest_;
    }
    bool open = true;
    while (open && bytes.size() >= 2) {
        const auto byte = [&](std::size_t i) {
            return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
        };
        std::size_t size = byte(1) & 0x7FU, head = 2;
        if (size == 126) {
            if (bytes.size() < 4) break;
            size = byte(2) << 8U | byte(3);
            head = 4;
        }
        if (bytes.size() < head + size) break;
        const auto opcode = byte(0) & 15U;
        if (opcode == 1) take_text(bytes.substr(head, size), at_ns);
        open = opcode != 8;
        bytes.remove_prefix(head + size);
    }
    std::string left(bytes);
    rest_ = std::move(left);
    return open;
}

void FarEnd::take_text(std::string_view text, std::uint64_t at_ns) {
    const auto event = field(text, R"("event":")");
    if (event == "media") {
        take_media(field(text, R"("payload":")"), at_ns);
    } else if (event == "mark") {
        ++sum_.marks;
        const auto due = std::max(dry_ns_, at_ns);
        marks_.push_back({due, std::string(field(text, R"("name":")"))});
    } else if (event == "clear") {
        take_clear(at_ns);
    } else {
        ++sum_.wrong;
    }
}

void FarEnd::take_media(std::string_view payload, std::uint64_t at_ns) {
    std::array<std::uint8_t, 3 * 2048> sound;
    const auto size = decode(payload, sound);
    if (size == 0 || size % 160 != 0) ++sum_.wrong;
    ++sum_.messages;
    const auto frames = size / 160;
    sum_.frames += frames;
    if (keep_) {
        arrivals_.push_back(at_ns);
        ages_.push_back(0);
    }
    if (keep_ && speaking_ && at_ns > dry_ns_) {
        ++sum_.gaps;
        sum_.gap_ns = std::max(sum_.gap_ns, at_ns - dry_ns_);
    }
    speaking_ = true;
    dry_ns_ = std::max(dry_ns_, at_ns) + frames * kFrameNs;
    for (std::size_t i = 0; i < frames; ++i) look_at(std::span(sound).subspan(i * 160, 160), at_ns);
}

void FarEnd::look_at(std::span<const std::uint8_t> frame, std::uint64_t at_ns) {
    const auto stamp = read_stamp(frame.first<kStampBytes>());
    const auto voice = hears_ == Hears::echo    ? number_
                       : hears_ == Hears::ahead ? kAheadVoice
                                                : kLiveVoice;
    if (!stamp || stamp->call != voice) {
        ++sum_.wrong;
        return;
    }
    if (keep_ && stamp->sent_ns != 0) {
        const auto age = at_ns > stamp->sent_ns ? at_ns - stamp->sent_ns : 0;
        sum_.latency_ns.push_back(age);
        ages_.back() = age;
    }
    const auto loop = [](std::uint32_t number) { return number / kLoopFrames; };
    if (hears_ == Hears::ahead && loop(stamp->number) != cuts_) {
        // What was said before the cut, or before its `clear` was heard.
        ++sum_.stale;
        return;
    }
    if (!began_) {
        began_ = true;
        // A microphone has been open before the call was; all else begins with its first frame.
        if (hears_ == Hears::live) next_ = stamp->number;
    }
    auto ahead_of_next =
        static_cast<std::int64_t>(stamp->number) - static_cast<std::int64_t>(next_);
    if (hears_ == Hears::ahead && ahead_of_next < 0) ahead_of_next += kLoopFrames;
    if (ahead_of_next > 0) sum_.lost += static_cast<std::uint64_t>(ahead_of_next);
    if (ahead_of_next < 0) ++sum_.reordered;
    if (ahead_of_next >= 0) next_ = stamp->number + 1;
    if (hears_ == Hears::ahead && loop(next_) != cuts_) next_ = cuts_ * kLoopFrames;
}

void FarEnd::take_clear(std::uint64_t at_ns) {
    ++sum_.clears;
    const auto asked = table_->cut_ns[number_].load();
    if (keep_) sum_.stop_ns.push_back(at_ns > asked ? at_ns - asked : 0);
    ++cuts_;
    next_ = cuts_ * kLoopFrames;
    dry_ns_ = at_ns;
    speaking_ = false;
    for (auto& mark : marks_) mark.due_ns = at_ns;
}

std::string FarEnd::take_mark() {
    auto name = std::move(marks_.front().name);
    marks_.pop_front();
    return name;
}

double quantile(std::vector<double>& values, double part) {
    if (values.empty()) return 0;
    const auto last = static_cast<double>(values.size() - 1);
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::ceil(part * last));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

Pace pace_of(const std::vector<std::uint64_t>& arrivals_ns) {
    Pace out;
    if (arrivals_ns.size() < 4) return out;
    // A first guess from the mean direction on the circle of 20 ms, then the median around it.
    double x = 0, y = 0;
    std::vector<double> places;
    for (const auto arrival : arrivals_ns) {
        const auto place = static_cast<double>(arrival % kFrameNs) / 1e6;
        places.push_back(place);
        x += std::cos(place * 2 * std::numbers::pi / kFrameMs);
        y += std::sin(place * 2 * std::numbers::pi / kFrameMs);
    }
    const auto guess = std::atan2(y, x) * kFrameMs / (2 * std::numbers::pi);
    for (const auto place : places) out.errors.push_back(std::remainder(place - guess, kFrameMs));
    auto sorted = out.errors;
    const auto middle = quantile(sorted, 0.5);
    // The drift is the median slope between messages half of the time apart.
    const auto half = arrivals_ns.size() / 2;
    std::vector<double> slopes;
    for (std::size_t i = 0; i + half < arrivals_ns.size(); ++i) {
        const auto minutes = static_cast<double>(arrivals_ns[i + half] - arrivals_ns[i]) / 60e9;
        if (minutes > 0) slopes.push_back((out.errors[i + half] - out.errors[i]) / minutes);
    }
    out.drift = quantile(slopes, 0.5);
    for (auto& error : out.errors) error = std::abs(std::remainder(error - middle, kFrameMs));
    return out;
}

}  // namespace bench
