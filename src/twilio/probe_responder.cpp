#include "twilio/probe_responder.hpp"

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

}  // namespace bridge::twilio
