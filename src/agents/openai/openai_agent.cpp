#include "agents/openai/openai_agent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agents/openai/realtime_requests.hpp"
#include "base/log.hpp"

namespace bridge::agents {
namespace {

// Keys pressed this closely one after the other are one number.
constexpr std::chrono::seconds kKeyPause{1};
constexpr std::size_t kKeys = 32;
constexpr int kWarnings = 20;
// The service refuses to take less than 100 ms for something the caller said.
constexpr std::uint64_t kShortestTurn = 5;
constexpr std::size_t kLongestResult = std::size_t{64} * 1024;

}  // namespace

OpenAiAgent::OpenAiAgent(net::asio::any_io_executor executor, Clock& clock, OpenAiOptions options,
                         std::vector<call::ToolSpec> tools)
    : executor_(std::move(executor)),
      clock_(clock),
      options_(std::move(options)),
      tools_(std::move(tools)) {}

OpenAiAgent::~OpenAiAgent() {
    close_sessions();
}

void OpenAiAgent::start(const call::AgentCall&, Ear with) {
    close_sessions();
    ear_ = std::move(with);
    announced_ = false;
    warnings_ = failures_ = 0;
    speaking_ = 0;
    feed_.reset();
    // What an earlier session said is none of this one's pauses.
    for (auto& item : spoken_.all()) item.over = true;
    give_calls_up();
    if (const auto good = check_openai_options(options_); !good) {
        end_with(call::AgentEnd::refused, good.error().message);
        return;
    }
    open_next();
    watch();
}

void OpenAiAgent::stop() {
    settle_debts();
    close_sessions();
    const auto voice = std::exchange(ear_, {}).voice;
    if (!voice) return;
    // `cancel` throws away what the phone has of every voice: only where there is something to
    // stop.
    if (spoken_.speaking()) {
        voice->cancel();
    } else {
        voice->end();
    }
}

void OpenAiAgent::write(const audio::AudioFrame& frame) {
    if (!session_ && !next_) return;
    if (!feed_.write(frame, session_.get())) deaf_ = true;
}

// What the caller heard of an item, and nothing more, is what the service shall remember. More than
// was received it would refuse: it knows how long its own audio is.
void OpenAiAgent::cut(SpokenItem& item, std::chrono::milliseconds heard) {
    const auto received = item.received();
    heard = std::clamp(heard, std::chrono::milliseconds(0), received);
    const auto part = received.count() == 0 ? 0.0
                                            : static_cast<double>(heard.count()) /
                                                  static_cast<double>(received.count());
    item.over = true;
    conversation_.set(Conversation::Kind::agent, item.item, heard_part(item.text, part));
    if (!session_ || item.session != serial_) return;
    // Of a response that was cut off while it was made there is more than we have received.
    if (heard == received && !spoken_.is_silenced(item.response)) return;
    session_->send(format_truncate(item.item, item.content_index, heard, next_id("truncate")));
}

void OpenAiAgent::interrupted(call::UtteranceId utterance, const call::Heard& heard) {
    auto* const item = spoken_.find(utterance);
    if (item == nullptr) return;
    if (speaking_ == utterance) speaking_ = 0;
    const bool being_made = session_ && item->session == serial_ && turn_.active == item->response;
    if (being_made && !spoken_.is_silenced(item->response)) {
        spoken_.silence(item->response);
        session_->send(format_response_cancel(item->response, next_id("cancel")));
    }
    cut(*item, heard.heard);
    tell_unfinished_texts(item->response);
}

void OpenAiAgent::spoken(call::UtteranceId utterance, const call::Heard& heard) {
    auto* const item = spoken_.find(utterance);
    if (item == nullptr) return;
    item->over = true;
    if (heard.outcome == call::SpeechOutcome::lost) cut(*item, heard.heard);
}

void OpenAiAgent::dtmf(char digit) {
    if (!session_ && !next_) return;
    if (digits_.size() < kKeys) digits_.push_back(digit);
    clock_.cancel(digits_timer_);
    digits_timer_ = clock_.after(kKeyPause, [this] { flush_digits(); });
}

void OpenAiAgent::remember_digits() {
    clock_.cancel(std::exchange(digits_timer_, Clock::kNoTimer));
    if (digits_.empty()) return;
    std::string keys;
    for (const auto digit : std::exchange(digits_, {})) {
        if (!keys.empty()) keys.push_back(' ');
        keys.push_back(digit);
    }
    conversation_.add(
        {Conversation::Kind::caller, {}, fmt::format("The caller pressed {}.", keys), {}, false});
}

void OpenAiAgent::flush_digits() {
    remember_digits();
    if (!session_) {
        resume_ = true;
        return;
    }
    if (options_.turns == TurnDetection::none &&
        feed_.frames() - turn_.committed_frame >= kShortestTurn) {
        session_->send(format_commit());
        turn_.committed_frame = feed_.frames();
    }
    session_->send(format_message(Role::user, conversation_.items().back().text, options_.beta));
    request_response();
}

void OpenAiAgent::context(std::string_view text) {
    if ((!session_ && !next_) || text.empty()) return;
    conversation_.add({Conversation::Kind::note, {}, std::string(text), {}, false});
    if (session_) session_->send(format_message(Role::system, text, options_.beta));
}

void OpenAiAgent::tool_result(const call::ToolResult& result) {
    const auto found = std::find_if(calls_.begin(), calls_.end(),
                                    [&](const OpenCall& one) { return one.id == result.id; });
    if (found == calls_.end()) return;
    const auto response = std::move(found->response);
    calls_.erase(found);
    const auto output = within(result.output, kLongestResult);
    if (conversation_.find(Conversation::Kind::call, result.id) != nullptr) {
        conversation_.add({Conversation::Kind::result, result.id, std::string(output), {}, false});
    }
    if (!session_) {
        resume_ = true;
        return;
    }
    session_->send(format_function_output(result.id, output));
    // One answer for all calls of a response; it may still be about to make more.
    if (!has_open_calls(response) && turn_.active != response) request_response();
}

/// The result of a function reaches the session that called it, or none.
void OpenAiAgent::give_calls_up() {
    for (const auto& call : std::exchange(calls_, {})) {
        if (conversation_.find(Conversation::Kind::call, call.id) == nullptr) continue;
        conversation_.add({Conversation::Kind::result,
                           call.id,
                           "The connection was lost before the result came: it is unknown.",
                           {},
                           false});
        resume_ = true;
    }
}

bool OpenAiAgent::has_open_calls(std::string_view response) const {
    return std::any_of(calls_.begin(), calls_.end(),
                       [&](const OpenCall& one) { return one.response == response; });
}

// The service refuses a second response while one is being made. While the caller speaks it would
// answer half a sentence; at its end the service begins one by itself.
void OpenAiAgent::request_response() {
    if (!session_) {
        resume_ = true;
        return;
    }
    if (turn_.creating || !turn_.active.empty() || turn_.caller_speaking) {
        turn_.wanted = true;
        return;
    }
    create_response({});
}

void OpenAiAgent::create_response(std::string_view instructions) {
    turn_.create_id = next_id("response");
    turn_.create_is_owed = turn_.owed && !turn_.wanted;
    turn_.wanted = turn_.owed = false;
    turn_.creating = true;
    turn_.waiting_since = clock_.now();
    session_->send(format_response_create(turn_.create_id, instructions));
}

void OpenAiAgent::tell_text(call::Speaker speaker, std::string_view text, bool final,
                            call::UtteranceId utterance) {
    if (text.empty() || ear_.events == nullptr) return;
    ear_.events->text({speaker, std::string(text), final, utterance});
}

void OpenAiAgent::warn(std::string text) {
    if (++warnings_ > kWarnings || ear_.events == nullptr) return;
    ear_.events->warning(std::move(text));
}

std::string OpenAiAgent::next_id(std::string_view what) {
    return fmt::format("{}-{}", what, ++last_id_);
}

}  // namespace bridge::agents
