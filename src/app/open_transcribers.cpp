#include "app/open_transcribers.hpp"

#include <utility>

namespace bridge::app {

Result<std::shared_ptr<transcribers::Transcribers>> open_transcribers(
    const Config& config, std::shared_ptr<metrics::Registry> metrics, const std::string& user_agent,
    std::function<transcribers::RedactionTeller(const CallId&)> redacted) {
    const auto& wanted = config.transcript;
    transcribers::TranscriberOptions options;
    options.engine = wanted.engine;
    options.service = {wanted.url, wanted.key, wanted.model, wanted.language, config.ca_file};
    options.redact_cards = wanted.redact_cards;
    options.redact_patterns = wanted.redact_patterns;
    options.user_agent = user_agent;
    options.metrics = std::move(metrics);
    options.redacted = std::move(redacted);
    return transcribers::Transcribers::open(std::move(options));
}

}  // namespace bridge::app
