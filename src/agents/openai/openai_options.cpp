#include "agents/openai/openai_options.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <string_view>

namespace bridge::agents {
namespace {

bool is_one_of(std::string_view value, std::initializer_list<std::string_view> known) {
    for (const auto one : known) {
        if (value == one) return true;
    }
    return false;
}

bool begins_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

std::string in_query(std::string_view text) {
    std::string out;
    for (const auto c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out.push_back(c);
        } else {
            out += fmt::format("%{:02X}", byte);
        }
    }
    return out;
}

}  // namespace

Result<> check_openai_options(const OpenAiOptions& options) {
    std::string wrong;
    const auto add = [&wrong](const std::string& problem) {
        if (!wrong.empty()) wrong += "; ";
        wrong += problem;
    };
    if (options.key.empty()) add("OPENAI_API_KEY is not set");
    if (!begins_with(options.url, "wss://") && !begins_with(options.url, "ws://")) {
        add(fmt::format("AGENTBRIDGE_OPENAI_URL: '{}' does not begin with wss://", options.url));
    }
    if (options.model.empty()) add("AGENTBRIDGE_OPENAI_MODEL is empty");
    if (options.voice.empty()) add("AGENTBRIDGE_OPENAI_VOICE is empty");
    if (options.speed < 0.25 || options.speed > 1.5) {
        add(fmt::format("AGENTBRIDGE_OPENAI_SPEED: {} is not within 0.25 to 1.5", options.speed));
    }
    if (options.max_output_tokens < 0 || options.max_output_tokens > 4096) {
        add(fmt::format("AGENTBRIDGE_OPENAI_MAX_TOKENS: {} is not within 1 to 4096",
                        options.max_output_tokens));
    }
    if (options.vad_threshold < 0.0 || options.vad_threshold > 1.0) {
        add(fmt::format("AGENTBRIDGE_OPENAI_VAD_THRESHOLD: {} is not within 0 to 1",
                        options.vad_threshold));
    }
    if (!is_one_of(options.eagerness, {"low", "medium", "high", "auto"})) {
        add(fmt::format("AGENTBRIDGE_OPENAI_EAGERNESS: '{}' is none of low, medium, high, auto",
                        options.eagerness));
    }
    if (!is_one_of(options.noise_reduction, {"", "near_field", "far_field"})) {
        add(fmt::format(
            "AGENTBRIDGE_OPENAI_NOISE_REDUCTION: '{}' is neither near_field nor far_field",
            options.noise_reduction));
    }
    if (!wrong.empty()) return fail(Errc::bad_config, "the agent openai: " + wrong);
    return {};
}

std::string realtime_url(const OpenAiOptions& options) {
    const auto query = options.url.find('?');
    if (query != std::string::npos) {
        const auto fields = '&' + options.url.substr(query + 1);
        if (fields.find("&model=") != std::string::npos ||
            fields.find("&deployment=") != std::string::npos) {
            return options.url;
        }
    }
    return options.url + (query == std::string::npos ? "?model=" : "&model=") +
           in_query(options.model);
}

}  // namespace bridge::agents
