#pragma once
// Twilio's side of a webhook: signed, limited in time, retried once, its failures named as the
// debugger names them.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/secret.hpp"
#include "emulator/faults.hpp"
#include "emulator/form.hpp"
#include "net/http_client.hpp"

namespace bridge::emulator {

namespace asio = boost::asio;

struct Webhook {
    std::string url;              ///< absolute; "#ct=2000&rc=2" changes time limits and retries
    std::string method = "POST";  ///< GET carries the fields in the query
    Fields fields;
    FaultScope scope;  ///< whom it is about
    std::chrono::milliseconds total{15'000};
    std::size_t response_bytes = 64 * 1024;
    bool sign = true;  ///< off for <Play>, which fetches a file
};

struct WebhookAnswer {
    net::HttpResponse response;
    std::string url;  ///< where it came from in the end, without fragment
    std::string method;
};

struct WebhookFailure {
    int code = 11200;  ///< 11100 11200 11205 11210 11215 11217 11220 11750
    std::string message;
};

/// Thread: the executor's.
class WebhookSender {
public:
    WebhookSender(asio::any_io_executor executor, const std::string& ca_file, Secret token,
                  FaultBook& faults);

    /// An answer has a 2xx status. Follows up to ten HTTP redirects, signing each request anew.
    asio::awaitable<tl::expected<WebhookAnswer, WebhookFailure>> send(Webhook webhook);
    /// X-Twilio-Signature for a request, bent by the faults; empty: none is sent.
    std::string signature(const std::string& url, const Fields& fields, bool upgrade,
                          const FaultScope& scope);
    /// Ends every request in flight; later ones fail at once.
    void stop();
    /// The same for a time, as when the tunnel that all requests go through is dead.
    void cut_off_for(std::chrono::milliseconds time);
    bool cut_off() const { return std::chrono::steady_clock::now() < back_; }

private:
    struct Limits;
    asio::awaitable<tl::expected<net::HttpResponse, WebhookFailure>> attempt(net::HttpCall call,
                                                                             Limits limits);

    void open_client();

    asio::any_io_executor executor_;
    const std::string ca_file_;
    std::chrono::steady_clock::time_point back_{};
    std::shared_ptr<net::HttpClient> client_;
    Secret token_;
    FaultBook& faults_;
};

}  // namespace bridge::emulator
