#include "app/reach/probe_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/config.hpp"
#include "twilio/wire/signature.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using Kind = ProbeResult::Kind;

std::string start_tunnel(std::uint16_t port) {
    return fmt::format(
        "start the tunnel again (ngrok http {0}) and set PUBLIC_URL to its address, "
        "or let --tunnel ngrok do both",
        port);
}

/// Nothing came back: the name, the connection, TLS, or time.
ProbeResult unreached(const net::HttpFailure& failure, const ProbeRequest& request) {
    using Stage = net::HttpFailure::Stage;
    ProbeResult result;
    const auto host =
        std::string(host_of_url(request.through.empty() ? request.url.base() : request.through));
    result.fix = start_tunnel(request.port);
    // A server that takes the connection and never says a word; curl tells this in words alone.
    if (failure.error.message.find("timed out") != std::string::npos) {
        result.what = fmt::format("{} gave no answer in time", host);
        return result;
    }
    switch (failure.stage) {
        case Stage::resolve:
            result.what = fmt::format(
                "there is no host {}: that tunnel has ended, or the address "
                "is misspelt",
                host);
            break;
        case Stage::connect:
            result.what = fmt::format("no connection to {} could be made", host);
            break;
        case Stage::tls:
            result.what = fmt::format("{} has no certificate that can be trusted: {}", host,
                                      failure.error.message);
            result.fix = "give it a certificate of a public authority; Twilio accepts no other";
            break;
        default:
            result.what = fmt::format("{} broke off the connection without an answer", host);
            break;
    }
    return result;
}

/// Something that is not this program answered. The providers' own error pages are told apart.
ProbeResult other(const net::HttpResponse& response, const ProbeRequest& request) {
    ProbeResult result;
    result.kind = Kind::other;
    const auto host = std::string(host_of_url(request.url.base()));
    const auto ngrok = response.headers.find("Ngrok-Error-Code").value_or("");
    const auto says = [&](std::string_view words) {
        return response.body.find(words) != std::string::npos;
    };
    if (ngrok == "ERR_NGROK_3200" || says("ERR_NGROK_3200")) {
        result.what = fmt::format("ngrok says that {} is offline (ERR_NGROK_3200)", host);
        result.fix = start_tunnel(request.port);
    } else if (ngrok == "ERR_NGROK_8012" || says("ERR_NGROK_8012")) {
        result.what = fmt::format(
            "the ngrok tunnel at {} leads to a port where nothing answers "
            "(ERR_NGROK_8012)",
            host);
        result.fix = fmt::format("run: ngrok http {}", request.port);
    } else if (response.status == 530 || says("error code: 1033")) {
        result.what = fmt::format("Cloudflare has no tunnel behind {} (error 1033)", host);
        result.fix = "start cloudflared again, or let --tunnel cloudflared do it";
    } else if (response.status == 502 || response.status == 504) {
        result.what = fmt::format("{} is a tunnel or proxy that finds nothing behind it (HTTP {})",
                                  host, response.status);
        result.fix = fmt::format("have it lead to port {} of this machine", request.port);
    } else if (response.status == 403 && says("the signature does not match")) {
        result.what = fmt::format("an agentbridge with another Auth Token answers at {}", host);
        result.fix =
            "set TWILIO_AUTH_TOKEN to the token of the account it runs with, or "
            "PUBLIC_URL to this machine's tunnel";
    } else {
        const auto server = response.headers.find("Server").value_or("");
        result.what =
            fmt::format("another program answers at {} (HTTP {}{}{})", host, response.status,
                        server.empty() ? "" : ", ", server.substr(0, 40));
        result.fix = fmt::format("have PUBLIC_URL lead to port {} of this machine: ngrok http {}",
                                 request.port, request.port);
    }
    return result;
}

net::HttpCall call_for(const ProbeRequest& request, std::string_view target) {
    net::HttpCall call;
    call.url =
        (request.through.empty() ? request.url.base() : request.through) + std::string(target);
    call.connect_timeout = request.deadline;
    call.total_timeout = request.deadline;
    call.response_bytes = 256 * 1024;
    // ngrok shows browsers a page of its own first; it must never take us for one.
    call.headers.add("ngrok-skip-browser-warning", "1");
    return call;
}

