// What a capture costs, and how fast a call is done again: calls on a virtual clock, so that
// nothing but the call, its capture and its replay takes time.
//
//   bench_capture [MINUTES [WAY]]     default 10, and every way; prints one JSON object

#include <fmt/format.h>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <string_view>
#include <thread>

#include "audio/mulaw.hpp"
#include "base/log.hpp"
#include "speech/flite_voice.hpp"
#include "tests/unit/capture/capture_fixture.hpp"

namespace {

using namespace bridge;
using namespace bridge::capture;
using namespace std::chrono_literals;

double cpu_seconds(clockid_t of) {
    timespec time{};
    ::clock_gettime(of, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Says what it heard two seconds ago: what a block of the capture holds twice would cost nothing.
class Parrot final : public call::Agent {
public:
    void start(const call::AgentCall&, Ear with) override {
        ear_ = std::move(with);
        ear_.events->ready();
    }
    void answered(const call::AgentCall&) override {}
    void write(const audio::AudioFrame& frame) override {
        heard_.push_back(frame);
        if (heard_.size() <= 100) return;
        ear_.voice->write(heard_.front().pcm);
        heard_.pop_front();
    }
    void interrupted(call::UtteranceId, const call::Heard&) override {}
    void dtmf(char) override {}
    void tool_result(const call::ToolResult&) override {}
    void stop() override {}
    std::string_view kind() const override { return "parrot"; }

private:
    Ear ear_;
    std::deque<audio::AudioFrame> heard_;
};

class Parrots final : public call::AgentShelf {
    Result<std::shared_ptr<call::Agent>> agent(const std::string&,
                                               const call::AgentHome&) override {
        return std::make_shared<Parrot>();
    }
    std::shared_ptr<call::AgentTools> tools(const call::AgentHome&) override { return nullptr; }
};

/// A voice with its pauses, 8 kHz.
std::vector<std::int16_t> a_voice() {
    const auto said = bridge::speech::synthesize(
        "Good morning. You have reached the office. Please tell me what this is about, and I will "
        "see who can help you. The first free appointment is on Tuesday at a quarter past nine, "
        "and the one after that on Thursday in the afternoon. Shall I write one of them down for "
        "you, or would you rather call again?");
    if (!said) std::abort();
    return *said;
}

struct Way {
    bool captured = false, two_way = false, microphone = false, speaker = false;
};
struct Cost {
    double cpu = 0;      ///< of the call's thread, seconds
    double cpu_all = 0;  ///< with the disk's
    std::uintmax_t bytes = 0;
    std::filesystem::path file;
};

/// `minutes` of a call. The far end speaks throughout; an agent, or the microphone, does as well.
Cost run(int minutes, Way way, const std::vector<std::int16_t>& voice, CapturedFixture& fixture) {
    auto spec = call::CallFixture::outbound();
    spec.play_locally = way.speaker;
    spec.id = CallId{"c_bench"};
    call::CallServices services{fixture.clock,  fixture.loop.get_executor(),
                                fixture.bus,    fixture.carrier,
                                fixture.device, {},
                                nullptr};
    if (way.microphone) services.microphone = fixture.microphone;
    if (way.two_way) {
        services.agents = std::make_shared<Parrots>();
        services.agent_care.barge_in = call::BargeIn::off;
        spec.agent = "parrot";
    }
    services.captures = fixture.store;
    spec.capture = way.captured;
    const auto all_before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    const auto before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    double beside = 0;  // what plays the phone and the card
    auto call = call::Call::make(std::move(spec), std::move(services));
    call->accept(call::input::Dial{});
    fixture.settle();
    call->accept(call::input::VoiceRequested{CallSid{"CA1"}, "+1", "+2", "in-progress", ""});
    const auto stream = call->open_stream();
    call->accept(call::input::StreamStarted{stream, fixture.line});
    std::vector<std::uint8_t> mulaw(voice.size());
    audio::encode_mulaw(voice, std::span(mulaw));
    std::uint64_t sequence = 1;
    const auto frames = static_cast<std::uint64_t>(minutes) * 3000;
    for (std::uint64_t i = 0; i < frames; ++i) {
        const auto at = (i * 160) % (mulaw.size() - 160);
        call->accept(call::input::Media{stream, ++sequence, std::chrono::milliseconds(i * 20),
                                        call::Track::inbound, std::span(mulaw).subspan(at, 160)});
        if (way.microphone) {
            fixture.microphone->speak(
                std::span(voice).subspan((at + 8000) % (voice.size() - 160), 160),
                fixture.clock.now());
        }
        for (int half = 0; half < 2; ++half) {
            fixture.clock.advance(10ms + std::chrono::microseconds(sequence % 7));
            if (!way.speaker) continue;
            const auto beside_before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
            std::array<float, 480> block{};
            for (const auto& to : fixture.device->lines)
                to->render(block.data(), block.size(), 48000, fixture.clock.now());
            beside += cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - beside_before;
        }
        for (const auto& name : std::exchange(fixture.line->marks, {}))
            call->accept(call::input::MarkEchoed{stream, ++sequence, name});
        fixture.line->samples.clear();
        if (i % 50 != 0) continue;
        fixture.settle();
        // Time goes much faster here than any disk.
        const auto beside_before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
        while (way.captured && !fixture.store->pool().idle()) std::this_thread::sleep_for(100us);
        beside += cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - beside_before;
    }
    call->accept(call::input::StreamClosed{stream, true, "stopped"});
    call::input::StatusReported status;
    status.sid = CallSid{"CA1"};
    status.status = "completed";
    call->accept(status);
    fixture.clock.advance(5s);
    call.reset();
    fixture.settle();
    Cost cost;
    cost.cpu = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - before - beside;
    fixture.store->close();
    cost.cpu_all = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - all_before - beside;
    if (way.captured) {
        const auto entry = fixture.store->find(CallId{"c_bench"});
        if (!entry) std::abort();
        cost.bytes = entry->bytes;
        cost.file = entry->file;
    }
    return cost;
}

struct Again {
    double seconds = 0, cpu = 0;
    std::string hash;
    std::uint64_t differences = 0;
    double media_seconds = 0;
};

Again again(const std::filesystem::path& file) {
    const auto before = std::chrono::steady_clock::now();
    const auto cpu_before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    auto reader = CaptureReader::open(file);
    if (!reader) std::abort();
    Replay replay(std::move(*reader));
    replay.run();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
    for (const auto& one : replay.differences())
        fmt::print(stderr, "{}: {} | {}\n", one.at.count(), one.captured, one.replayed);
    return {took.count(), cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_before, replay.hash(),
            replay.difference_count(), static_cast<double>(replay.at().count()) * 1e-6};
}

}  // namespace

int main(int count, char** words) {
    const int minutes = count > 1 ? std::max(std::atoi(words[1]), 1) : 10;
    log::start({log::Level::error, false, false, {}});
    const auto voice = a_voice();
    const auto one = [&](Way way) {
        CapturedFixture fixture;
        return run(minutes, way, voice, fixture);
    };
    const auto line = [&](std::string_view name, Way way) {
        way.captured = false;
        const auto plain = one(way);
        way.captured = true;
        CapturedFixture fixture;
        const auto captured = run(minutes, way, voice, fixture);
        const auto first = again(captured.file), second = again(captured.file);
        const auto us = [&](double seconds) { return seconds * 1e6 / (minutes * 3000.0); };
        fmt::print(
            "\"{}\": {{\"call_us_per_frame\": {:.2f}, \"captured_us_per_frame\": {:.2f}, "
            "\"captured_all_us_per_frame\": {:.2f}, \"mb_per_minute\": {:.3f}, "
            "\"replay_s\": [{:.2f}, {:.2f}], \"replay_cpu_s\": [{:.2f}, {:.2f}], \"call_s\": "
            "{:.0f}, \"same_hash\": {}, "
            "\"differences\": {}}}",
            name, us(plain.cpu), us(captured.cpu), us(captured.cpu_all),
            static_cast<double>(captured.bytes) / 1e6 / minutes, first.seconds, second.seconds,
            first.cpu, second.cpu, first.media_seconds, first.hash == second.hash,
            first.differences + second.differences);
        return first.differences + second.differences == 0 && first.hash == second.hash;
    };
    struct Named {
        std::string_view name;
        Way way;
    };
    constexpr std::array<Named, 4> kWays{{{"one_way", {false, false, false, true}},
                                          {"two_way", {false, true, false, true}},
                                          {"two_way_no_speaker", {false, true, false, false}},
                                          {"microphone", {false, false, true, true}}}};
    bool good = true;
    std::string_view between = "{";
    for (const auto& [name, way] : kWays) {
        if (count > 2 && words[2] != name) continue;
        fmt::print("{}", std::exchange(between, ",\n "));
        good &= line(name, way);
    }
    fmt::print("}}\n");
    log::stop();
    return good ? 0 : 1;
}
