#pragma once
// Twilio's REST API (2010-04-01), as far as calls, numbers and the account go.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "base/secret.hpp"
#include "call/carrier.hpp"
#include "net/http_client.hpp"
#include "twilio/public_url.hpp"
#include "twilio/wire/form.hpp"

namespace bridge::twilio {

/// "https://api.twilio.com"; with a region or an edge "https://api.{edge}.{region}.twilio.com" (an
/// edge alone means region us1).
std::string rest_base_url(std::string_view region, std::string_view edge);

struct RestOptions {
    std::string base_url = "https://api.twilio.com";  ///< TWILIO_BASE_URL, or rest_base_url()
    std::string account_sid;
    Secret auth_token;    ///< the first, if there are several
    std::string api_key;  ///< SK…: used instead of the Auth Token if it is set
    Secret api_secret;
    SharedUrl public_url;  ///< where the webhooks of our calls are
    std::chrono::milliseconds connect_timeout{5000};
    std::chrono::milliseconds total_timeout{30000};
    int tries = 3;                                 ///< of a request that may be repeated
    std::chrono::milliseconds first_backoff{200};  ///< doubled each time, with jitter
    std::chrono::milliseconds longest_backoff{3000};
    std::chrono::milliseconds longest_retry_after{
        30000};                                    ///< a longer Retry-After is not waited for
    std::uint64_t seed = 0;                        ///< of the jitter
    std::shared_ptr<metrics::Registry> metrics{};  ///< null: nobody looks
    /// Waits between tries; empty: a timer. Thread: the client's.
    std::function<boost::asio::awaitable<void>(std::chrono::milliseconds)> wait;
    /// Wall-clock time, to compare with the carrier's.
    std::function<std::chrono::system_clock::time_point()> wall_now = [] {
        return std::chrono::system_clock::now();
    };
    /// Monotonic time, for the log.
    std::function<Clock::Time()> now = [] { return Clock::Time(std::chrono::steady_clock::now()); };
};

/// Whether a request may be sent again when it is unknown what became of it.
enum class Repeat { freely, never };

/// One request for a resource of the account.
struct RestRequest {
    std::string method = "GET";
    std::string path;  ///< below the account: "/Recordings/RE….json"
    Form form;         ///< of a POST
    Repeat repeat = Repeat::freely;
    // Of sound; else the answer is a small text:
    /// As net::HttpCall::on_body. With it: Repeat::never, as a second try would begin anew.
    std::function<bool(std::string_view)> on_body{};
    std::size_t most_bytes = 0;           ///< 0: what the HTTP client allows
    std::chrono::milliseconds timeout{};  ///< 0: RestOptions::total_timeout
    int max_redirects = 0;
};

struct CallFilter {
    std::string to, from, status;
    std::string start_time_from;  ///< "YYYY-MM-DD", UTC
    std::size_t at_most = 1000;   ///< further pages are not fetched
};

struct AccountState {
    std::string sid, name;
    std::string status;  ///< active, suspended, closed; empty if it may not be read
    std::string type;    ///< Trial, Full; empty if it may not be read
    bool trial() const { return type == "Trial"; }
};

struct PhoneNumber {
    std::string sid;  ///< PN…
    std::string number;
    std::string name;  ///< that its owner gave it
    std::string voice_url, voice_method, voice_fallback_url, voice_fallback_method;
    std::string status_callback, status_callback_method;
    std::string voice_application_sid,
        trunk_sid;      ///< if one is set, voice_url is ignored by Twilio
    bool voice = true;  ///< it can take calls
};

/// Thread: any io thread; a coroutine resumes on the executor it was started on. Requests run on
/// the HTTP client's executor. What may be repeated is repeated after a failure; a create is
/// repeated only when nothing can have reached Twilio, or Twilio said that it did nothing (429).
class RestClient final : public call::Carrier {
public:
    /// `executor` is the one `http` was made with.
    RestClient(boost::asio::any_io_executor executor, std::shared_ptr<net::HttpClient> http,
               RestOptions options);

    boost::asio::awaitable<tl::expected<call::PlacedCall, call::PlaceFailure>> place_call(
        call::PlaceCall request) override;
    /// Success also when the call is over already or Twilio knows none.
    boost::asio::awaitable<Result<>> hang_up(CallSid call) override;
    /// Gives a live call new TwiML, of at most 4000 characters. Errors: not_found also for a call
    /// that is over (21220), too_large, and the usual. Never repeated when it may have been taken.
    boost::asio::awaitable<Result<>> redirect(CallSid call, std::string twiml);
    boost::asio::awaitable<Result<>> play_digits(call::CallRef call, std::string digits) override;
    boost::asio::awaitable<Result<>> transfer(call::CallRef call,
                                              call::TransferOrder order) override;
    boost::asio::awaitable<Result<>> join_conference(call::CallRef call, std::string room) override;
    boost::asio::awaitable<Result<>> reconnect(call::CallRef call) override;
    boost::asio::awaitable<Result<call::CarrierCall>> fetch(CallSid call) override;
    /// By the carrier's clock, as the Date of its answer tells it; two seconds are allowed each
    /// way.
    boost::asio::awaitable<Result<std::vector<call::CarrierCall>>> created_calls(
        call::CreatedCalls wanted) override;

    /// Any resource of the account; the answer was a success. Errors: as to_error() has them.
    boost::asio::awaitable<Result<net::HttpResponse>> ask(RestRequest request);
    /// Where the carrier reaches us about this call: the path, and what is asked for.
    std::string webhook_url(std::string_view path, const CallId& call) const;

    boost::asio::awaitable<Result<std::vector<call::CarrierCall>>> list(CallFilter filter);
    /// Checks the credentials. An API key that may not read the account is tried on the list of
    /// calls.
    boost::asio::awaitable<Result<AccountState>> account();
    /// All numbers of the account, or the one that is `exact`.
    boost::asio::awaitable<Result<std::vector<PhoneNumber>>> numbers(std::string exact = {});
    /// Sets fields by Twilio's names (VoiceUrl, VoiceMethod, …); an empty value clears one.
    boost::asio::awaitable<Result<PhoneNumber>> update_number(std::string sid, Form fields);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace bridge::twilio
