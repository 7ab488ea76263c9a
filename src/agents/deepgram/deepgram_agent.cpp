#include "agents/deepgram/deepgram_agent.hpp"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "audio/mulaw.hpp"
#include "net/wire_text.hpp"

namespace bridge::agents {

using call::AgentEnd;
using call::Speaker;
using std::chrono::milliseconds;
using How = AgentSocket::End::How;
namespace asio = boost::asio;

namespace {

constexpr milliseconds kCheck{200};
// Sound carries no number; what was on its way when the caller began to speak is here within this.
constexpr milliseconds kLate{1000};
// An error that follows so closely is about the words that were put in.
constexpr milliseconds kInjectionAnswer{2000};
constexpr std::size_t kMostMessageBytes = 4 * 1024 * 1024;
// Prompts of more than 25,000 characters are cut by Deepgram (its warning PROMPT_TOO_LONG).
constexpr std::size_t kNoteBytes = 2000;
constexpr std::size_t kNotes = 8;
constexpr std::size_t kFunctionCalls = 64;  // without a result, at a time

}  // namespace

DeepgramAgent::DeepgramAgent(asio::any_io_executor executor, Clock& clock, DeepgramOptions options,
                             const std::vector<call::ToolSpec>& tools)
    : executor_(std::move(executor)),
      clock_(clock),
      options_(std::move(options)),
      keys_(clock_, [this](const std::string& sentence) { tell_keys(sentence); }) {
    for (const auto& tool : tools) {
        functions_.push_back({tool.name, tool.description, tool.parameters});
    }
}

DeepgramAgent::~DeepgramAgent() {
    stop();
}

void DeepgramAgent::start(const call::AgentCall&, Ear with) {
    let_go();
    events_ = with.events;
    voice_.attach(std::move(with.voice));
    response_cut_ = caller_speaks_ = warned_ = false;
    late_until_ = {};
    asked_.clear();
    state_ = State::connecting;
    net::WebSocketTarget target;
    target.url = options_.url;
    target.headers.add("Authorization", "Token " + options_.key.reveal());
    target.ca_file = options_.ca_file;
    target.message_bytes = kMostMessageBytes;
    target.silence_limit = options_.silence_limit;
    target.ping_interval = options_.silence_limit / 3;
    socket_ = AgentSocket::open(executor_, clock_, "Deepgram Voice Agent",
                                AgentSocket::at(std::move(target)), *this);
}

void DeepgramAgent::opened() {
    state_ = State::configuring;
    sent_ = clock_.now();
    deadline_ = sent_ + options_.ready_time;
    timer_ = clock_.after(kCheck, [this] { tick(); });
}

void DeepgramAgent::received(std::string_view payload, bool text) {
    const auto keep = weak_from_this().lock();
    if (!text) return hear(payload);
    const auto event = deepgram::parse_event(payload);
    if (event) {
        std::visit([this](const auto& one) { on(one); }, *event);
    } else if (!std::exchange(warned_, true)) {
        events_->warning("Deepgram sent a message that is not understood (" +
                         event.error().message + "); it is ignored");
    }
}

void DeepgramAgent::hear(std::string_view mulaw) {
    if (state_ != State::open || response_cut_ || clock_.now() < late_until_) return;
    samples_.resize(mulaw.size());
    for (std::size_t i = 0; i < mulaw.size(); ++i) {
        samples_[i] = audio::decode_mulaw(static_cast<std::uint8_t>(mulaw[i]));
    }
    voice_.write(samples_);
}

void DeepgramAgent::on(const deepgram::event::Welcome&) {
    if (state_ == State::configuring) socket_->send(deepgram::format_settings(settings()));
}

deepgram::Settings DeepgramAgent::settings() const {
    deepgram::Settings out;
    out.language = options_.language;
    out.listen_model = options_.listen_model;
    out.think_provider = options_.think_provider;
    out.think_model = options_.think_model;
    out.temperature = options_.temperature;
    out.prompt = prompt_with_notes();
    out.speak_model = options_.speak_model;
    out.functions = functions_;
    for (const auto& line : talk_.lines()) {
        out.history.push_back({line.speaker == Speaker::caller, line.text});
    }
    // In the middle of a call nobody wants to be greeted again.
    if (talk_.empty()) out.greeting = options_.greeting;
    return out;
}

void DeepgramAgent::on(const deepgram::event::SettingsApplied&) {
    if (state_ != State::configuring) return;
    state_ = State::open;
    events_->ready();
}

void DeepgramAgent::on(const deepgram::event::UserStartedSpeaking&) {
    if (state_ != State::open) return;
    response_cut_ = false;
    late_until_ = clock_.now() + kLate;
    voice_.cut();
    told_caller(true);
    if (state_ == State::open && voice_.unheard()) events_->give_way();
}

void DeepgramAgent::on(const deepgram::event::ConversationText& said) {
    if (state_ != State::open || said.text.empty()) return;
    // A new turn: what comes now is wanted again.
    late_until_ = {};
    if (said.by_user) response_cut_ = false;
    const auto speaker = said.by_user ? Speaker::caller : Speaker::agent;
    talk_.add(speaker, said.text);
    told_caller(false);
    if (state_ != State::open) return;
    const auto utterance = said.by_user || response_cut_ ? 0 : voice_.open();
    events_->text({speaker, said.text, true, utterance});
}

void DeepgramAgent::on(const deepgram::event::AgentAudioDone&) {
    if (state_ != State::open) return;
    response_cut_ = false;
    late_until_ = {};
    voice_.end();
}

void DeepgramAgent::on(const deepgram::event::FunctionCallRequest& request) {
    for (const auto& call : request.calls) {
        if (state_ != State::open) return;
        if (!call.ours) continue;
        if (asked_.size() >= kFunctionCalls || !asked_.emplace(call.id, call.name).second) {
            socket_->send(deepgram::format_function_response(
                call.id, call.name, "too many calls at once, or the same one twice", true));
            continue;
        }
        events_->call_tool({call.id, call.name, call.arguments});
    }
}

void DeepgramAgent::on(const deepgram::event::Failure& failure) {
    const auto said =
        fmt::format("{} ({})", net::quoted(failure.description, options_.key),
                    failure.code.empty() ? "no code" : net::quoted(failure.code, options_.key));
    const bool applied = state_ == State::open;
    if (applied && failure.code == "UNPARSABLE_CLIENT_MESSAGE" &&
        clock_.now() - injected_ < kInjectionAnswer) {
        injects_ = false;
    }
    if (deepgram::fails_again(failure.code, applied)) {
        return finish(AgentEnd::refused, "Deepgram does not accept the agent's settings: " + said +
                                             ". Check the AGENTBRIDGE_DEEPGRAM_… settings.");
    }
    finish(AgentEnd::dropped, "Deepgram ended the session: " + said + ".");
}

void DeepgramAgent::on(const deepgram::event::Warning& warning) {
    events_->warning(fmt::format("Deepgram warns: {} ({})",
                                 net::quoted(warning.description, options_.key),
                                 net::quoted(warning.code, options_.key)));
}

void DeepgramAgent::on(const deepgram::event::InjectionRefused&) {
    events_->warning(
        "Deepgram did not take the keys that the caller pressed: somebody was speaking");
}

void DeepgramAgent::told_caller(bool speaking) {
    if (std::exchange(caller_speaks_, speaking) == speaking) return;
    events_->caller_speaks(speaking);
}

void DeepgramAgent::write(const audio::AudioFrame& frame) {
    if (state_ != State::open) return;
    sent_ = clock_.now();
    audio::encode_mulaw(frame.pcm, mulaw_);
    // Bytes as characters, the one cast that the type system leaves to us.
    socket_->send_binary({reinterpret_cast<const char*>(mulaw_.data()), mulaw_.size()});
}

void DeepgramAgent::interrupted(call::UtteranceId utterance, const call::Heard&) {
    voice_.settle(utterance);
    if (!voice_.is_open() || utterance != voice_.last()) return;
    // Cut off by the call itself: more of the same may be on its way.
    voice_.cut();
    response_cut_ = true;
}

void DeepgramAgent::spoken(call::UtteranceId utterance, const call::Heard&) {
    voice_.settle(utterance);
}

void DeepgramAgent::dtmf(char digit) {
    if (state_ == State::open) keys_.press(digit);
}

void DeepgramAgent::tell_keys(const std::string& sentence) {
    if (state_ != State::open) return;
    if (!injects_) return note(sentence);
    injected_ = clock_.now();
    socket_->send(deepgram::format_user_message(sentence));
}

void DeepgramAgent::tool_result(const call::ToolResult& result) {
    if (state_ != State::open) return;
    const auto asked = asked_.find(result.id);
    if (asked == asked_.end()) return;
    const auto name = std::move(asked->second);
    asked_.erase(asked);
    socket_->send(
        deepgram::format_function_response(result.id, name, result.output, result.failed));
}

void DeepgramAgent::context(std::string_view text) {
    if (state_ == State::open) note(text);
}

void DeepgramAgent::note(std::string_view text) {
    notes_.push_back(net::valid_text(text, kNoteBytes));
    if (notes_.size() > kNotes) notes_.pop_front();
    socket_->send(deepgram::format_prompt(prompt_with_notes()));
}

std::string DeepgramAgent::prompt_with_notes() const {
    auto prompt = options_.prompt;
    if (notes_.empty()) return prompt;
    prompt += "\n\nWhat happened during this call:";
    for (const auto& one : notes_) prompt += "\n- " + one;
    return prompt;
}

void DeepgramAgent::tick() {
    timer_ = clock_.after(kCheck, [this] { tick(); });
    const auto now = clock_.now();
    if (state_ == State::configuring && now >= deadline_) {
        return finish(AgentEnd::dropped, "Deepgram did not accept the agent's settings in time.");
    }
    if (state_ == State::open && now - sent_ >= options_.keep_alive) {
        sent_ = now;
        socket_->send(deepgram::format_keep_alive());
    }
}

void DeepgramAgent::ended(const AgentSocket::End& end) {
    const auto what = net::quoted(end.what, options_.key);
    const auto because = what.empty() ? std::string(".") : ": " + what + ".";
    if (end.how == How::rejected && (end.http_status == 401 || end.http_status == 403)) {
        return finish(AgentEnd::refused, "Deepgram refused the key" + because +
                                             " Check DEEPGRAM_API_KEY and what it is allowed to "
                                             "do.");
    }
    if (end.how == How::rejected && end.http_status == 402) {
        return finish(AgentEnd::refused,
                      "Deepgram refused the session" + because + " The account has no credit.");
    }
    if (end.how == How::rejected && (end.http_status == 400 || end.http_status == 404)) {
        return finish(AgentEnd::refused, "Deepgram has no voice agent there" + because +
                                             " Check AGENTBRIDGE_DEEPGRAM_URL.");
    }
    finish(AgentEnd::dropped, end.how == How::unreachable || end.how == How::rejected
                                  ? "Deepgram cannot be reached" + because
                                  : "The connection to Deepgram was lost" + because);
}

void DeepgramAgent::finish(AgentEnd how, std::string reason) {
    voice_.end();
    auto* events = events_;
    let_go();
    if (events != nullptr) events->ended(how, std::move(reason));
}

void DeepgramAgent::let_go() {
    clock_.cancel(std::exchange(timer_, Clock::kNoTimer));
    keys_.forget();
    if (const auto socket = std::exchange(socket_, nullptr)) socket->close();
    events_ = nullptr;
    state_ = State::idle;
}

void DeepgramAgent::stop() {
    let_go();
    voice_.cancel();
    voice_.detach();
}

}  // namespace bridge::agents
