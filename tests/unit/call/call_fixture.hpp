#pragma once
// A call with nothing real around it: a clock that stands still, a carrier that answers what the
// test says, a phone line that remembers what it was sent.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "call/call.hpp"
#include "tests/unit/call/memory_journal.hpp"

namespace bridge::call {

/// Answers each request with the next prepared outcome, or else with success.
class ScriptedCarrier final : public Carrier {
public:
    boost::asio::awaitable<tl::expected<PlacedCall, PlaceFailure>> place_call(
        PlaceCall request) override {
        placed.push_back(std::move(request));
        if (on_place) on_place();
        if (!place_outcome) co_return PlacedCall{CallSid{"CA1"}, "queued"};
        co_return *place_outcome;
    }
    boost::asio::awaitable<Result<>> hang_up(CallSid call) override {
        hung_up.push_back(call.str());
        co_return hang_up_outcome;
    }
    boost::asio::awaitable<Result<>> play_digits(CallRef call, std::string digits) override {
        if (on_instruct) on_instruct();
        instructed.push_back("digits " + digits + " " + call.sid.str());
        co_return instruction_outcome;
    }
    boost::asio::awaitable<Result<>> transfer(CallRef call, TransferOrder order) override {
        if (on_instruct) on_instruct();
        instructed.push_back("transfer " + order.to + " " + call.sid.str());
        co_return instruction_outcome;
    }
    boost::asio::awaitable<Result<>> join_conference(CallRef call, std::string room) override {
        if (on_instruct) on_instruct();
        instructed.push_back("conference " + room + " " + call.sid.str());
        co_return instruction_outcome;
    }
    boost::asio::awaitable<Result<>> reconnect(CallRef call) override {
        instructed.push_back("stream " + call.sid.str());
        co_return instruction_outcome;
    }
    boost::asio::awaitable<Result<CarrierCall>> fetch(CallSid call) override {
        fetched.push_back(call.str());
        CarrierCall seen;
        seen.sid = call;
        seen.status = fetch_status;
        co_return seen;
    }

    boost::asio::awaitable<Result<std::vector<CarrierCall>>> created_calls(
        CreatedCalls wanted) override {
        looked_for.push_back(std::move(wanted));
        co_return listed;
    }

    std::optional<tl::expected<PlacedCall, PlaceFailure>> place_outcome;
    Result<std::vector<CarrierCall>> listed;
    std::function<void()> on_place, on_instruct;
    std::vector<CreatedCalls> looked_for;
    Result<> hang_up_outcome, instruction_outcome;
    std::vector<std::string> instructed;
    std::string fetch_status = "completed";
    std::vector<PlaceCall> placed;
    std::vector<std::string> hung_up, fetched;
};

class ScriptedLine final : public PhoneLine {
public:
    const StreamSid& stream_sid() const override { return sid_; }
    bool can_send() const override { return !stopped && !closed; }
    bool send(std::span<const audio::AudioFrame> frames) override {
        if (refuses) return false;
        sent += frames.size();
        for (const auto& frame : frames)
            samples.insert(samples.end(), frame.pcm.begin(), frame.pcm.end());
        return true;
    }
    bool mark(std::string_view name) override {
        marks.emplace_back(name);
        return true;
    }
    bool clear() override {
        ++clears;
        return true;
    }
    void close() override { closed = true; }

    std::size_t sent = 0;  ///< frames
    std::vector<std::int16_t> samples;
    std::vector<std::string> marks;
    int clears = 0;
    bool closed = false;
    bool refuses = false;  ///< its socket takes nothing
    bool stopped = false;  ///< by the carrier

private:
    StreamSid sid_{"MZ1"};
};

/// A microphone that brings what the test speaks.
class HandMicrophone final : public audio::Microphone {
public:
    std::string name() const override { return "hand"; }
    void attach(std::shared_ptr<audio::MicLine> line) override {
        line->follow(track_);
        lines.push_back(std::move(line));
    }
    void detach(const std::shared_ptr<audio::MicLine>& line) override {
        line->leave();
        std::erase(lines, line);
    }
    audio::MicStats stats() const override { return {}; }

    void speak(std::size_t samples, std::int16_t value, Clock::Time now) {
        speak(std::vector<std::int16_t>(samples, value), now);
    }
    void speak(std::span<const std::int16_t> samples, Clock::Time now) {
        track_->write(samples, now);
    }

    std::vector<std::shared_ptr<audio::MicLine>> lines;

private:
    const std::shared_ptr<audio::MicTrack> track_ = std::make_shared<audio::MicTrack>();
};

/// A device that holds its lines and plays them when the test says so.
class HandDevice final : public audio::AudioDevice {
public:
    std::string name() const override { return "hand"; }
    Result<> start() override { return {}; }
    void stop() override {}
    bool attach(std::shared_ptr<audio::SpeakerLine> line) override {
        line->prepare(8000);
        lines.push_back(std::move(line));
        return true;
    }
    void detach(const std::shared_ptr<audio::SpeakerLine>& line) override {
        std::erase(lines, line);
    }
    audio::DeviceStats stats() const override { return {}; }

