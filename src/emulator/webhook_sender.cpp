#include "emulator/webhook_sender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "emulator/sid.hpp"
#include "emulator/signature.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Connection overrides (twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
struct WebhookSender::Limits {
    milliseconds connect{5000};
    milliseconds total{15'000};
    int retries = 1;
    std::string retry_on = "ct";
    steady_clock::time_point deadline;

    bool retries_on(std::string_view what) const {
        return retry_on == "all" ||
               ("," + retry_on + ",").find(fmt::format(",{},", what)) != std::string::npos;
    }
};

namespace {

constexpr int kMostRedirects = 10;

milliseconds bounded(const Fields& fields, std::string_view name, milliseconds least,
                     milliseconds most, milliseconds otherwise) {
    const auto text = find_field(fields, name);
    if (!text || text->empty() || text->size() > 6 ||
        text->find_first_not_of("0123456789") != std::string::npos) {
        return otherwise;
    }
    return std::clamp(milliseconds(std::atol(text->c_str())), least, most);
}

WebhookFailure name_failure(const net::HttpFailure& failure) {
    using Stage = net::HttpFailure::Stage;
    const auto& message = failure.error.message;
    if (failure.error.code == Errc::too_large) {
        return {11750, "Response body too large: over 64 kB. " + message};
    }
    switch (failure.stage) {
        case Stage::resolve:
            return {11210, "HTTP bad host name: " + message};
        case Stage::connect:
            return {11205, "HTTP connection failure: " + message};
        case Stage::tls:
            return {11220, "TLS handshake error: " + message};
        default:
            return {11200, "HTTP retrieval failure: " + message};
    }
}

}  // namespace

WebhookSender::WebhookSender(asio::any_io_executor executor, const std::string& ca_file,
                             Secret token, FaultBook& faults)
    : executor_(std::move(executor)), ca_file_(ca_file), token_(std::move(token)), faults_(faults) {
    open_client();
}

void WebhookSender::open_client() {
    net::HttpClientOptions options;
    options.ca_file = ca_file_;
    options.user_agent = "TwilioProxy/1.1";
    options.use_proxy = false;  // webhooks of an emulator go to this machine or its neighbours
    client_ = net::HttpClient::make(executor_, std::move(options));
}

void WebhookSender::cut_off_for(milliseconds time) {
    if (!client_) return;
    back_ = steady_clock::now() + time;
    open_client();
}

void WebhookSender::stop() {
    client_.reset();
}

std::string WebhookSender::signature(const std::string& url, const Fields& fields, bool upgrade,
                                     const FaultScope& scope) {
    auto fault = upgrade ? faults_.take(Switch::upgrade, scope) : std::nullopt;
    if (!fault) fault = faults_.take(Switch::signature, scope);
    const auto is = [&](std::string_view what) { return fault && fault->is(what); };
    auto text = url;
    if (const auto parsed = parse_url(url)) {
        text = upgrade ? parsed->str() : signed_form(*parsed);
        if (upgrade && is("trailing_slash")) text += '/';
        if (upgrade && is("https")) {
            const bool secure = parsed->scheme == "wss";
            text = (secure ? "https" : "http") + text.substr(parsed->scheme.size());
        }
    }
    if (is("missing")) return {};
    if (is("wrong")) return sign(text, fields, Secret("not the token"));
    return sign(text, fields, token_);
}

asio::awaitable<tl::expected<net::HttpResponse, WebhookFailure>> WebhookSender::attempt(
    net::HttpCall call, Limits limits) {
    for (int tries = 0;; ++tries) {
        const auto left =
            std::chrono::duration_cast<milliseconds>(limits.deadline - steady_clock::now());
        if (!client_) co_return tl::unexpected(WebhookFailure{11200, "The emulator is stopping."});
        if (cut_off()) {
            co_return tl::unexpected(WebhookFailure{11205, "HTTP connection failure: refused by " +
                                                               call.url + " (the tunnel is gone)"});
        }
        if (left.count() <= 0) {
            co_return tl::unexpected(WebhookFailure{
                11200, "HTTP retrieval failure: no answer in time from " + call.url});
        }
        call.connect_timeout = std::min(limits.connect, left);
        call.total_timeout = left;
        auto copy = call;
        auto answer = co_await client_->request(std::move(copy));
        const bool again = tries < limits.retries && client_ != nullptr;
        if (!answer) {
            const bool before = !answer.error().request_sent;
            if (again && limits.retries_on(before ? "ct" : "rt")) continue;
            co_return tl::unexpected(name_failure(answer.error()));
        }
        const auto status = answer->status;
        if (again && ((status >= 500 && limits.retries_on("5xx")) ||
                      (status >= 400 && status < 500 && limits.retries_on("4xx")))) {
            continue;
        }
        co_return *std::move(answer);
    }
}

asio::awaitable<tl::expected<WebhookAnswer, WebhookFailure>> WebhookSender::send(Webhook webhook) {
    Limits limits;
    limits.total = webhook.total;
    limits.deadline = steady_clock::now() + webhook.total;
    bool first = true;
    auto url_text = webhook.url;
    auto method = webhook.method;
    const auto idempotency = new_sid("");
    for (int hops = 0; hops <= kMostRedirects; ++hops) {
        auto url = parse_url(url_text);
        if (!url || (url->scheme != "http" && url->scheme != "https")) {
            co_return tl::unexpected(
                WebhookFailure{11100, "Invalid URL format: '" + url_text + "'"});
        }
        if (first && !url->fragment.empty()) {
            const auto overrides = parse_form(url->fragment);
            limits.connect =
                bounded(overrides, "ct", milliseconds(100), milliseconds(10'000), limits.connect);
            const auto read =
                bounded(overrides, "rt", milliseconds(100), milliseconds(15'000), limits.total);
            limits.total = std::min(
                {bounded(overrides, "tt", milliseconds(100), milliseconds(15'000), limits.total),
                 read + limits.connect, limits.total});
            limits.deadline = steady_clock::now() + limits.total;
            limits.retries = static_cast<int>(
                bounded(overrides, "rc", milliseconds(0), milliseconds(5), milliseconds(1))
                    .count());
            limits.retry_on = field_or(overrides, "rp", "ct");
        }
        first = false;
        net::HttpCall call;
        call.method = method;
        call.response_bytes = webhook.response_bytes;
        const bool get = method == "GET";
        if (get && !webhook.fields.empty() && hops == 0) {
            url->target += url->target.find('?') == std::string::npos ? "?" : "&";
            url->target += encode_form(webhook.fields);
        }
        if (!get) {
            call.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
            call.body = encode_form(webhook.fields);
        }
        call.url = url->str();
        if (!url->userinfo.empty()) {
            const auto colon = url->userinfo.find(':');
            call.user = percent_decode(url->userinfo.substr(0, colon));
            if (colon != std::string::npos) {
                call.password = Secret(percent_decode(url->userinfo.substr(colon + 1)));
            }
        }
        call.headers.add("Accept", "*/*");
        if (webhook.sign) {
            const auto value =
                signature(call.url, get ? Fields{} : webhook.fields, false, webhook.scope);
            if (!value.empty()) call.headers.add("X-Twilio-Signature", value);
            call.headers.add("I-Twilio-Idempotency-Token", idempotency);
        }
        const auto requested = call.url;
        auto answer = co_await attempt(std::move(call), limits);
        if (!answer) co_return tl::unexpected(answer.error());
        const auto status = answer->status;
        const auto location = answer->headers.find("Location");
        if (status >= 300 && status < 400 && location) {
            // 307 and 308 repeat the request; the others ask for the new place with a bare GET.
            if (status != 307 && status != 308) method = "GET";
            url_text = resolve_url(requested, std::string(*location));
            continue;
        }
        if (status < 200 || status > 299) {
            co_return tl::unexpected(
                WebhookFailure{11217, fmt::format("HTTP error {} from {}", status, requested)});
        }
        co_return WebhookAnswer{*std::move(answer), requested, method};
    }
    co_return tl::unexpected(WebhookFailure{11215, "HTTP too many redirects from " + webhook.url});
}

}  // namespace bridge::emulator
