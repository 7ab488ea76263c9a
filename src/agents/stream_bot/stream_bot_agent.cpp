#include "agents/stream_bot/stream_bot_agent.hpp"

#include <fmt/format.h>

#include <utility>

#include "agents/stream_bot/bot_connection.hpp"

namespace bridge::agents {
namespace {

/// Twilio's limit for one <Parameter>.
constexpr std::size_t kMostParameterBytes = 500;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

Result<> check_bot_url(std::string_view url) {
    const auto wrong = [](std::string_view why) {
        return fail(Errc::bad_config,
                    fmt::format("the address of a bot {}; it is written ws://HOST:PORT/PATH or "
                                "wss://HOST/PATH",
                                why));
    };
    const auto mark = url.find("://");
    const auto scheme = url.substr(0, mark == std::string_view::npos ? 0 : mark);
    if (scheme != "ws" && scheme != "wss") return wrong("does not begin with ws:// or wss://");
    const auto rest = url.substr(mark + 3);
    const auto host = rest.substr(0, rest.find_first_of("/?#"));
    if (host.empty() || host.front() == ':') return wrong("names no host");
    if (host.find('@') != std::string_view::npos) return wrong("has a user name in it");
    if (rest.find('#') != std::string_view::npos) return wrong("has a '#' in it");
    for (const char c : url) {
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7F) return wrong("has a blank in it");
    }
    return {};
}

Result<std::map<std::string, std::string>> parse_bot_parameters(std::string_view text) {
    std::map<std::string, std::string> parameters;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto part = trimmed(text.substr(0, comma));
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
        if (part.empty()) continue;
        const auto equals = part.find('=');
        const auto name = trimmed(part.substr(0, equals));
        if (equals == std::string_view::npos || name.empty())
            return fail(Errc::bad_config, fmt::format("\"{}\" is not NAME=VALUE", part));
        const auto value = trimmed(part.substr(equals + 1));
        if (name.size() + value.size() >= kMostParameterBytes)
            return fail(Errc::bad_config,
                        fmt::format("{} is too long: Twilio allows under 500 characters for a name "
                                    "with its value",
                                    name.substr(0, 40)));
        parameters.insert_or_assign(std::string(name), std::string(value));
    }
    return parameters;
}

StreamBotAgent::StreamBotAgent(boost::asio::any_io_executor executor, StreamBotOptions options)
    : executor_(std::move(executor)), options_(std::move(options)) {}

StreamBotAgent::~StreamBotAgent() {
    stop();
}

void StreamBotAgent::start(const call::AgentCall& call, Ear with) {
    stop();
    call_ = call;
    ear_ = std::move(with);
    told_ready_ = false;
    if (options_.early || !call_.stream_sid.empty()) {
        connect();
    } else {
        tell_ready();  // as far as can be told before there is a phone
    }
}

void StreamBotAgent::tell_ready() {
    if (!std::exchange(told_ready_, true)) ear_.events->ready();
}

void StreamBotAgent::connect() {
    BotConnection::Hooks hooks;
    hooks.open = [this] { tell_ready(); };
    hooks.ended = [this](call::AgentEnd how, std::string reason) {
        connection_.reset();
        // Whoever is told may start it again at once.
        const auto ear = std::exchange(ear_, {});
        ear.events->ended(how, std::move(reason));
    };
    hooks.warning = [this](std::string text) { ear_.events->warning(std::move(text)); };
    connection_ = std::make_shared<BotConnection>(options_, ear_.voice, std::move(hooks));
    if (!call_.stream_sid.empty()) connection_->begin(call_);
    connection_->connect(executor_);
}

void StreamBotAgent::answered(const call::AgentCall& call) {
    if (ear_.events == nullptr) return;
    if (connection_ && connection_->stream_sid() == call.stream_sid.str()) return;
    call_ = call;
    if (connection_ && connection_->begun()) {
        // Another stream of the phone is another socket for the bot, and what was said on the old
        // one is gone.
        std::exchange(connection_, nullptr)->leave(true);
    }
    if (connection_) {
        connection_->begin(call_);
    } else {
        connect();
    }
}

void StreamBotAgent::write(const audio::AudioFrame& frame) {
    if (connection_) connection_->hear(frame);
}

void StreamBotAgent::interrupted(call::UtteranceId utterance, const call::Heard& heard) {
    spoken(utterance, heard);
}

void StreamBotAgent::spoken(call::UtteranceId utterance, const call::Heard& heard) {
    if (connection_) connection_->over(utterance, heard.outcome == call::SpeechOutcome::lost);
}

void StreamBotAgent::dtmf(char digit) {
    if (connection_) connection_->dtmf(digit);
}

void StreamBotAgent::stop() {
    if (const auto connection = std::exchange(connection_, nullptr)) connection->leave(false);
    ear_ = {};
}

}  // namespace bridge::agents
