#include "twilio/probe_responder.hpp"

#include <chrono>
#include <span>
#include <utility>

#include "net/server_websocket.hpp"
#include "twilio/request_signature.hpp"
#include "twilio/wire/form.hpp"
#include "twilio/wire/probe.hpp"
#include "twilio/wire/signature.hpp"

namespace bridge::twilio {

std::optional<net::HttpResponse> ProbeResponder::answer(const net::HttpRequest& request) const {
    const auto known = url.known();
    const auto target = below_known(*known, request.target);
    // A tunnel may have put a path of its own in front: what the probe says of itself counts.
    const auto mark = target.find('?');
    if (mark == std::string_view::npos || !target.substr(0, mark).ends_with("/twilio/status"))
        return std::nullopt;
    const auto query = parse_form(target.substr(mark + 1));
    if (!query) return std::nullopt;
    const auto probe = read_probe(query->get("probe"), auth_tokens);
    if (!probe) return std::nullopt;

    ProbeReport report;
    report.instance = instance;
    report.public_url = known->front().base();
    const auto form = parse_form(request.body);
    report.body_whole = form && form->pairs() == probe_form().pairs();
    const auto signature = request.headers.find("X-Twilio-Signature");
    report.signature_came = signature.has_value();
    if (!signature) {
        report.cause = "X-Twilio-Signature did not arrive";
    } else {
        const auto parameters = form.value_or(Form{});
        report.signature_right = matching_url(*signature, auth_tokens,
                                              known_webhook_urls(url, request.target), parameters)
                                     .has_value();
        if (!report.signature_right) {
            report.cause = report.body_whole ? likely_cause(request, "https", request.target,
                                                            parameters, *signature, auth_tokens)
                                             : "a proxy changed the body";
        }
    }
    auto response = net::respond(200, "text/plain", format_probe_report(report, *probe));
    response.headers.set("Cache-Control", "no-store");
    return response;
}

bool ProbeResponder::answer_upgrade(net::Upgrade& upgrade) const {
    const auto known = url.known();
    constexpr std::string_view kPath = "/twilio/media/";
    auto token = media_target(*known, upgrade.head.path());
    if (!token.starts_with(kPath)) return false;
    token.remove_prefix(kPath.size());
    if (!token.starts_with(kProbeToken)) return false;
    const auto probe = read_probe(token.substr(kProbeToken.size()), auth_tokens);
    if (!probe || !net::ServerWebSocket::check(upgrade.head)) return false;

    ProbeReport report;
    report.instance = instance;
    report.public_url = known->front().base();
    const auto signature = upgrade.head.headers.find("X-Twilio-Signature");
    report.signature_came = signature.has_value();
    report.signature_right =
        signature &&
        matching_url(*signature, auth_tokens, known_media_urls(url, token), {}).has_value();
    if (!report.signature_right) {
        report.cause = signature ? likely_cause(upgrade.head, "wss", upgrade.head.target, {},
                                                *signature, auth_tokens)
                                 : "X-Twilio-Signature did not arrive";
    }
    net::WebSocketLimits limits;
    limits.close_time = std::chrono::milliseconds(100);
    const auto socket = net::ServerWebSocket::accept(std::move(upgrade), limits);
    socket->start([](std::span<const net::WebSocketMessage>) {}, [](const net::WebSocketEnd&) {});
    socket->send(format_probe_report(report, *probe));
    socket->close(1000, "");
    return true;
}

}  // namespace bridge::twilio