/// The payload of the first message, whose frame is neither masked nor in parts.
std::string_view first_message(std::string_view bytes) {
    if (bytes.size() < 2 || bytes[0] != '\x81') return {};
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    std::size_t length = at(1), begin = 2;
    if (length == 126) {
        if (bytes.size() < 4) return {};
        length = static_cast<std::size_t>(at(2)) << 8U | at(3);
        begin = 4;
    }
    return length < 127 || begin == 4 ? bytes.substr(begin, length) : std::string_view{};
}

}  // namespace

std::string local_base(const std::string& host, std::uint16_t port, bool tls) {
    const bool any = host == "0.0.0.0" || host == "::" || host == "[::]";
    const auto name = any                                   ? std::string("127.0.0.1")
                      : host.find(':') != std::string::npos ? "[" + host + "]"
                                                            : host;
    return fmt::format("{}://{}:{}", tls ? "https" : "http", name, port);
}

asio::awaitable<ProbeResult> probe_webhook(std::shared_ptr<net::HttpClient> http,
                                           ProbeRequest request) {
    const twilio::Probe probe{twilio::new_nonce(), request.token};
    const auto target = "/twilio/status?probe=" + twilio::format_probe(probe);
    const auto form = twilio::probe_form();
    auto call = call_for(request, target);
    call.method = "POST";
    call.body = twilio::format_form(form);
    call.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8");
    call.headers.add("X-Twilio-Signature",
                     twilio::compute_signature(request.token, request.url.url(target), form));
    const auto answer = co_await http->request(std::move(call));
    if (!answer) co_return unreached(answer.error(), request);
    auto report = twilio::parse_probe_report(answer->body, probe);
    if (!report) co_return other(*answer, request);
    ProbeResult result;
    result.kind = Kind::answered;
    result.report = std::move(*report);
    co_return result;
}

asio::awaitable<ProbeResult> probe_upgrade(std::shared_ptr<net::HttpClient> http,
                                           ProbeRequest request) {
    const twilio::Probe probe{twilio::new_nonce(), request.token};
    const auto token = std::string(twilio::kProbeToken) + twilio::format_probe(probe);
    // The client speaks HTTP, so that proxies of the environment work here as everywhere: ws is
    // http.
    auto base = request.through.empty() ? request.url.media_base() : request.through;
    if (base.starts_with("ws")) base.replace(0, 2, "http");
    auto call = call_for(request, "");
    call.url = base + "/twilio/media/" + token;
    call.headers.add("Connection", "Upgrade");
    call.headers.add("Upgrade", "websocket");
    call.headers.add("Sec-WebSocket-Version", "13");
    call.headers.add("Sec-WebSocket-Key", "YWdlbnRicmlkZ2UgcHJvYg==");
    call.headers.add("X-Twilio-Signature",
                     twilio::compute_signature(request.token, request.url.media_url(token), {}));
    const auto answer = co_await http->request(std::move(call));
    if (!answer) co_return unreached(answer.error(), request);
    ProbeResult result;
    if (answer->status != 101) {
        result = other(*answer, request);
        if (result.what.starts_with("another program")) {
            result.kind = Kind::no_upgrade;
            result.what = fmt::format(
                "the WebSocket upgrade did not get through: HTTP {} came "
                "back instead of 101",
                answer->status);
            result.fix =
                "have the tunnel or proxy pass WebSockets on (nginx: proxy_http_version "
                "1.1 and the Upgrade and Connection headers)";
        }
        co_return result;
    }
    auto report = twilio::parse_probe_report(first_message(answer->body), probe);
    if (!report) {
        result.kind = Kind::other;
        result.what = fmt::format("another program's WebSocket answers at {}", base);
        result.fix = fmt::format("have it lead to port {} of this machine", request.port);
        co_return result;
    }
    result.kind = Kind::answered;
    result.report = std::move(*report);
    co_return result;
}

}  // namespace bridge::app
