// OpenAiAgent, how one session follows the other: the first, a fresh one before the service ends
// the old one, and none at all when it is lost.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agents/openai/openai_agent.hpp"
#include "agents/openai/realtime_requests.hpp"
#include "base/log.hpp"

namespace bridge::agents {
namespace {

constexpr std::chrono::milliseconds kWatch{500};
constexpr std::chrono::seconds kTryAgain{10};
// A fresh session hears this much that the old one heard as well: a word that had just begun.
constexpr std::uint64_t kOverlap = 25;
constexpr std::string_view kConfigure = "configure";

}  // namespace

net::WebSocketTarget OpenAiAgent::target() const {
    net::WebSocketTarget to;
    to.url = realtime_url(options_);
    if (options_.key_header.empty()) {
        to.headers.add("Authorization", "Bearer " + options_.key.reveal());
    } else {
        to.headers.add(options_.key_header, options_.key.reveal());
    }
    if (options_.beta) to.headers.add("OpenAI-Beta", "realtime=v1");
    to.ca_file = options_.ca_file;
    to.ping_interval = options_.idle_timeout / 3;
    to.silence_limit = options_.idle_timeout;
    to.message_bytes = std::size_t{4} * 1024 * 1024;
    to.outbox_bytes = std::size_t{512} * 1024;
    return to;
}

void OpenAiAgent::open_next() {
    next_ready_ = false;
    next_since_ = clock_.now();
    conversation_.forget_carried();
    if (session_) feed_.keep();
    next_ = RealtimeSession::open(executor_, target(), *this);
}

void OpenAiAgent::on_open(RealtimeSession& session) {
    session.send(format_session_update(options_, tools_, kConfigure));
}

void OpenAiAgent::on_next_event(const RealtimeEvent& event) {
    if (const auto* failure = std::get_if<realtime::Failure>(&event)) {
        if (next_ready_) return;  // about what was carried: a piece of the past less
        if (auto end = judge(*failure, true, options_)) next_failed(std::move(*end));
        return;
    }
    if (!std::holds_alternative<realtime::SessionUpdated>(event) || next_ready_) return;
    next_ready_ = true;
    carry(*next_);
    if (!session_ || quiet()) adopt();
}

void OpenAiAgent::carry(RealtimeSession& to) {
    conversation_.carry([&](const Conversation::Item& item) {
        using Kind = Conversation::Kind;
        switch (item.kind) {
            case Kind::caller:
                to.send(format_message(Role::user, item.text, options_.beta));
                break;
            case Kind::agent:
                to.send(format_message(Role::assistant, item.text, options_.beta));
                break;
            case Kind::note:
                to.send(format_message(Role::system, item.text, options_.beta));
                break;
            case Kind::call:
                to.send(format_function_call(item.id, item.name, item.text));
                break;
            case Kind::result:
                to.send(format_function_output(item.id, item.text));
                break;
        }
    });
}

/// The next session takes over. The old one, if it still stands, is asked nothing more.
void OpenAiAgent::adopt() {
    const bool answer = std::exchange(resume_, false) || asked();
    auto from = feed_.frames() - std::min(feed_.frames(), kOverlap);
    if (turn_.caller_speaking) from = std::min(from, feed_.frame_at(turn_.speech_start_ms));
    if (session_) session_->close();
    if (std::exchange(speaking_, 0) != 0) ear_.voice->end();
    session_ = std::move(next_);
    session_since_ = clock_.now();
    next_ready_ = deaf_ = false;
    answer_again_at_.reset();
    ++serial_;
    turn_ = {};
    turn_.committed_frame = feed_.frames();
    carry(*session_);
    deaf_ = !feed_.hand_over(*session_, from);
    if (!announced_ && !conversation_.begun() && !options_.greeting.empty()) {
        create_response(fmt::format(
            "The call begins. Say this to the caller now, word for word, and nothing else: {}",
            options_.greeting));
    } else if (answer) {
        request_response();
    }
    if (std::exchange(announced_, true)) {
        log::info("openai", "a fresh session has taken over sessions={}", serial_);
        return;
    }
    ear_.events->ready();
}

void OpenAiAgent::next_failed(OpenAiEnd end) {
    next_->close();
    next_.reset();
    next_ready_ = false;
    if (!session_) {
        end_with(end.how, std::move(end.reason));
        return;
    }
    retry_at_ = clock_.now() + kTryAgain;
    warn("a fresh session could not be opened, the old one goes on: " + end.reason);
}

void OpenAiAgent::on_lost(RealtimeSession& session, RealtimeSession::Loss loss) {
    const auto self = weak_from_this().lock();
    OpenAiEnd end{call::AgentEnd::dropped,
                  "OpenAI's session was lost: " + plain_words(loss.reason, options_)};
    if (loss.connect) end = judge(*loss.connect, options_);
    if (&session == next_.get()) {
        next_failed(std::move(end));
        return;
    }
    if (&session != session_.get()) return;
    if (!next_) {
        end_with(end.how, std::move(end.reason));
        return;
    }
    // Its successor is on the way: what the caller says meanwhile is kept for it.
    resume_ = resume_ || asked();
    session_.reset();
    feed_.keep();
    if (next_ready_) adopt();
}

bool OpenAiAgent::quiet() const {
    return !turn_.caller_speaking && turn_.active.empty() && !turn_.creating && !turn_.wanted &&
           !turn_.owed && !turn_.waiting_since && calls_.empty() && digits_.empty() &&
           !answer_again_at_ && !spoken_.speaking();
}

/// An answer is due of which nothing was spoken.
bool OpenAiAgent::asked() const {
    return turn_.creating || turn_.wanted || turn_.owed || answer_again_at_ ||
           (turn_.waiting_since && !turn_.active_spoke);
}

void OpenAiAgent::watch() {
    watch_timer_ = clock_.after(kWatch, [this] {
        const auto self = weak_from_this().lock();
        watch();
        look_after();
    });
}

void OpenAiAgent::look_after() {
    const auto now = clock_.now();
    if (next_ && !next_ready_ && now - next_since_ > options_.setup_timeout) {
        next_failed(
            {call::AgentEnd::dropped, fmt::format("OpenAI did not open a session within {} s",
                                                  options_.setup_timeout.count())});
    }
    if (!session_) return;
    if (deaf_) {
        end_with(call::AgentEnd::dropped, "OpenAI does not take the caller's sound any more");
        return;
    }
    if (turn_.waiting_since && now - *turn_.waiting_since > options_.response_timeout) {
        end_with(call::AgentEnd::dropped, fmt::format("OpenAI has not answered for {} s",
                                                      options_.response_timeout.count()));
        return;
    }
    if (answer_again_at_ && now >= *answer_again_at_) {
        answer_again_at_.reset();
        request_response();
    }
    roll_over(now);
}

void OpenAiAgent::roll_over(Clock::Time now) {
    const auto due = session_since_ + options_.session_limit;
    if (now < due || now < retry_at_) return;
    const bool enough = quiet() || now >= due + options_.pause_patience;
    if (!enough) return;
    if (!next_) {
        open_next();
    } else if (next_ready_) {
        adopt();
    }
}

void OpenAiAgent::close_sessions() {
    clock_.cancel(std::exchange(watch_timer_, Clock::kNoTimer));
    clock_.cancel(std::exchange(digits_timer_, Clock::kNoTimer));
    if (session_) session_->close();
    if (next_) next_->close();
    session_.reset();
    next_.reset();
    next_ready_ = deaf_ = false;
    answer_again_at_.reset();
    turn_ = {};
}

/// What the caller may still expect of the next session.
void OpenAiAgent::settle_debts() {
    resume_ = resume_ || asked() || !digits_.empty();
    remember_digits();
}

void OpenAiAgent::end_with(call::AgentEnd how, std::string reason) {
    settle_debts();
    close_sessions();
    const bool speaking = std::exchange(speaking_, 0) != 0;
    const auto ear = std::exchange(ear_, {});
    if (speaking) ear.voice->end();
    ear.events->ended(how, std::move(reason));
}

}  // namespace bridge::agents
