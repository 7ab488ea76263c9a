#include "tests/bench/far_end.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "tests/bench/speech.hpp"
#include "tests/bench/stamp.hpp"
#include "tests/bench/wire.hpp"

namespace bench {
namespace {

constexpr double kFrameMs = 20;
constexpr std::uint64_t kFrameNs = 20'000'000;

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
    std::array<std::uint8_t, 3 * 2048> sound{};
    const auto size = decode_base64(payload, sound);
    if (size == 0 || size % 160 != 0) ++sum_.wrong;
    ++sum_.messages;
    const auto frames = size / 160;
    sum_.frames += frames;
    if (keep_) {
        arrivals_.push_back(at_ns);
        ages_.push_back(0);
    }
    const auto first = read_stamp(std::span<const std::uint8_t>(sound).first<kStampBytes>());
    // An agent's answer begins: it was meant to be silent before.
    const bool begins = hears_ == Hears::agent && size > 0 && first && first->sent_ns != 0;
    if (keep_ && speaking_ && !begins && at_ns > dry_ns_) {
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
                       : hears_ == Hears::agent ? kAgentVoice
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
