// What a replayed call uses: nothing here does anything by itself; it answers what was answered.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "capture/replay_stage.hpp"
#include "capture/sound_code.hpp"

namespace bridge::capture {

/// One of each kind, for one call. They keep the stage, which outlives them.
struct Replay::Services {
    class Line final : public call::PhoneLine {
    public:
        Line(Replay::Stage& stage, std::uint64_t stream, StreamSid sid, bool can_send)
            : stage_(stage), stream_(stream), sid_(std::move(sid)), can_send_(can_send) {}
        const StreamSid& stream_sid() const override { return sid_; }
        bool can_send() const override { return can_send_ && !stage_.stopped(stream_); }
        bool send(std::span<const audio::AudioFrame> frames) override {
            const auto taken = stage_.taken<note::Sent>();
            stage_.call_out();
            std::uint32_t hash = 0;
            for (const auto& frame : frames) hash = sound_hash(frame.pcm, hash);
            stage_.output(note::Sent{frames.size(), hash, taken}, frames);
            return taken;
        }
        bool mark(std::string_view name) override {
            const auto taken = stage_.taken<note::Marked>();
            stage_.call_out();
            stage_.output(note::Marked{std::string(name), taken});
            return taken;
        }
        bool clear() override {
            const auto taken = stage_.taken<note::Cleared>();
            stage_.call_out();
            stage_.output(note::Cleared{taken});
            return taken;
        }
        void close() override {
            can_send_ = false;
            stage_.output(note::Closed{});
            stage_.call_out();
        }

    private:
        Replay::Stage& stage_;
        const std::uint64_t stream_;
        const StreamSid sid_;
        bool can_send_;
    };

    class Source final : public audio::SampleSource {
    public:
        Source(Replay::Stage& stage, std::uint64_t number) : stage_(stage), number_(number) {}
        std::size_t read(std::span<std::int16_t> out) override {
            const auto* given = stage_.told<note::SourceRead>(
                [&](const auto& one) { return one.source == number_; });
            if (!given) return 0;
            const auto count = std::min(out.size(), given->samples.size());
            std::copy_n(given->samples.begin(), count, out.begin());
            return count;
        }

    private:
        Replay::Stage& stage_;
        const std::uint64_t number_;
    };

    class Speaker final : public audio::AudioDevice {
    public:
        explicit Speaker(Replay::Stage& stage) : stage_(stage) {}
        std::string name() const override { return "replay"; }
        Result<> start() override { return {}; }
        void stop() override {}
        bool attach(std::shared_ptr<audio::SpeakerLine> line) override {
            if (!stage_.answer(Service::speaker)) return false;
            line->prepare(48000);
            stage_.keep_line(std::move(line));
            return true;
        }
        void detach(const std::shared_ptr<audio::SpeakerLine>&) override { stage_.drop_line(); }
        audio::DeviceStats stats() const override { return stage_.device_stats(); }

    private:
        Replay::Stage& stage_;
    };

    class Microphone final : public audio::Microphone {
    public:
        explicit Microphone(std::shared_ptr<const audio::MicTrack> track)
            : track_(std::move(track)) {}
        std::string name() const override { return "replay"; }
        void attach(std::shared_ptr<audio::MicLine> line) override { line->follow(track_); }
        void detach(const std::shared_ptr<audio::MicLine>& line) override { line->leave(); }
        audio::MicStats stats() const override { return {}; }

    private:
        const std::shared_ptr<const audio::MicTrack> track_;
    };

    class Recording final : public call::CallRecording {
    public:
        explicit Recording(std::string file) : file_(std::move(file)) {}
        const std::string& file() const override { return file_; }
        void pause(std::uint64_t) override {}
        void resume(std::uint64_t) override {}
        void far_end(std::uint64_t, std::span<const std::int16_t>) override {}
        void near_end(std::uint64_t, std::span<const std::int16_t>) override {}
        void near_known(std::uint64_t) override {}

    private:
        const std::string file_;
    };

    class Recordings final : public call::RecordingShelf {
    public:
        explicit Recordings(Replay::Stage& stage) : stage_(stage) {}
        Result<std::shared_ptr<call::CallRecording>> begin(
            const CallId&, std::uint64_t, boost::asio::any_io_executor,
            std::function<void(std::string)>) override {
            auto file = stage_.answer(Service::recording);
            if (!file) return tl::unexpected(file.error());
            return std::make_shared<Recording>(std::move(*file));
        }
        audio::Samples notice(std::optional<call::RecordingNotice>) const override {
            const auto* stock = stage_.told<note::Stocked>(
                [](const auto& one) { return one.what == Stock::recording_notice; });
            return stock ? stock->samples : nullptr;
        }

    private:
        Replay::Stage& stage_;
    };

    class Transcript final : public call::Transcription {
        void far_end(std::uint64_t, std::span<const std::int16_t>) override {}
        void near_end(std::uint64_t, std::span<const std::int16_t>) override {}
        void near_known(std::uint64_t) override {}
    };

