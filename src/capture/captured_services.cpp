// What a captured call uses, with a record of what it was told.

#include <utility>

#include "capture/captured_call.hpp"

namespace bridge::capture {

namespace {

using Call = std::shared_ptr<CapturedCall>;
using CallOut = CapturedCall::CallOut;

class WatchedLine final : public call::PhoneLine {
public:
    WatchedLine(Call call, std::shared_ptr<call::PhoneLine> line)
        : call_(std::move(call)), line_(std::move(line)) {
        call_->touches(this);
    }
    const StreamSid& stream_sid() const override { return line_->stream_sid(); }
    bool can_send() const override { return line_->can_send(); }
    bool send(std::span<const audio::AudioFrame> frames) override {
        const CallOut out(*call_);
        const auto taken = line_->send(frames);
        call_->sent(frames, taken);
        return taken;
    }
    bool mark(std::string_view name) override {
        const CallOut out(*call_);
        const auto taken = line_->mark(name);
        call_->note(note::Marked{std::string(name), taken});
        return taken;
    }
    bool clear() override {
        const CallOut out(*call_);
        const auto taken = line_->clear();
        call_->note(note::Cleared{taken});
        return taken;
    }
    void close() override {
        const CallOut out(*call_);
        call_->note(note::Closed{});
        line_->close();
    }

private:
    const Call call_;
    const std::shared_ptr<call::PhoneLine> line_;
};

class WatchedSource final : public audio::SampleSource {
public:
    WatchedSource(Call call, std::uint64_t number, std::unique_ptr<audio::SampleSource> source)
        : call_(std::move(call)), number_(number), source_(std::move(source)) {}
    std::size_t read(std::span<std::int16_t> out) override {
        const auto got = source_->read(out);
        const auto samples = out.first(got);
        call_->note(note::SourceRead{number_, {samples.begin(), samples.end()}});
        return got;
    }

private:
    const Call call_;
    const std::uint64_t number_;
    const std::unique_ptr<audio::SampleSource> source_;
};

class WatchedSpeaker final : public audio::AudioDevice {
public:
    WatchedSpeaker(Call call, std::shared_ptr<audio::AudioDevice> device)
        : call_(std::move(call)), device_(std::move(device)) {}
    std::string name() const override { return device_->name(); }
    Result<> start() override { return device_->start(); }
    void stop() override { device_->stop(); }
    bool attach(std::shared_ptr<audio::SpeakerLine> line) override {
        const bool attached = device_->attach(std::move(line));
        note::Answered answer{Service::speaker, std::string()};
        if (!attached) answer.answer = fail(Errc::refused, "all places are taken");
        call_->note(answer);
        return attached;
    }
    void detach(const std::shared_ptr<audio::SpeakerLine>& line) override { device_->detach(line); }
    audio::DeviceStats stats() const override { return device_->stats(); }

private:
    const Call call_;
    const std::shared_ptr<audio::AudioDevice> device_;
};

template <class T>
note::Answered answered(Service service, const Result<std::shared_ptr<T>>& begun) {
    note::Answered answer{service, std::string()};
    if (!begun) {
        answer.answer = tl::unexpected(begun.error());
    } else if constexpr (requires { (*begun)->file(); }) {
        answer.answer = (*begun)->file();
    }
    return answer;
}

class WatchedRecordings final : public call::RecordingShelf {
public:
    WatchedRecordings(Call call, std::shared_ptr<call::RecordingShelf> shelf)
        : call_(std::move(call)), shelf_(std::move(shelf)) {}
    Result<std::shared_ptr<call::CallRecording>> begin(
        const CallId& call, std::uint64_t at, boost::asio::any_io_executor executor,
        std::function<void(std::string)> broke) override {
        auto begun = shelf_->begin(call, at, std::move(executor), std::move(broke));
        call_->note(answered(Service::recording, begun));
        return begun;
    }
    audio::Samples notice(std::optional<call::RecordingNotice> wanted) const override {
        auto samples = shelf_->notice(wanted);
        call_->note(note::Stocked{Stock::recording_notice, samples, {}});
        return samples;
    }

private:
    const Call call_;
    const std::shared_ptr<call::RecordingShelf> shelf_;
};

class WatchedTranscribers final : public call::TranscriberShelf {
public:
    WatchedTranscribers(Call call, std::shared_ptr<call::TranscriberShelf> shelf)
        : call_(std::move(call)), shelf_(std::move(shelf)) {}
    Result<std::shared_ptr<call::Transcription>> begin(
        const CallId& call, boost::asio::any_io_executor executor,
        std::function<void(call::TranscriptNews)> told) override {
        auto begun = shelf_->begin(call, std::move(executor), std::move(told));
        call_->note(answered(Service::transcript, begun));
        return begun;
    }

private:
    const Call call_;
    const std::shared_ptr<call::TranscriberShelf> shelf_;
};

class WatchedBox final : public call::VoicemailBox {
public:
    WatchedBox(Call call, std::shared_ptr<call::VoicemailBox> box)
        : call_(std::move(call)), box_(std::move(box)) {}
    audio::Samples greeting() const override {
        auto samples = box_->greeting();
        call_->note(note::Stocked{Stock::greeting, samples, box_->limit()});
        return samples;
    }
    std::chrono::seconds limit() const override { return box_->limit(); }
    Result<std::shared_ptr<call::VoicemailMessage>> begin(const CallId& call) override {
        auto begun = box_->begin(call);
        call_->note(answered(Service::voicemail, begun));
        return begun;
    }

private:
    const Call call_;
    const std::shared_ptr<call::VoicemailBox> box_;
};

class WatchedMessages final : public call::MessageBox {
public:
    WatchedMessages(Call call, std::shared_ptr<call::MessageBox> box)
        : call_(std::move(call)), box_(std::move(box)) {}
    void keep(call::TakenMessage message, boost::asio::any_io_executor executor,
              std::function<void(Result<std::string>)> done) override {
        const CallOut out(*call_);
        box_->keep(std::move(message), std::move(executor),
                   [call = call_, number = call_->next_message(),
                    done = std::move(done)](Result<std::string> where) {
                       const call::CallCapture::Turn turn(call.get());
                       call->note(note::MessageKept{number, where});
                       done(std::move(where));
                   });
    }

private:
    const Call call_;
    const std::shared_ptr<call::MessageBox> box_;
};

// --- agents

class WatchedTools final : public call::AgentTools {
public:
    WatchedTools(Call call, std::shared_ptr<call::AgentTools> tools)
        : call_(std::move(call)), tools_(std::move(tools)) {}
    const std::vector<call::ToolSpec>& specs() const override { return tools_->specs(); }
    void run(const call::ToolCall& tool, call::ToolContext context,
             std::function<void(call::ToolResult)> done) override {
        const auto run = call_->next_run();
        if (context.act) context.act = watched(run, std::move(context.act));
        const CallOut out(*call_);
        tools_->run(tool, std::move(context),
                    [call = call_, run, done = std::move(done)](call::ToolResult result) {
                        const call::CallCapture::Turn turn(call.get());
                        call->note(note::ToolDone{run, result});
                        done(std::move(result));
                    });
    }

private:
    using Act = std::function<void(call::ToolAction, std::function<void(Result<std::string>)>)>;
    Act watched(std::uint64_t run, Act act) {
        return [call = call_, run, act = std::move(act)](
                   call::ToolAction action, std::function<void(Result<std::string>)> done) {
            const call::CallCapture::Turn turn(call.get());
            call->note(note::ToolActed{run, action});
            const auto* hold = std::get_if<call::tool::Hold>(&action);
            if (hold && hold->on) call->stock_music();
            act(std::move(action), [call, done = std::move(done)](Result<std::string> answer) {
                const CallOut out(*call);
                done(std::move(answer));
            });
        };
    }
    const Call call_;
    const std::shared_ptr<call::AgentTools> tools_;
};

class WatchedAgent final : public call::Agent {
public:
    WatchedAgent(Call call, std::shared_ptr<call::Agent> agent)
        : call_(std::move(call)), agent_(std::move(agent)) {
        call_->touches(this);
    }

