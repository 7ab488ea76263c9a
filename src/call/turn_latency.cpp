#include "call/turn_latency.hpp"

#include <algorithm>
#include <cmath>

namespace bridge::call {
namespace {

Clock::Duration between(Clock::Time from, Clock::Time to) {
    return std::max(to - from, Clock::Duration::zero());
}

void set(TurnLatency& latency, TurnLeg leg, Clock::Duration took) {
    latency.legs[static_cast<std::size_t>(leg)] = took;
}

float ms(Clock::Duration took) {
    return std::chrono::duration<float, std::milli>(took).count();
}

}  // namespace

std::string_view to_string(TurnLeg leg) {
    constexpr std::string_view kNames[kTurnLegs] = {"detect", "agent", "socket", "heard", "total"};
    return kNames[static_cast<std::size_t>(leg)];
}

void TurnBook::answered(Clock::Time now) {
    if (answered_) return;
    answered_ = now;
    if (early_) first_byte(now);
}

void TurnBook::caller_spoke(Clock::Time now) {
    if (asked_ && asked_->certain) {
        ++unanswered_;
        asked_.reset();
    }
    asked_ = Asked{now, std::nullopt, false};
}

void TurnBook::noticed(Clock::Time now, bool certain) {
    if (!asked_) return;
    if (!asked_->noticed) asked_->noticed = now;
    asked_->certain = asked_->certain || certain;
}

void TurnBook::first_byte(Clock::Time now) {
    if (!asked_ && (greeted_ || !answered_)) {
        // Unasked, nobody waited for it; before the phone is there it is the greeting, and waits.
        if (answer_) close();
        if (!answered_) early_ = now;
        newest_ = Newest::unasked;
        return;
    }
    if (answer_) close();
    auto& answer = answer_.emplace();
    answer.first_byte = now;
    if (asked_) {
        const auto noticed = std::min(asked_->noticed.value_or(now), now);
        answer.begin = asked_->spoke;
        set(answer.latency, TurnLeg::detect, between(answer.begin, noticed));
        set(answer.latency, TurnLeg::agent, between(std::max(noticed, answer.begin), now));
        asked_.reset();
    } else {
        answer.latency.greeting = true;
        answer.begin = *answered_;
        set(answer.latency, TurnLeg::detect, Clock::Duration::zero());
        set(answer.latency, TurnLeg::agent, between(answer.begin, now));
    }
    newest_ = answer.latency.greeting ? Newest::greeting : Newest::turn;
    greeted_ = true;
}

void TurnBook::first_frame(UtteranceId utterance, Clock::Time now) {
    if (!answer_ || answer_->utterance != 0) return;
    answer_->utterance = utterance;
    answer_->first_frame = now;
    set(answer_->latency, TurnLeg::socket, between(answer_->first_byte, now));
}

void TurnBook::heard(UtteranceId utterance, Clock::Time when) {
    if (!answer_ || answer_->utterance == 0 || answer_->utterance != utterance) return;
    set(answer_->latency, TurnLeg::heard, between(answer_->first_frame, when));
    set(answer_->latency, TurnLeg::total,
        between(answer_->begin, std::max(when, answer_->first_frame)));
    close();
}

void TurnBook::interrupted() {
    if (answer_) {
        answer_->latency.interrupted = true;
        close();
    } else if (newest_ != Newest::unasked) {
        (newest_ == Newest::greeting ? greeting_ : last_)->interrupted = true;
    }
}

void TurnBook::close() {
    const auto latency = answer_->latency;
    answer_.reset();
    if (latency.greeting) {
        greeting_ = latency;
    } else {
        keep(latency);
    }
    if (measured_) measured_(latency);
}

void TurnBook::keep(const TurnLatency& latency) {
    auto& row = kept_[turns_ % kKept];
    for (std::size_t leg = 0; leg < kTurnLegs; ++leg)
        row[leg] = latency.legs[leg] ? ms(*latency.legs[leg]) : -1.0F;
    last_ = latency;
    ++turns_;
}

TurnStats TurnBook::stats() const {
    TurnStats out;
    out.turns = turns_;
    out.unanswered = unanswered_;
    out.greeting = greeting_;
    out.last = last_;
    const auto kept = static_cast<std::size_t>(std::min<std::uint64_t>(turns_, kKept));
    for (std::size_t leg = 0; leg < kTurnLegs; ++leg) {
        std::array<float, kKept> sorted;
        std::size_t count = 0;
        for (std::size_t i = 0; i < kept; ++i) {
            if (kept_[i][leg] >= 0) sorted[count++] = kept_[i][leg];
        }
        if (count == 0) continue;
        std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count));
        // The smallest that so many are not above (nearest rank).
        const auto quantile = [&](double share) {
            const auto rank = std::ceil(share * static_cast<double>(count));
            return static_cast<double>(sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1]);
        };
        out.legs[leg] = {count, quantile(0.5), quantile(0.95), quantile(0.99),
                         static_cast<double>(sorted[count - 1])};
    }
    return out;
}

}  // namespace bridge::call
