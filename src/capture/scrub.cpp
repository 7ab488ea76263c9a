#include "capture/scrub.hpp"

#include <algorithm>
#include <cstddef>

namespace bridge::capture {
namespace {

constexpr std::size_t kShortestSecret = 6;
constexpr std::string_view kScheme = "://";
constexpr std::string_view kEndOfAddress = " \t\r\n\"'<>)";

void clean_address(std::string& text, std::size_t host) {
    const auto end = std::min(text.find_first_of(kEndOfAddress, host), text.size());
    const auto query = std::min(text.find_first_of("?#", host), end);
    text.erase(query, end - query);
    const auto path = std::min(text.find('/', host), query);
    const auto user_end = text.rfind('@', path);
    if (user_end == std::string::npos || user_end < host || user_end >= path) return;
    text.replace(host, user_end - host, "***");
}

}  // namespace

Scrub::Scrub(const std::vector<Secret>& secrets) {
    for (const auto& secret : secrets) {
        if (secret.reveal().size() >= kShortestSecret) secrets_.push_back(secret.reveal());
    }
    // One may be a part of another.
    std::sort(secrets_.begin(), secrets_.end(),
              [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

bool Scrub::concerns(std::string_view text) const noexcept {
    if (text.size() < kShortestSecret) return false;
    if (text.find(kScheme) != std::string_view::npos) return true;
    return std::any_of(secrets_.begin(), secrets_.end(), [&](const auto& secret) {
        return text.find(secret) != std::string_view::npos;
    });
}

std::string Scrub::clean(std::string text) const {
    for (const auto& secret : secrets_) {
        for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
            text.replace(at, secret.size(), "***");
    }
    for (auto at = text.find(kScheme); at != std::string::npos;
         at = text.find(kScheme, at + kScheme.size()))
        clean_address(text, at + kScheme.size());
    return text;
}

}  // namespace bridge::capture
