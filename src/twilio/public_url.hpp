#pragma once
// PUBLIC_URL: where Twilio reaches this program. Every webhook address, the media address and what
// a signature must cover are made from it, never from what a request says about itself.

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::twilio {

class PublicUrl {
public:
    /// `url`: https://host[:port][/path], or http:// for a loopback host; no query, fragment or
    /// user; trailing slashes are dropped. `media_url`: another base for the media socket (ws, wss,
    /// http or https under the same rule); empty: the same place. Errors: bad_config, naming
    /// PUBLIC_URL or AGENTBRIDGE_MEDIA_URL.
    static Result<PublicUrl> parse(std::string_view url, std::string_view media_url = {});

    /// Without a trailing slash: "https://bridge.example.com".
    const std::string& base() const { return base_; }
    /// "wss://bridge.example.com".
    const std::string& media_base() const { return media_base_; }
    /// The address of one of our webhooks; `target` begins with '/'.
    std::string url(std::string_view target) const { return base_ + std::string(target); }
    /// "wss://…/twilio/media/<token>".
    std::string media_url(std::string_view token) const;
    /// `target` as Twilio knows it below base(): a path of PUBLIC_URL that a proxy passed on is
    /// taken off.
    std::string_view below_base(std::string_view target) const;
    std::string_view below_media_base(std::string_view target) const;
    /// Only this machine can reach it (demo, tests).
    bool loopback() const { return loopback_; }

private:
    std::string base_, prefix_, media_base_, media_prefix_;
    bool loopback_ = false;
};

/// "localhost", 127.x.x.x, "[::1]".
bool is_loopback_host(std::string_view host);

}  // namespace bridge::twilio
