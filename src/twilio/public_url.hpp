#pragma once
// PUBLIC_URL: where Twilio reaches this program. Every webhook address, the media address and what
// a signature must cover are made from it, never from what a request says about itself.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

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

/// The public address of this moment, which a tunnel may change while the program runs. Copies
/// share one value. Thread: any.
class SharedUrl {
public:
    SharedUrl() : SharedUrl(PublicUrl{}) {}
    SharedUrl(PublicUrl first);  // NOLINT(google-explicit-constructor): one that never changes

    /// For what is new from now on: webhooks of new calls, media sockets.
    std::shared_ptr<const PublicUrl> now() const;
    /// The address of now and, newest first, those before it. Webhooks of calls made under an old
    /// one are signed for it as long as the call lives.
    std::shared_ptr<const std::vector<PublicUrl>> known() const;
    /// Makes `next` the address. One that was known before moves to the front; the oldest beyond
    /// kRemembered is forgotten.
    void change(PublicUrl next) const;

    static constexpr std::size_t kRemembered = 16;

private:
    struct State {
        std::mutex mutex;  // taken per webhook and REST request, never per frame
        std::shared_ptr<const std::vector<PublicUrl>> urls;
    };
    std::shared_ptr<State> state_;
};

/// `target` as Twilio knows it: below the first of `known` under which it begins with "/twilio/".
std::string_view below_known(const std::vector<PublicUrl>& known, std::string_view target);

/// The same for a media socket's, which may have a base of its own.
std::string_view media_target(const std::vector<PublicUrl>& known, std::string_view target);

/// "localhost", 127.x.x.x, "[::1]".
bool is_loopback_host(std::string_view host);

}  // namespace bridge::twilio
