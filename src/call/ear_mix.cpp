#include "call/ear_mix.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace bridge::call {

using audio::AudioFrame;
using audio::kFrameSamples;

namespace {

/// Adds `in` to `sum`, its loudness moving from `from` to `to` over the frame.
void add(std::array<float, kFrameSamples>& sum, const AudioFrame& in, float from, float to) {
    if (from == 0.0F && to == 0.0F) return;
    const auto step = (to - from) / static_cast<float>(kFrameSamples);
    for (std::size_t i = 0; i < kFrameSamples; ++i) {
        sum[i] += static_cast<float>(in.pcm[i]) * (from + step * static_cast<float>(i + 1));
    }
}

}  // namespace

EarMix::EarMix() = default;

EarMix::VoiceId EarMix::add_voice() {
    auto free = std::find_if(voices_.begin(), voices_.end(),
                             [](const auto& voice) { return !voice->used; });
    if (free == voices_.end()) free = voices_.insert(free, std::make_unique<Voice>());
    (*free)->used = (*free)->silent = true;
    const auto id = static_cast<VoiceId>(free - voices_.begin()) + 1;
    for (auto& ear : ears_) {
        ear.gains.resize(voices_.size() + 1);
        ear.gains[id] = Gain{};
    }
    return id;
}

void EarMix::remove_voice(VoiceId voice) {
    if (voice == kPhone || voice > voices_.size()) return;
    auto& gone = *voices_[voice - 1];
    waiting_ -= std::exchange(gone.count, 0);
    gone.used = false;
    for (auto& ear : ears_) {
        if (ear.own == voice) ear.own = kNone;
    }
}

EarMix::EarId EarMix::add_ear(std::weak_ptr<audio::AudioSink> sink, VoiceId own) {
    auto free = std::find_if(ears_.begin(), ears_.end(), [](const Ear& ear) { return !ear.used; });
    if (free == ears_.end()) free = ears_.emplace(ears_.end());
    free->sink = std::move(sink);
    free->own = own;
    free->gains.assign(voices_.size() + 1, Gain{});
    free->used = free->fresh = true;
    return static_cast<EarId>(free - ears_.begin());
}

void EarMix::remove_ear(EarId ear) {
    if (ear >= ears_.size()) return;
    ears_[ear].used = false;
    ears_[ear].sink.reset();
}

void EarMix::set_own(EarId ear, VoiceId own) {
    if (ear < ears_.size()) ears_[ear].own = own;
}

void EarMix::set_gain(VoiceId voice, EarId ear, float gain) {
    if (ear >= ears_.size() || voice >= ears_[ear].gains.size())
        throw std::logic_error("no such voice or ear");
    auto& at = ears_[ear].gains[voice];
    at.next = std::clamp(gain, 0.0F, 4.0F);
    if (ears_[ear].fresh || (voice != kPhone && voices_[voice - 1]->silent)) at.now = at.next;
}

void EarMix::write(VoiceId voice, const AudioFrame& frame, Clock::Time now) {
    if (voice == kPhone) {
        last_phone_ = now;
        phone_seen_ = true;
        drive(&frame, frame.at);
        return;
    }
    auto& waiting = *voices_.at(voice - 1);
    if (waiting.count == kWaiting) {
        waiting.first = (waiting.first + 1) % kWaiting;
        --waiting.count;
        --waiting_;
        ++dropped_;
    }
    waiting.silent = false;
    if (waiting.frames.empty()) waiting.frames.resize(kWaiting);
    waiting.frames[(waiting.first + waiting.count) % kWaiting] = frame;
    ++waiting.count;
    ++waiting_;
}

void EarMix::tick(Clock::Time now) {
    if (phone_seen_ && now - last_phone_ < kPhoneGone) return;
    if (waiting_ > 0) drive(nullptr, next_at_);
}

void EarMix::drive(const AudioFrame* phone, std::chrono::milliseconds at) {
    next_at_ = at + audio::kFrameTime;
    for (auto& ear : ears_) {
        if (!ear.used) continue;
        const auto sink = ear.sink.lock();
        if (!sink) {
            ear.used = false;
            continue;
        }
        ear.fresh = false;
        // The common case, a phone alone at its own loudness, is passed on untouched.
        const auto& lead = ear.gains[kPhone];
        if (phone != nullptr && waiting_ == 0 && ear.own != kPhone && lead.now == 1.0F &&
            lead.next == 1.0F) {
            sink->write(*phone);
            continue;
        }
        std::array<float, kFrameSamples> sum{};
        for (VoiceId voice = 0; voice <= voices_.size(); ++voice) {
            auto& gain = ear.gains[voice];
            const AudioFrame* frame = phone;
            if (voice != kPhone) {
                const auto& waiting = *voices_[voice - 1];
                frame = waiting.count > 0 ? &waiting.frames[waiting.first] : nullptr;
            }
            if (frame != nullptr && voice != ear.own) add(sum, *frame, gain.now, gain.next);
            gain.now = gain.next;
        }
        AudioFrame mixed;
        mixed.at = at;
        for (std::size_t i = 0; i < kFrameSamples; ++i) {
            mixed.pcm[i] =
                static_cast<std::int16_t>(std::lround(std::clamp(sum[i], -32768.0F, 32767.0F)));
        }
        sink->write(mixed);
    }
    if (waiting_ == 0) return;
    for (auto& voice : voices_) {
        if (voice->count == 0) continue;
        voice->first = (voice->first + 1) % kWaiting;
        --voice->count;
        --waiting_;
    }
}

}  // namespace bridge::call
