#include "agents/openai/openai_errors.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "agents/openai/conversation.hpp"

namespace bridge::agents {
namespace {

using call::AgentEnd;

constexpr std::size_t kLongestQuote = 240;

void hide_all(std::string& text, std::string_view secret) {
    if (secret.empty()) return;
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
        text.replace(at, secret.size(), "***");
    }
}

/// "sk-ab…yz": services quote a key that they refuse, in part.
void hide_keys(std::string& text) {
    for (auto at = text.find("sk-"); at != std::string::npos; at = text.find("sk-", at + 6)) {
        const auto end = text.find_first_of(" ,;)'\"", at);
        text.replace(at, (end == std::string::npos ? text.size() : end) - at, "sk-***");
    }
}

/// The setting that a field of the session comes from.
std::string_view setting_of(std::string_view param) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kSettings{{
        {"voice", "AGENTBRIDGE_OPENAI_VOICE"},
        {"speed", "AGENTBRIDGE_OPENAI_SPEED"},
        {"transcription.language", "AGENTBRIDGE_AGENT_LANGUAGE"},
        {"transcription", "AGENTBRIDGE_OPENAI_TRANSCRIPTION"},
        {"noise_reduction", "AGENTBRIDGE_OPENAI_NOISE_REDUCTION"},
        {"turn_detection", "AGENTBRIDGE_OPENAI_TURNS"},
        {"tokens", "AGENTBRIDGE_OPENAI_MAX_TOKENS"},
        {"tools", "AGENTBRIDGE_TOOLS"},
        {"model", "AGENTBRIDGE_OPENAI_MODEL"},
    }};
    for (const auto& [part, setting] : kSettings) {
        if (param.find(part) != std::string_view::npos) return setting;
    }
    return "the AGENTBRIDGE_OPENAI_… settings";
}

OpenAiEnd refused_key() {
    return {AgentEnd::refused, "OpenAI refused the key: check OPENAI_API_KEY"};
}

OpenAiEnd refused_model(const OpenAiOptions& options) {
    return {AgentEnd::refused,
            fmt::format("OpenAI does not offer the model '{}' to this key: check "
                        "AGENTBRIDGE_OPENAI_MODEL",
                        options.model)};
}

}  // namespace

std::string plain_words(std::string_view text, const OpenAiOptions& options) {
    std::string words;
    for (const auto c : text) {
        words.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c);
    }
    hide_all(words, options.key.reveal());
    hide_keys(words);
    return std::string(within(words, kLongestQuote));
}

OpenAiEnd judge(const net::ConnectFailure& failure, const OpenAiOptions& options) {
    using Stage = net::ConnectFailure::Stage;
    const auto what = plain_words(failure.message, options);
    if (failure.stage == Stage::bad_url) {
        return {AgentEnd::refused, "AGENTBRIDGE_OPENAI_URL " + what};
    }
    if (failure.stage == Stage::handshake) {
        switch (failure.http_status) {
            case 401:
            case 403:
                return refused_key();
            case 404:
                return {AgentEnd::refused,
                        fmt::format("there is no Realtime service or model '{}' at {}: check "
                                    "AGENTBRIDGE_OPENAI_URL and AGENTBRIDGE_OPENAI_MODEL",
                                    options.model, options.url)};
            case 400:
                return {AgentEnd::refused, what +
                                               ": check AGENTBRIDGE_OPENAI_MODEL, and "
                                               "AGENTBRIDGE_OPENAI_BETA for the older protocol"};
            case 429:
                return {AgentEnd::dropped,
                        "OpenAI has too many requests of this key at the moment (HTTP 429)"};
            default:
                break;
        }
    }
    return {AgentEnd::dropped, "OpenAI could not be reached: " + what};
}

std::optional<OpenAiEnd> judge(const realtime::Failure& failure, bool configuring,
                               const OpenAiOptions& options) {
    if (failure.code == "invalid_api_key" || failure.type == "authentication_error") {
        return refused_key();
    }
    if (failure.code == "model_not_found") return refused_model(options);
    if (failure.code == "insufficient_quota" || failure.type == "insufficient_quota") {
        return OpenAiEnd{AgentEnd::refused,
                         "the OpenAI account has no credit left: check its billing"};
    }
    if (!configuring) return std::nullopt;
    const auto words = plain_words(failure.message, options);
    if (failure.type == "invalid_request_error") {
        return OpenAiEnd{AgentEnd::refused,
                         fmt::format("OpenAI refused the session's settings: {} (check {})", words,
                                     setting_of(failure.param))};
    }
    return OpenAiEnd{AgentEnd::dropped, "OpenAI could not open a session: " + words};
}

}  // namespace bridge::agents
