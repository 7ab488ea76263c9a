#pragma once
// The door for media sockets: /twilio/media/<token>. Token and signature are checked on the thread
// that accepted the connection, which then hands the descriptor over to the call's own shard, once;
// that answers 101 and serves it from then on.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "base/secret.hpp"
#include "call/call_registry.hpp"
#include "net/http_server.hpp"
#include "net/server_websocket.hpp"
#include "twilio/media_stream.hpp"
#include "twilio/media_tokens.hpp"
#include "twilio/public_url.hpp"

namespace bridge::twilio {

/// Whether the signature of the upgrade decides. `log`: for a region that does not send it; the
/// token still decides.
enum class StreamSignature { required, log };

/// A phone sends 50 messages and 19 kB a second; what a stall of minutes has piled up may come at
/// once.
inline net::WebSocketLimits media_limits() {
    net::WebSocketLimits limits;
    limits.frames_per_second = 10'000;
    limits.bytes_per_second = 8'000'000;
    return limits;
}

struct MediaEndpointOptions {
    SharedUrl url;
    std::vector<Secret> auth_tokens;  ///< the current one and, while it is changed, the other
    StreamSignature signature = StreamSignature::required;
    net::WebSocketLimits limits = media_limits();
    MediaStreamOptions stream;
    std::shared_ptr<metrics::Registry> metrics{};  ///< null: nobody looks
    std::string instance{};  ///< who answers probes (see wire/probe.hpp); empty: nobody
    /// Monotonic time on any thread, for the age of tokens.
    std::function<Clock::Time()> now = [] { return Clock::Time(std::chrono::steady_clock::now()); };
};

/// Serves any number of listeners. `registry` outlives it.
class MediaEndpoint : public std::enable_shared_from_this<MediaEndpoint> {
public:
    MediaEndpoint(call::CallRegistry& registry, std::shared_ptr<MediaTokens> tokens,
                  MediaEndpointOptions options);

    /// For net::HttpServer. Answers: 404 another path or a call that is gone, 400 and 426 a bad
    /// handshake, 403 a wrong signature or token, 409 a call that has a stream. Thread: any io
    /// thread.
    net::UpgradeHandler handler();

private:
    void refuse(net::Upgrade upgrade, int status, std::string text, const char* cause);
    bool signature_is_right(const net::Upgrade& upgrade, std::string_view token);
    void serve(net::Upgrade upgrade);
    void hand_over(net::Upgrade upgrade, MediaTicket ticket);
    void serve_at_home(net::Upgrade upgrade, const MediaTicket& ticket);
    std::shared_ptr<MediaScratch> scratch(std::size_t home);

    call::CallRegistry& registry_;
    std::shared_ptr<MediaTokens> tokens_;
    const MediaEndpointOptions options_;
    const std::shared_ptr<metrics::Registry> metrics_;
    std::atomic<bool> variant_logged_{false};
    std::atomic<bool> relaxed_logged_{false};
    std::mutex
        mutex_;  // guards the map, once per socket; each scratch is touched by its shard alone
    std::unordered_map<std::size_t, std::shared_ptr<MediaScratch>> scratch_;
};

}  // namespace bridge::twilio
