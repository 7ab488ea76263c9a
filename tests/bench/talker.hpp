#pragma once
// Makes every call of a bridge under measurement speak all the time, and cuts some of them off when
// the driver wants that.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <variant>
#include <vector>

#include "audio/mulaw.hpp"
#include "call/call_registry.hpp"
#include "call/event.hpp"
#include "tests/bench/shared_table.hpp"
#include "tests/bench/speech.hpp"

namespace bench {

/// `take` runs on the event bus' subscriber's thread; the cuts come from a thread of this.
class Talker {
public:
    enum class Way { ahead, live };

    Talker(Table& table, bridge::call::CallRegistry& calls, Way way)
        : table_(table), calls_(calls), way_(way), cutter_([this] { cut_now_and_then(); }) {}
    ~Talker() {
        stop_ = true;
        cutter_.join();
    }
    Talker(const Talker&) = delete;
    Talker& operator=(const Talker&) = delete;

    void take(const bridge::call::CallEvent& event) {
        namespace input = bridge::call::input;
        const bool up = std::holds_alternative<bridge::call::event::StreamUp>(event.what);
        if (!up && !std::holds_alternative<bridge::call::event::StreamDown>(event.what)) return;
        const auto number = static_cast<std::uint32_t>(
            std::strtoul(event.sid.str().substr(2).c_str(), nullptr, 16));
        if (number >= Table::kCalls) return;
        const std::lock_guard lock(mutex_);
        if (!up) {
            std::erase_if(talking_, [&](const Talking& one) { return one.id == event.call; });
        } else if (way_ == Way::live) {
            calls_.post(event.call, input::SetLocal{});
        } else {
            calls_.post(event.call, input::Play{sound(table_.cuts[number]), true});
            talking_.push_back({event.call, number, {}});
        }
    }

private:
    struct Talking {
        bridge::CallId id;
        std::uint32_t number;
        std::chrono::steady_clock::time_point cut;
    };
    using Sound = std::shared_ptr<const std::vector<std::int16_t>>;

    /// What a call says after so many cuts; calls share it.
    Sound sound(std::uint64_t cuts) {
        auto& made = sounds_[cuts];
        if (made) return made;
        auto samples = std::make_shared<std::vector<std::int16_t>>(kLoopFrames * 160U);
        std::array<std::uint8_t, 160> mulaw{};
        for (std::uint32_t i = 0; i < kLoopFrames; ++i) {
            const auto number = static_cast<std::uint32_t>(cuts) * kLoopFrames + i;
            write_speech({kAheadVoice, number, 0}, mulaw);
            bridge::audio::decode_mulaw(mulaw, std::span(*samples).subspan(i * 160U, 160));
        }
        return made = std::move(samples);
    }

    void cut_now_and_then() {
        using namespace std::chrono_literals;
        std::minstd_rand random(7);
        while (!stop_) {
            if (way_ != Way::ahead || table_.cutting.load(std::memory_order_relaxed) == 0) {
                std::this_thread::sleep_for(100ms);
                continue;
            }
            std::this_thread::sleep_for(std::chrono::microseconds(2000 + random() % 16000));
            const std::lock_guard lock(mutex_);
            if (!talking_.empty()) cut(talking_[random() % talking_.size()]);
        }
    }

    /// The driver has to see one cut before the next one of the same call is made.
    void cut(Talking& one) {
        namespace input = bridge::call::input;
        const auto now = std::chrono::steady_clock::now();
        if (now - one.cut < std::chrono::milliseconds(400)) return;
        one.cut = now;
        const auto next = sound(table_.cuts[one.number] + 1);
        table_.cut_ns[one.number] = monotonic_ns();
        ++table_.cuts[one.number];
        calls_.post(one.id, input::Clear{});
        calls_.post(one.id, input::Play{next, true});
    }

    Table& table_;
    bridge::call::CallRegistry& calls_;
    const Way way_;
    std::mutex mutex_;
    std::vector<Talking> talking_;
    std::map<std::uint64_t, Sound> sounds_;
    std::atomic<bool> stop_{false};
    std::thread cutter_;  // last: it uses the others
};

}  // namespace bench