    void start(const call::AgentCall& about, Ear with) override {
        called("start");
        const CallOut out(*call_);
        agent_->start(about, std::move(with));
    }
    void answered(const call::AgentCall& about) override {
        called("answered");
        const CallOut out(*call_);
        agent_->answered(about);
    }
    void write(const audio::AudioFrame& frame) override {
        const CallOut out(*call_);
        agent_->write(frame);
    }
    void interrupted(call::UtteranceId utterance, const call::Heard& heard) override {
        called("interrupted", describe_heard(utterance, heard));
        const CallOut out(*call_);
        agent_->interrupted(utterance, heard);
    }
    void spoken(call::UtteranceId utterance, const call::Heard& heard) override {
        called("spoken", describe_heard(utterance, heard));
        const CallOut out(*call_);
        agent_->spoken(utterance, heard);
    }
    void dtmf(char digit) override {
        called("dtmf", std::string(1, digit));
        const CallOut out(*call_);
        agent_->dtmf(digit);
    }
    void tool_result(const call::ToolResult& result) override {
        called("tool-result", result.id);
        const CallOut out(*call_);
        agent_->tool_result(result);
    }
    void context(std::string_view text) override {
        called("context", std::string(text));
        const CallOut out(*call_);
        agent_->context(text);
    }
    void taken_over(bool on) override {
        called("taken-over", on ? "on" : "off");
        const CallOut out(*call_);
        agent_->taken_over(on);
    }
    void on_hold(bool on) override {
        called("on-hold", on ? "on" : "off");
        const CallOut out(*call_);
        agent_->on_hold(on);
    }
    void stop() override {
        called("stop");
        const CallOut out(*call_);
        agent_->stop();
    }
    bool decides_interruptions() const override { return agent_->decides_interruptions(); }
    std::string_view kind() const override { return agent_->kind(); }

private:
    /// Once the call has let go of it nobody will ask.
    void called(std::string what, std::string detail = {}) {
        if (call_->in_turn()) call_->note(note::AgentCalled{std::move(what), std::move(detail)});
    }
    const Call call_;
    const std::shared_ptr<call::Agent> agent_;
};

class WatchedAgents final : public call::AgentShelf {
public:
    WatchedAgents(Call call, std::shared_ptr<call::AgentShelf> shelf)
        : call_(std::move(call)), shelf_(std::move(shelf)) {}
    Result<std::shared_ptr<call::Agent>> agent(const std::string& name,
                                               const call::AgentHome& home) override {
        auto made = shelf_->agent(name, at_home(home));
        note::AgentMade what;
        if (made) {
            what.decides_interruptions = (*made)->decides_interruptions();
            what.kind = (*made)->kind();
            what.tools = home.tools != nullptr;
            made = std::make_shared<WatchedAgent>(call_, std::move(*made));
        } else {
            what.made = tl::unexpected(made.error());
        }
        call_->note(what);
        return made;
    }
    std::shared_ptr<call::AgentTools> tools(const call::AgentHome& home) override {
        auto tools = shelf_->tools(at_home(home));
        if (!tools) return nullptr;
        return std::make_shared<WatchedTools>(call_, std::move(tools));
    }

private:
    /// An agent's own timers are none of the call's.
    call::AgentHome at_home(const call::AgentHome& home) const {
        return {home.call, home.executor, call_->real_clock(), home.seed, home.tools};
    }
    const Call call_;
    const std::shared_ptr<call::AgentShelf> shelf_;
};

template <class Watched, class T>
void watch(const Call& call, std::shared_ptr<T>& service) {
    if (service) service = std::make_shared<Watched>(call, std::move(service));
}

}  // namespace

std::shared_ptr<call::PhoneLine> CapturedCall::line(std::shared_ptr<call::PhoneLine> line) {
    return std::make_shared<WatchedLine>(shared_from_this(), std::move(line));
}

std::uint64_t CapturedCall::watch_source(std::unique_ptr<audio::SampleSource>& source) {
    const auto number = ++sources_;
    source = std::make_unique<WatchedSource>(shared_from_this(), number, std::move(source));
    return number;
}

void CapturedCall::replace(call::CallServices& services) {
    const auto self = shared_from_this();
    services.clock = call::ClockRef(turn_clock());
    music_ = services.hold_music;
    watch<WatchedSpeaker>(self, services.speaker);
    watch<WatchedRecordings>(self, services.recordings);
    watch<WatchedTranscribers>(self, services.transcribers);
    watch<WatchedBox>(self, services.voicemail);
    watch<WatchedMessages>(self, services.messages);
    watch<WatchedAgents>(self, services.agents);
    if (services.may_transfer) {
        services.may_transfer = [self,
                                 ask = std::move(services.may_transfer)](const std::string& to) {
            auto answer = ask(to);
            note::Answered told{Service::transfer, std::string()};
            if (!answer) told.answer = tl::unexpected(answer.error());
            self->note(told);
            return answer;
        };
    }
}

}  // namespace bridge::capture
