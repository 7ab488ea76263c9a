#include "agents/elevenlabs/elevenlabs_agent.hpp"

#include <fmt/format.h>

#include <utility>

#include "net/wire_text.hpp"

namespace bridge::agents {

using call::AgentEnd;
using call::Speaker;
using elevenlabs::AudioFormat;
using std::chrono::milliseconds;
using How = AgentSocket::End::How;
namespace asio = boost::asio;
namespace event = elevenlabs::event;

namespace {

constexpr milliseconds kTick{200};
// Sound comes faster than it is spoken; a pause this long with nothing left to send ends a turn.
constexpr milliseconds kUtterancePause{400};
// An agent that hears nothing speaks up by itself after some seconds (its turn timeout).
constexpr milliseconds kStillThere{4000};
constexpr std::size_t kMessageBytes = 4 * 1024 * 1024;
constexpr std::size_t kContextBytes = 8000;
constexpr std::size_t kToolCalls = 64;  // at a time, of one conversation

/// "https://host" becomes "wss://host", "http://host" becomes "ws://host".
std::string socket_url(const std::string& url) {
    return url.starts_with("http") ? "ws" + url.substr(4) : url;
}

net::WebSocketTarget target_at(std::string url, const ElevenLabsOptions& options) {
    net::WebSocketTarget target;
    target.url = std::move(url);
    target.ca_file = options.ca_file;
    target.message_bytes = kMessageBytes;
    target.silence_limit = options.silence_limit / 2;  // it answers our pings as well
    target.ping_interval = options.silence_limit / 6;
    return target;
}

tl::unexpected<AgentSocket::End> not_signed(How how, int status, std::string what) {
    return tl::unexpected(AgentSocket::End{how, status, 0, std::move(what)});
}

/// Private agents are reached by a URL that is good for one conversation.
asio::awaitable<AgentSocket::Target> signed_target(std::shared_ptr<net::HttpClient> http,
                                                   ElevenLabsOptions options) {
    net::HttpCall ask;
    ask.url = options.url + "/v1/convai/conversation/get-signed-url?agent_id=" +
              net::percent_encoded(options.agent_id);
    ask.headers.add("xi-api-key", options.key.reveal());
    ask.total_timeout = milliseconds(8000);
    ask.response_bytes = 64 * 1024;
    const auto answer = co_await http->request(std::move(ask));
    if (!answer) {
        co_return not_signed(
            How::unreachable, 0,
            "the signed URL could not be fetched: " + answer.error().error.message);
    }
    if (answer->status != 200) {
        co_return not_signed(
            How::rejected, answer->status,
            fmt::format("the request for a signed URL was answered with HTTP {}", answer->status));
    }
    const auto object = net::parse_object(answer->body);
    auto url = object ? std::string(net::text_field(*object, "signed_url")) : std::string();
    const bool plain_is_fine = options.url.starts_with("http://") && url.starts_with("ws://");
    if (!url.starts_with("wss://") && !plain_is_fine) {
        co_return not_signed(How::broken, 0, "the answer to the request for a signed URL has none");
    }
    co_return target_at(std::move(url), options);
}

}  // namespace

ElevenLabsAgent::ElevenLabsAgent(asio::any_io_executor executor, Clock& clock,
                                 std::shared_ptr<net::HttpClient> http, ElevenLabsOptions options)
    : executor_(std::move(executor)),
      clock_(clock),
      http_(std::move(http)),
      options_(std::move(options)),
      keys_(clock_, [this](const std::string& sentence) {
          if (state_ == State::open) socket_->send(elevenlabs::format_user_message(sentence));
      }) {}

ElevenLabsAgent::~ElevenLabsAgent() {
    stop();
}

void ElevenLabsAgent::start(const call::AgentCall& call, Ear with) {
    let_go();
    call_ = call;
    events_ = with.events;
    voice_.attach(std::move(with.voice));
    cut_through_.reset();
    response_cut_ = worded_ = caller_speaks_ = warned_ = false;
    asked_.clear();
    state_ = State::connecting;
    auto target = options_.key.empty()
                      ? AgentSocket::at(target_at(socket_url(options_.url) +
                                                      "/v1/convai/conversation?agent_id=" +
                                                      net::percent_encoded(options_.agent_id),
                                                  options_))
                      : signed_target(http_, options_);
    socket_ =
        AgentSocket::open(executor_, clock_, "ElevenLabs conversation", std::move(target), *this);
}

void ElevenLabsAgent::answered(const call::AgentCall& call) {
    call_ = call;
}

elevenlabs::Initiation ElevenLabsAgent::initiation() const {
    elevenlabs::Initiation out;
    out.prompt = options_.prompt;
    out.language = options_.language;
    out.voice_id = options_.voice_id;
    out.variables = options_.variables;
    out.variables["call_id"] = call_.id.str();
    out.variables["call_sid"] = call_.sid.str();
    out.variables["from_number"] = call_.from;
    out.variables["to_number"] = call_.to;
    out.variables["direction"] =
        call_.direction == call::Direction::inbound ? "inbound" : "outbound";
    out.variables["conversation_so_far"] = talk_.text(kContextBytes);
    // In the middle of a call nobody wants to be greeted again: it then waits for the caller.
    if (!options_.first_message.empty()) {
        out.first_message = talk_.empty() ? options_.first_message : std::string();
    }
    return out;
}

void ElevenLabsAgent::opened() {
    state_ = State::initiating;
    heard_ = clock_.now();
    deadline_ = heard_ + options_.ready_time;
    timer_ = clock_.after(kTick, [this] { tick(); });
    socket_->send(elevenlabs::format_initiation(initiation()));
}

void ElevenLabsAgent::received(std::string_view payload, bool text) {
    const auto keep = weak_from_this().lock();
    heard_ = clock_.now();
    auto event = text ? elevenlabs::parse_event(payload) : fail(Errc::protocol, "a binary message");
    if (event) {
        std::visit([this](const auto& one) { on(one); }, *event);
    } else if (!std::exchange(warned_, true)) {
        events_->warning("ElevenLabs sent a message that is not understood (" +
                         event.error().message + "); it is ignored");
    }
}

void ElevenLabsAgent::on(const event::Metadata& metadata) {
    if (state_ != State::initiating) return;
    const auto to_us = elevenlabs::parse_audio_format(metadata.output_format);
    const auto from_us = elevenlabs::parse_audio_format(metadata.input_format);
    const auto both = fmt::format("output {}, input {}", net::quoted(metadata.output_format, {}),
                                  net::quoted(metadata.input_format, {}));
    constexpr std::string_view kMend =
        "in the agent's settings at ElevenLabs choose \"μ-law 8000 Hz\" for the TTS output format "
        "(Voice) and for the user input audio format (Advanced)";
    if (!to_us || !from_us) {
        return finish(AgentEnd::refused,
                      fmt::format("The ElevenLabs agent has audio formats that a phone call cannot "
                                  "be converted to ({}): {}.",
                                  both, kMend));
    }
    to_agent_.emplace(*from_us);
    from_agent_.emplace(*to_us);
    state_ = State::open;
    told_there_ = sound_came_ = heard_;
    const bool resumed = !talk_.empty();
    if (resumed) {
        socket_->send(elevenlabs::format_context(
            "The connection was lost for a moment and is back. It is still the same phone call. "
            "What was said so far:\n" +
            talk_.text(kContextBytes)));
    }
    if (state_ != State::open) return;
    if (*to_us != AudioFormat{} || *from_us != AudioFormat{}) {
        events_->warning(fmt::format(
            "The ElevenLabs agent's sound is converted, which costs time and quality ({}): {}.",
            both, kMend));
    }
    if (state_ == State::open) events_->ready();
}

void ElevenLabsAgent::on(const event::Audio& audio) {
    if (state_ != State::open || response_cut_) return;
    if (cut_through_ && audio.id <= *cut_through_) return;
    sound_came_ = heard_;
    voice_.write(from_agent_->convert(audio.bytes));
}

void ElevenLabsAgent::on(const event::Interruption& interruption) {
    if (state_ != State::open) return;
    cut_through_ = std::max(cut_through_.value_or(interruption.id), interruption.id);
    response_cut_ = false;
    from_agent_->reset();
    voice_.cut();
    told_caller(true);
    if (state_ == State::open && voice_.unheard()) events_->give_way();
}

void ElevenLabsAgent::on(const event::Ping& ping) {
    if (socket_) socket_->send(elevenlabs::format_pong(ping.id));
}

void ElevenLabsAgent::on(const event::AgentResponse& response) {
    if (state_ != State::open) return;
    response_cut_ = false;
    told_caller(false);
    if (state_ != State::open) return;
    // It comes with the first sound of what it says, before or after it.
    if (voice_.is_open() && worded_) voice_.end();
    const auto utterance = voice_.open();
    worded_ = true;
    sound_came_ = heard_;
    talk_.add(Speaker::agent, response.text);
    if (!response.text.empty()) events_->text({Speaker::agent, response.text, true, utterance});
}

void ElevenLabsAgent::on(const event::AgentCorrection& correction) {
    if (state_ != State::open) return;
    talk_.correct_agent(correction.text);
    events_->text({Speaker::agent, correction.text, true, voice_.last()});
}

void ElevenLabsAgent::on(const event::UserTranscript& transcript) {
    if (state_ != State::open) return;
    response_cut_ = false;
    talk_.add(Speaker::caller, transcript.text);
    told_caller(false);
    if (state_ != State::open || transcript.text.empty()) return;
    events_->text({Speaker::caller, transcript.text, true, 0});
}

void ElevenLabsAgent::on(const event::ToolCall& call) {
    if (state_ != State::open) return;
    if (asked_.size() >= kToolCalls || !asked_.insert(call.id).second) {
        socket_->send(elevenlabs::format_tool_result(
            call.id, "too many tool calls at once, or the same one twice", true));
        return;
    }
    events_->call_tool({call.id, call.name, call.arguments});
}

void ElevenLabsAgent::told_caller(bool speaking) {
    if (std::exchange(caller_speaks_, speaking) == speaking) return;
    events_->caller_speaks(speaking);
}

void ElevenLabsAgent::write(const audio::AudioFrame& frame) {
    if (state_ != State::open) return;
    told_there_ = clock_.now();
    const auto bytes = to_agent_->convert(frame);
    if (bytes.empty()) return;  // a filter that is still filling
    elevenlabs::format_audio(bytes, chunk_);
    socket_->send(chunk_);
}

void ElevenLabsAgent::interrupted(call::UtteranceId utterance, const call::Heard&) {
    voice_.settle(utterance);
    if (!voice_.is_open() || utterance != voice_.last()) return;
    // Cut off by the call itself: more of the same may be on its way.
    voice_.cut();
    response_cut_ = true;
}

void ElevenLabsAgent::spoken(call::UtteranceId utterance, const call::Heard&) {
    voice_.settle(utterance);
}

void ElevenLabsAgent::dtmf(char digit) {
    if (state_ == State::open) keys_.press(digit);
}

void ElevenLabsAgent::tool_result(const call::ToolResult& result) {
    if (state_ != State::open || asked_.erase(result.id) == 0) return;
    socket_->send(elevenlabs::format_tool_result(result.id, result.output, result.failed));
}

void ElevenLabsAgent::context(std::string_view text) {
    if (state_ == State::open) socket_->send(elevenlabs::format_context(text));
}

void ElevenLabsAgent::tick() {
    timer_ = clock_.after(kTick, [this] { tick(); });
    const auto now = clock_.now();
    if (state_ == State::initiating && now >= deadline_) {
        return finish(AgentEnd::dropped, "ElevenLabs did not open the conversation in time.");
    }
    if (now - heard_ >= options_.silence_limit) {
        return finish(AgentEnd::dropped, "Nothing comes from ElevenLabs any more.");
    }
    if (state_ != State::open) return;
    if (voice_.is_open() && now - sound_came_ >= kUtterancePause && voice_.waiting() == 0) {
        voice_.end();
        worded_ = false;
    }
    if (now - told_there_ >= kStillThere) {
        told_there_ = now;
        socket_->send(elevenlabs::format_user_activity());
    }
}

void ElevenLabsAgent::ended(const AgentSocket::End& end) {
    const auto what = net::quoted(end.what, options_.key);
    const auto because = what.empty() ? std::string(".") : ": " + what + ".";
    const bool initiating = state_ == State::initiating;
    if (end.how == How::closed && end.code == 1000 && state_ == State::open) {
        // Its tool "end call"; the call lets its goodbye be heard before it hangs up.
        return finish(AgentEnd::finished, "The ElevenLabs agent has ended the conversation.");
    }
    if (end.how == How::rejected && (end.http_status == 401 || end.http_status == 403)) {
        return finish(AgentEnd::refused,
                      options_.key.empty()
                          ? "ElevenLabs asks for credentials" + because +
                                " A private agent needs ELEVENLABS_API_KEY."
                          : "ElevenLabs refused the key" + because +
                                " Check ELEVENLABS_API_KEY and what it is allowed to do.");
    }
    if (end.how == How::rejected && end.http_status < 500 && end.http_status != 429 &&
        end.http_status != 408) {
        return finish(AgentEnd::refused, "ElevenLabs does not know the agent" + because +
                                             " Check ELEVENLABS_AGENT_ID.");
    }
    // Before the conversation stands, a close with a reason is a no: overrides that are not
    // allowed, an agent that does not exist, a quota used up.
    const bool said_no =
        end.how == How::closed &&
        (end.code == 1008 || (initiating && (end.code == 1002 || end.code >= 3000)));
    if (said_no) {
        return finish(AgentEnd::refused,
                      fmt::format("ElevenLabs refused the conversation ({}){} Check "
                                  "ELEVENLABS_AGENT_ID, ELEVENLABS_API_KEY, and that the agent "
                                  "allows the overrides that are set.",
                                  end.code, because));
    }
    finish(AgentEnd::dropped, end.how == How::unreachable || end.how == How::rejected
                                  ? "ElevenLabs cannot be reached" + because
                                  : "The connection to ElevenLabs was lost" + because);
}

void ElevenLabsAgent::finish(AgentEnd how, std::string reason) {
    voice_.end();
    auto* events = events_;
    let_go();
    if (events != nullptr) events->ended(how, std::move(reason));
}

void ElevenLabsAgent::let_go() {
    clock_.cancel(std::exchange(timer_, Clock::kNoTimer));
    keys_.forget();
    if (const auto socket = std::exchange(socket_, nullptr)) socket->close();
    events_ = nullptr;
    state_ = State::idle;
}

void ElevenLabsAgent::stop() {
    let_go();
    voice_.cancel();
    voice_.detach();
}

}  // namespace bridge::agents