    class Transcribers final : public call::TranscriberShelf {
    public:
        explicit Transcribers(Replay::Stage& stage) : stage_(stage) {}
        Result<std::shared_ptr<call::Transcription>> begin(
            const CallId&, boost::asio::any_io_executor,
            std::function<void(call::TranscriptNews)>) override {
            const auto begun = stage_.answer(Service::transcript);
            if (!begun) return tl::unexpected(begun.error());
            return std::make_shared<Transcript>();
        }

    private:
        Replay::Stage& stage_;
    };

    class Message final : public call::VoicemailMessage {
    public:
        explicit Message(std::string file) : file_(std::move(file)) {}
        const std::string& file() const override { return file_; }
        void write(const audio::AudioFrame&) override {}

    private:
        const std::string file_;
    };

    class Box final : public call::VoicemailBox {
    public:
        explicit Box(Replay::Stage& stage) : stage_(stage) {}
        audio::Samples greeting() const override {
            const auto* stock = stage_.stocked(Stock::greeting);
            return stock ? stock->samples : nullptr;
        }
        std::chrono::seconds limit() const override {
            const auto* stock = stage_.stocked(Stock::greeting);
            return stock ? stock->limit : std::chrono::seconds(120);
        }
        Result<std::shared_ptr<call::VoicemailMessage>> begin(const CallId&) override {
            auto file = stage_.answer(Service::voicemail);
            if (!file) return tl::unexpected(file.error());
            return std::make_shared<Message>(std::move(*file));
        }

    private:
        Replay::Stage& stage_;
    };

    class Messages final : public call::MessageBox {
    public:
        explicit Messages(Replay::Stage& stage) : stage_(stage) {}
        void keep(call::TakenMessage, boost::asio::any_io_executor,
                  std::function<void(Result<std::string>)> done) override {
            stage_.add_message(std::move(done));
            stage_.call_out();
        }

    private:
        Replay::Stage& stage_;
    };

    class Tools final : public call::AgentTools {
    public:
        explicit Tools(Replay::Stage& stage) : stage_(stage) {}
        const std::vector<call::ToolSpec>& specs() const override { return specs_; }
        void run(const call::ToolCall&, call::ToolContext context,
                 std::function<void(call::ToolResult)> done) override {
            stage_.add_run(std::move(context), std::move(done));
            stage_.call_out();
        }

    private:
        Replay::Stage& stage_;
        const std::vector<call::ToolSpec> specs_;
    };

    class Agent final : public call::Agent {
    public:
        Agent(Replay::Stage& stage, const note::AgentMade& made)
            : stage_(stage), kind_(made.kind), decides_(made.decides_interruptions) {}
        void start(const call::AgentCall&, Ear) override { called("start"); }
        void answered(const call::AgentCall&) override { called("answered"); }
        void write(const audio::AudioFrame&) override { stage_.call_out(); }
        void interrupted(call::UtteranceId utterance, const call::Heard& heard) override {
            called("interrupted", describe_heard(utterance, heard));
        }
        void spoken(call::UtteranceId utterance, const call::Heard& heard) override {
            called("spoken", describe_heard(utterance, heard));
        }
        void dtmf(char digit) override { called("dtmf", std::string(1, digit)); }
        void tool_result(const call::ToolResult& result) override {
            called("tool-result", result.id);
        }
        void context(std::string_view text) override { called("context", std::string(text)); }
        void taken_over(bool on) override { called("taken-over", on ? "on" : "off"); }
        void on_hold(bool on) override { called("on-hold", on ? "on" : "off"); }
        void stop() override {
            if (stage_.playing()) called("stop");
        }
        bool decides_interruptions() const override { return decides_; }
        std::string_view kind() const override { return kind_; }

    private:
        void called(std::string what, std::string detail = {}) {
            stage_.output(note::AgentCalled{std::move(what), std::move(detail)});
            stage_.call_out();
        }
        Replay::Stage& stage_;
        const std::string kind_;
        const bool decides_;
    };

    class Agents final : public call::AgentShelf {
    public:
        explicit Agents(Replay::Stage& stage) : stage_(stage) {}
        Result<std::shared_ptr<call::Agent>> agent(const std::string&,
                                                   const call::AgentHome&) override {
            const auto* made = stage_.told<note::AgentMade>([](const auto&) { return true; });
            if (!made) return fail(Errc::not_found, "the capture has no agent here");
            if (!made->made) return tl::unexpected(made->made.error());
            return std::make_shared<Agent>(stage_, *made);
        }
        std::shared_ptr<call::AgentTools> tools(const call::AgentHome&) override {
            return stage_.next_agent_has_tools() ? std::make_shared<Tools>(stage_) : nullptr;
        }

    private:
        Replay::Stage& stage_;
    };