    /// 10 ms for every line.
    void play(Clock::Time now) {
        for (const auto& line : lines) {
            std::array<float, 80> block{};
            line->render(block.data(), block.size(), 8000, now);
            for (const auto sample : block) loudest = std::max(loudest, std::abs(sample));
        }
    }

    std::vector<std::shared_ptr<audio::SpeakerLine>> lines;
    float loudest = 0;
};

struct CallFixture {
    explicit CallFixture(CallSpec spec = outbound(), std::shared_ptr<VoicemailBox> box = {},
                         std::shared_ptr<AgentShelf> agents = {}, AgentCare care = {},
                         std::shared_ptr<RecordingShelf> recordings = {}) {
        subscription = bus.subscribe(
            loop.get_executor(), 1000,
            [this](const CallEvent& event, std::uint64_t) { events.push_back(event); });
        CallServices services{clock, loop.get_executor(), bus, carrier, device, {}, journal};
        services.microphone = microphone;
        services.voicemail = std::move(box);
        services.agents = std::move(agents);
        services.agent_care = std::move(care);
        services.recordings = std::move(recordings);
        services.may_transfer = [this](const std::string& to) -> Result<> {
            if (forbidden.empty()) return {};
            return fail(Errc::refused, to + forbidden);
        };
        services.named = [this](const CallId&, const CallSid& sid) { named.push_back(sid.str()); };
        services.ended = [this](const CallId&) { ++ended; };
        call = Call::make(std::move(spec), std::move(services));
    }

    static CallSpec outbound() {
        CallSpec spec;
        spec.to = "+15551234567";
        spec.from = "+15005550006";
        return spec;
    }

    /// Runs what coroutines and subscribers have waiting.
    void settle() {
        loop.restart();
        loop.poll();
    }
    void accept(const CallInput& input) {
        call->accept(input);
        settle();
    }
    void advance(std::chrono::milliseconds by) {
        // In steps, as an io thread would see it: what a timer starts may arm the next one.
        for (auto left = by; left.count() > 0;
             left -= std::min(left, std::chrono::milliseconds(10))) {
            clock.advance(std::min(left, std::chrono::milliseconds(10)));
            device->play(clock.now());
            settle();
        }
    }
    void status(std::string word, std::uint64_t sequence = 0) {
        input::StatusReported report;
        report.sid = CallSid{"CA1"};
        report.status = std::move(word);
        report.sequence = sequence;
        accept(report);
    }
    void voice() { accept(input::VoiceRequested{CallSid{"CA1"}, "+1", "+2", "in-progress", ""}); }
    /// A call that was dialled, answered, and has a stream.
    std::uint64_t talk() {
        accept(input::Dial{});
        voice();
        return start_stream();
    }
    /// The far end has played what it was sent.
    void echo_marks(std::uint64_t stream) {
        for (const auto& name : std::exchange(line->marks, {}))
            accept(input::MarkEchoed{stream, ++echoed, name});
    }
    std::uint64_t start_stream() {
        const auto number = call->open_stream();
        line->stopped = line->closed = false;  // it is a new one
        accept(input::StreamStarted{number, line});
        return number;
    }
    void media(std::uint64_t stream, std::uint64_t sequence, std::int64_t timestamp,
               std::size_t bytes = 160, std::uint8_t value = 0xAA) {
        const std::vector<std::uint8_t> mulaw(bytes, value);
        accept(input::Media{stream, sequence, std::chrono::milliseconds(timestamp), Track::inbound,
                            mulaw});
    }
    template <class What>
    std::vector<What> all() const {
        std::vector<What> out;
        for (const auto& event : events) {
            if (const auto* what = std::get_if<What>(&event.what)) out.push_back(*what);
        }
        return out;
    }

    boost::asio::io_context loop;
    VirtualClock clock;
    EventBus bus;
    std::shared_ptr<ScriptedCarrier> carrier = std::make_shared<ScriptedCarrier>();
    std::shared_ptr<MemoryJournal> journal = std::make_shared<MemoryJournal>();
    std::shared_ptr<HandDevice> device = std::make_shared<HandDevice>();
    std::shared_ptr<HandMicrophone> microphone = std::make_shared<HandMicrophone>();
    std::shared_ptr<ScriptedLine> line = std::make_shared<ScriptedLine>();
    std::shared_ptr<EventBus::Subscription> subscription;
    std::vector<CallEvent> events;
    std::vector<std::string> named;
    std::string forbidden;  ///< why nobody is to be called; empty: anybody may
    int ended = 0;
    std::uint64_t echoed = 100'000;  ///< sequence number of the last echo
    std::shared_ptr<Call> call;
};

}  // namespace bridge::call
