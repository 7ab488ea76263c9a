#include "twilio/media_endpoint.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/log.hpp"
#include "net/hand_over.hpp"
#include "twilio/probe_responder.hpp"
#include "twilio/request_signature.hpp"
#include "twilio/wire/signature.hpp"

namespace bridge::twilio {
namespace {

constexpr std::string_view kPath = "/twilio/media/";

metrics::Counter& refusals(metrics::Registry& metrics, const char* cause) {
    return metrics.counter("agentbridge_media_refusals_total",
                           "Media connections refused before the answer 101.", {{"cause", cause}});
}

}  // namespace

MediaEndpoint::MediaEndpoint(call::CallRegistry& registry, std::shared_ptr<MediaTokens> tokens,
                             MediaEndpointOptions options)
    : registry_(registry),
      tokens_(std::move(tokens)),
      options_(std::move(options)),
      metrics_(metrics::registry_or_own(options_.metrics)) {
    for (const auto* cause :
         {"path", "handshake", "signature", "token", "call_over", "second_stream"}) {
        refusals(*metrics_, cause).add(0);
    }
}

void MediaEndpoint::refuse(net::Upgrade upgrade, int status, std::string text, const char* cause) {
    refusals(*metrics_, cause).add();
    auto response = net::respond(status, "text/plain", std::move(text) + "\n");
    if (status == 426) response.headers.set("Sec-WebSocket-Version", "13");
    net::refuse(std::move(upgrade), std::move(response));
}

net::UpgradeHandler MediaEndpoint::handler() {
    return [self = shared_from_this()](net::Upgrade upgrade) { self->serve(std::move(upgrade)); };
}

std::shared_ptr<MediaScratch> MediaEndpoint::scratch(std::size_t home) {
    const std::lock_guard lock(mutex_);
    auto& scratch = scratch_[home];
    if (!scratch) scratch = std::make_shared<MediaScratch>();
    return scratch;
}

bool MediaEndpoint::signature_is_right(const net::Upgrade& upgrade, std::string_view token) {
    const auto signature = upgrade.head.headers.find("X-Twilio-Signature");
    if (signature) {
        const auto urls = known_media_urls(options_.url, token);
        if (const auto match = matching_url(*signature, options_.auth_tokens, urls, {})) {
            if (!variant_logged_.exchange(true)) {
                log::info("media", "the upgrade's signature is right, made for {}://…{}",
                          match->substr(0, match->find("://")),
                          match->ends_with('/') ? "/ (with a trailing slash)" : "");
            }
            return true;
        }
    }
    const auto shown = options_.url.now()->media_url("<token>");
    const auto cause = signature ? likely_cause(upgrade.head, "wss", upgrade.head.target, {},
                                                *signature, options_.auth_tokens)
                                 : std::string(
                                       "the header X-Twilio-Signature is missing; something other "
                                       "than Twilio asked, or a "
                                       "proxy removed it");
    if (options_.signature == StreamSignature::log) {
        if (!relaxed_logged_.exchange(true)) {
            log::warning(
                "media",
                "upgrade from {}: the signature for {} is not right, and is not required: {}",
                upgrade.head.peer, shown, cause);
        }
        return true;
    }
    log::warning("media", "upgrade from {} refused: the signature was expected for {}: {}",
                 upgrade.head.peer, shown, cause);
    return false;
}

void MediaEndpoint::serve(net::Upgrade upgrade) {
    // A view into the head, which stays where it is until the upgrade is moved away.
    const auto known = options_.url.known();
    auto token = media_target(*known, upgrade.head.path());
    if (!token.starts_with(kPath)) return refuse(std::move(upgrade), 404, "not found", "path");
    token.remove_prefix(kPath.size());
    if (token.ends_with('/')) token.remove_suffix(1);
    if (token.empty() || token.size() > 128 || token.find('/') != std::string_view::npos) {
        return refuse(std::move(upgrade), 404, "not found", "path");
    }
    if (const auto checked = net::ServerWebSocket::check(upgrade.head); !checked) {
        log::warning("media", "upgrade from {} refused: {}", upgrade.head.peer,
                     checked.error().message);
        const auto version = upgrade.head.headers.find("Sec-WebSocket-Version");
        return refuse(std::move(upgrade), version && *version != "13" ? 426 : 400,
                      "no WebSocket handshake of version 13", "handshake");
    }
    if (!options_.instance.empty()) {
        const ProbeResponder probes{options_.instance, options_.url, options_.auth_tokens};
        if (probes.answer_upgrade(upgrade)) return;
    }
    // The signature first: it costs a guesser nothing to fail there, while a look-up would spend a
    // token.
    if (!signature_is_right(upgrade, token))
        return refuse(std::move(upgrade), 403, "forbidden", "signature");
    auto ticket = tokens_->take(token, options_.now());
    if (!ticket) {
        log::warning("media",
                     "upgrade from {} refused: its token is unknown, spent or over {} s old",
                     upgrade.head.peer, MediaTokens::kLifetime.count());
        return refuse(std::move(upgrade), 403, "forbidden", "token");
    }
    hand_over(std::move(upgrade), std::move(*ticket));
}

void MediaEndpoint::hand_over(net::Upgrade upgrade, MediaTicket ticket) {
    const auto executor = registry_.home(ticket.home).executor;
    const auto call = ticket.call;
    const auto moved = net::hand_over(
        std::move(upgrade), executor,
        [self = shared_from_this(), ticket = std::move(ticket)](net::Upgrade arrived) {
            self->serve_at_home(std::move(arrived), ticket);
        });
    if (!moved) {
        log::debug({"media", call}, "{}", moved.error().message);
    } else if (*moved) {
        metrics_
            ->counter("agentbridge_media_handovers_total",
                      "Media sockets accepted on another io thread than their call's and handed "
                      "over.")
            .add();
    }
}

void MediaEndpoint::serve_at_home(net::Upgrade upgrade, const MediaTicket& ticket) {
    auto call = registry_.here(ticket.call);
    const bool gone = !call || call::is_final(call->state()) ||
                      (!call->sid().empty() && call->sid() != ticket.sid);
    if (gone) {
        log::warning({"media", ticket.call}, "upgrade from {} refused: the call is over",
                     upgrade.head.peer);
        return refuse(std::move(upgrade), 404, "no such call", "call_over");
    }
    if (call->has_stream()) {
        log::warning({"media", ticket.call}, "upgrade from {} refused: the call has a stream",
                     upgrade.head.peer);
        return refuse(std::move(upgrade), 409, "this call has a stream", "second_stream");
    }
    metrics_
        ->counter("agentbridge_media_streams_total", "Media connections taken, by io thread.",
                  {{"io_thread", std::to_string(ticket.home)}})
        .add();
    const auto stream = call->open_stream();
    log::info({"media", ticket.call}, "socket accepted from {}", upgrade.head.peer);
    auto socket = net::ServerWebSocket::accept(std::move(upgrade), options_.limits);
    std::make_shared<MediaStream>(std::move(call), ticket.sid, stream, std::move(socket),
                                  *registry_.home(ticket.home).clock, scratch(ticket.home),
                                  options_.stream, metrics_)
        ->start();
}

}  // namespace bridge::twilio
