#include "emulator/playout.hpp"

#include <algorithm>

#include "emulator/mulaw.hpp"

namespace bridge::emulator {

bool Playout::append(std::span<const std::uint8_t> mulaw) {
    if (head_ == bytes_.size() || head_ >= 64UL * 1024) {
        bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
        head_ = 0;
    }
    const std::size_t room = kCapacity - queued_bytes();
    const auto kept = mulaw.first(std::min(room, mulaw.size()));
    bytes_.insert(bytes_.end(), kept.begin(), kept.end());
    return kept.size() == mulaw.size();
}

bool Playout::mark(std::string name) {
    const bool idle = queued_bytes() == 0 && finished_ == taken_;
    if (idle || marks_.size() >= kMaxMarks) return true;
    marks_.push_back({taken_ + queued_bytes(), std::move(name)});
    return false;
}

std::vector<std::string> Playout::clear() {
    bytes_.clear();
    head_ = 0;
    finished_ = taken_;
    std::vector<std::string> names;
    names.reserve(marks_.size());
    for (auto& mark : marks_) names.push_back(std::move(mark.name));
    marks_.clear();
    return names;
}

std::vector<std::string> Playout::tick(MulawFrame& out) {
    finished_ = taken_;
    auto due = due_marks();
    const std::size_t size = std::min(out.size(), queued_bytes());
    const auto next = bytes_.begin() + static_cast<std::ptrdiff_t>(head_);
    std::copy_n(next, size, out.begin());
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(size), out.end(), kMulawSilence);
    head_ += size;
    taken_ += size;
    return due;
}

std::vector<std::string> Playout::due_marks() {
    std::vector<std::string> due;
    while (!marks_.empty() && marks_.front().at <= finished_) {
        due.push_back(std::move(marks_.front().name));
        marks_.pop_front();
    }
    return due;
}

}  // namespace bridge::emulator