    class Carrier final : public call::Carrier {
        template <class T>
        using Awaitable = boost::asio::awaitable<T>;
        static tl::unexpected<Error> nobody() {
            return fail(Errc::internal, "a replay reaches no carrier");
        }
        Awaitable<tl::expected<call::PlacedCall, call::PlaceFailure>> place_call(
            call::PlaceCall) override {
            co_return tl::unexpected(call::PlaceFailure{nobody().value(), false, 0, 0});
        }
        Awaitable<Result<>> hang_up(CallSid) override { co_return nobody(); }
        Awaitable<Result<>> play_digits(call::CallRef, std::string) override { co_return nobody(); }
        Awaitable<Result<>> transfer(call::CallRef, call::TransferOrder) override {
            co_return nobody();
        }
        Awaitable<Result<>> join_conference(call::CallRef, std::string) override {
            co_return nobody();
        }
        Awaitable<Result<>> reconnect(call::CallRef) override { co_return nobody(); }
        Awaitable<Result<call::CarrierCall>> fetch(CallSid) override { co_return nobody(); }
        Awaitable<Result<std::vector<call::CarrierCall>>> created_calls(
            call::CreatedCalls) override {
            co_return nobody();
        }
    };

    class Guest final : public call::Guest {
        void write(const audio::AudioFrame&) override {}
        void held(bool) override {}
        void talks(bool) override {}
        void over(const std::string&) override {}
    };
};

void Replay::Stage::play_input(HeldInput& held) {
    if (!call_) return;
    std::unique_ptr<audio::SampleSource> source;
    if (auto* started = std::get_if<input::StreamStarted>(&held.input)) {
        started->line = std::make_shared<Services::Line>(*this, started->stream, held.stream_sid,
                                                         held.can_send);
    } else if (const auto* stopped = std::get_if<input::StreamStopped>(&held.input)) {
        stopped_.insert(stopped->stream);
    } else if (auto* joins = std::get_if<input::GuestJoins>(&held.input)) {
        joins->guest = std::make_shared<Services::Guest>();
    } else if (auto* speech = std::get_if<input::AgentSpeech>(&held.input);
               speech && speech->kind == input::AgentSpeech::Kind::source) {
        source = std::make_unique<Services::Source>(*this, held.source);
        speech->source = &source;
    }
    call_->accept(held.input);
}

std::shared_ptr<call::CallCapture> Replay::Stage::begin(const call::CallSpec&,
                                                        call::CallServices&) {
    return self_;
}

Result<std::string> Replay::Stage::answer(Service service) {
    const auto* answered =
        told<note::Answered>([&](const auto& one) { return one.service == service; });
    if (answered) return answered->answer;
    differ({}, fmt::format("service {} was asked", static_cast<int>(service)));
    return std::string();
}

audio::DeviceStats Replay::Stage::device_stats() const {
    for (const auto& record : turn_) {
        const auto* held = std::get_if<HeldInput>(&record.what);
        const auto* report = held ? std::get_if<input::SpeakerReport>(&held->input) : nullptr;
        if (report) return report->device;
    }
    return {};
}

const note::Stocked* Replay::Stage::stocked(Stock what) const {
    const auto found = std::find_if(stock_.begin(), stock_.end(),
                                    [&](const auto& one) { return one.what == what; });
    return found == stock_.end() ? nullptr : &*found;
}

bool Replay::Stage::next_agent_has_tools() const {
    for (std::size_t at = 0; at < turn_.size(); ++at) {
        if (const auto* made = std::get_if<note::AgentMade>(&turn_[at].what); made && !used_[at])
            return made->tools;
    }
    return false;
}

call::CallServices Replay::Stage::services() {
    const auto& opening = capture_.opening();
    const auto when = [&](bool there, auto make) -> decltype(make()) {
        return there ? make() : nullptr;
    };
    const audio::PlayoutOptions playout{opening.playout_ceiling};
    call::CallServices services{
        clock_,
        never_->get_executor(),
        bus_,
        when(opening.carrier, [] { return std::make_shared<Services::Carrier>(); }),
        when(opening.speaker, [&] { return std::make_shared<Services::Speaker>(*this); }),
        playout};
    services.seed = opening.seed;
    services.outbound = opening.outbound;
    services.agent_care = opening.care;
    services.microphone = when(
        opening.microphone, [this] { return std::make_shared<Services::Microphone>(mic_track_); });
    services.voicemail =
        when(opening.voicemail, [&] { return std::make_shared<Services::Box>(*this); });
    services.agents =
        when(opening.agents, [&] { return std::make_shared<Services::Agents>(*this); });
    services.messages =
        when(opening.messages, [&] { return std::make_shared<Services::Messages>(*this); });
    services.recordings =
        when(opening.recordings, [&] { return std::make_shared<Services::Recordings>(*this); });
    services.transcribers =
        when(opening.transcribers, [&] { return std::make_shared<Services::Transcribers>(*this); });
    if (opening.policy) {
        services.may_transfer = [this](const std::string&) -> Result<> {
            auto allowed = answer(Service::transfer);
            if (!allowed) return tl::unexpected(allowed.error());
            return {};
        };
    }
    if (const auto* music = stocked(Stock::hold_music)) services.hold_music = music->samples;
    services.captures = std::static_pointer_cast<call::CaptureShelf>(self_);
    services.wall = [this, began = opening.wall_us] {
        const auto since = std::chrono::duration_cast<Micros>(clock_.now() - began_);
        return std::chrono::system_clock::time_point(Micros(began) + since);
    };
    return services;
}

}  // namespace bridge::capture
