#include "twilio/public_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "twilio/wire/signature.hpp"

namespace bridge::twilio {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

bool good_port(std::string_view text) {
    int port = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
    return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() && port > 0 &&
           port < 65536;
}

bool good_host(std::string_view host) {
    if (host.empty()) return false;
    if (host.front() == '[') {
        return host.back() == ']' && host.size() > 3 &&
               host.find_first_not_of("0123456789abcdefABCDEF:.", 1) == host.size() - 1;
    }
    return std::all_of(host.begin(), host.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
    });
}

struct Base {
    std::string text;
    std::string prefix;
    bool loopback = false;
};

Result<Base> parse_base(std::string_view name, std::string_view url, bool media) {
    const auto wrong = [&](std::string_view why) {
        return fail(Errc::bad_config,
                    fmt::format("{} is \"{}\": {}; write it like {}://bridge.example.com", name,
                                url.substr(0, 200), why, media ? "wss" : "https"));
    };
    if (url.find_first_of(" \t\r\n\"<>\\") != std::string_view::npos)
        return wrong("it has a character that no address has");
    if (url.find_first_of("?#") != std::string_view::npos)
        return wrong("it must have no query and no fragment");
    const auto parts = split_url(url);
    if (!parts) return wrong("it is no address");
    const auto authority = url.substr(url.find("://") + 3);
    if (authority.substr(0, authority.find('/')).find('@') != std::string_view::npos)
        return wrong("it must hold no user name");
    auto scheme = lower(parts->scheme);
    if (media) {
        if (scheme == "https") scheme = "wss";
        if (scheme == "http") scheme = "ws";
    }
    const auto secure = media ? "wss" : "https";
    const auto plain = media ? "ws" : "http";
    if (scheme != secure && scheme != plain)
        return wrong(fmt::format("it must begin with {}://", secure));
    if (!good_host(parts->host)) return wrong("its host name is not valid");
    const bool has_colon = authority.substr(0, authority.find('/')).ends_with(':');
    if (has_colon || (!parts->port.empty() && !good_port(parts->port)))
        return wrong("its port is not valid");
    Base out;
    out.loopback = is_loopback_host(parts->host);
    if (scheme == plain && !out.loopback) {
        return wrong(fmt::format("Twilio needs {}://, plain {}:// works for this machine alone",
                                 secure, plain));
    }
    out.prefix = parts->target;
    while (out.prefix.ends_with('/')) out.prefix.pop_back();
    out.text = scheme + "://" + lower(parts->host) +
               (parts->port.empty() ? "" : ":" + parts->port) + out.prefix;
    return out;
}

std::string_view strip(std::string_view target, const std::string& prefix) {
    if (!prefix.empty() && target.starts_with(prefix) &&
        target.substr(prefix.size()).starts_with('/')) {
        target.remove_prefix(prefix.size());
    }
    return target;
}

}  // namespace

bool is_loopback_host(std::string_view host) {
    const auto name = lower(host);
    if (name == "localhost" || name == "[::1]") return true;
    return name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string::npos;
}

Result<PublicUrl> PublicUrl::parse(std::string_view url, std::string_view media_url) {
    auto base = parse_base("PUBLIC_URL", url, false);
    if (!base) return tl::unexpected(std::move(base.error()));
    auto media = media_url.empty() ? parse_base("PUBLIC_URL", base->text, true)
                                   : parse_base("AGENTBRIDGE_MEDIA_URL", media_url, true);
    if (!media) return tl::unexpected(std::move(media.error()));
    PublicUrl out;
    out.base_ = std::move(base->text);
    out.prefix_ = std::move(base->prefix);
    out.media_base_ = std::move(media->text);
    out.media_prefix_ = std::move(media->prefix);
    out.loopback_ = base->loopback;
    return out;
}

std::string PublicUrl::media_url(std::string_view token) const {
    return media_base_ + "/twilio/media/" + std::string(token);
}

std::string_view PublicUrl::below_base(std::string_view target) const {
    return strip(target, prefix_);
}
std::string_view PublicUrl::below_media_base(std::string_view target) const {
    return strip(target, media_prefix_);
}

SharedUrl::SharedUrl(PublicUrl first) : state_(std::make_shared<State>()) {
    state_->urls =
        std::make_shared<const std::vector<PublicUrl>>(std::vector<PublicUrl>{std::move(first)});
}

std::shared_ptr<const std::vector<PublicUrl>> SharedUrl::known() const {
    const std::lock_guard lock(state_->mutex);
    return state_->urls;
}

std::shared_ptr<const PublicUrl> SharedUrl::now() const {
    const auto urls = known();
    return {urls, &urls->front()};
}

void SharedUrl::change(PublicUrl next) const {
    const std::lock_guard lock(state_->mutex);
    std::vector<PublicUrl> urls{std::move(next)};
    for (const auto& old : *state_->urls) {
        const bool same =
            old.base() == urls.front().base() && old.media_base() == urls.front().media_base();
        if (!same && urls.size() < kRemembered) urls.push_back(old);
    }
    state_->urls = std::make_shared<const std::vector<PublicUrl>>(std::move(urls));
}

std::string_view below_known(const std::vector<PublicUrl>& known, std::string_view target) {
    for (const auto& url : known) {
        if (const auto below = url.below_base(target); below.starts_with("/twilio/")) return below;
    }
    return target;
}

std::string_view media_target(const std::vector<PublicUrl>& known, std::string_view target) {
    const auto below = below_known(known, target);
    if (below.starts_with("/twilio/")) return below;
    for (const auto& url : known) {
        if (const auto media = url.below_media_base(target); media.starts_with("/twilio/"))
            return media;
    }
    return target;
}

}  // namespace bridge::twilio
