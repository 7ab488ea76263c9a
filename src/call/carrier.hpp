#pragma once
// Seam: who carries calls (Twilio over REST; a scripted one in tests).

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace bridge::call {

struct PlaceCall {
    CallId call;
    std::string to;    ///< E.164, sip: or client:
    std::string from;  ///< E.164 or client:
    std::chrono::seconds ring_timeout{30};
    std::chrono::seconds time_limit{14400};
    std::map<std::string, std::string>
        extra;  ///< passed through as they are, e.g. MachineDetection
};

struct PlacedCall {
    CallSid sid;
    std::string status;  ///< Twilio's word: "queued"
};

/// How a create ended when it did not succeed. `outcome_unknown`: the request may have reached the
/// carrier and been carried out; it must not be repeated.
struct PlaceFailure {
    Error error;
    bool outcome_unknown = false;
    int carrier_code = 0;  ///< Twilio's error code (21211, …), 0 if there is none
    int http_status = 0;
};

/// The state of a call as the carrier sees it.
struct CarrierCall {
    CallSid sid;
    std::string status;  ///< queued ringing in-progress completed busy failed no-answer canceled
    std::string to, from, direction;
    std::optional<std::chrono::seconds> duration;
    std::string date_created;  ///< RFC 2822
};

/// Calls that a create whose answer was lost may have made.
struct CreatedCalls {
    std::string to, from;  ///< as they were asked for
    /// When the request left, and when it was given up; this machine's clock.
    std::chrono::system_clock::time_point since, until;
};

/// A live call, and who it is for the webhooks.
struct CallRef {
    CallId id;
    CallSid sid;
};

/// Whom the far end is dialled through to.
struct TransferOrder {
    std::string to;  ///< E.164, sip: or client:
    std::string
        caller_id;  ///< shown there; empty: one of this call's own numbers, as the carrier decides
    std::chrono::seconds timeout{30};
    std::chrono::seconds time_limit{14400};
};

/// Thread: any io thread; coroutines resume on the executor they were started on.
class Carrier {
public:
    virtual ~Carrier() = default;
    virtual boost::asio::awaitable<tl::expected<PlacedCall, PlaceFailure>> place_call(
        PlaceCall request) = 0;
    /// Ends a call in any state. A call that is already over is a success.
    virtual boost::asio::awaitable<Result<>> hang_up(CallSid call) = 0;
    // New instructions for a live call; what it does now (its stream) ends. Success: the carrier
    // has taken them, not carried them out. Errors: not_found for a call that is over, and the
    // usual.

    /// Keys (0-9 * # A-D w) for the far end, then a stream of ours again.
    virtual boost::asio::awaitable<Result<>> play_digits(CallRef call, std::string digits) = 0;
    /// Dials; the carrier asks what to do when that is over (input::DialReported).
    virtual boost::asio::awaitable<Result<>> transfer(CallRef call, TransferOrder order) = 0;
    /// Puts it into a conference that ends when one of its participants leaves.
    virtual boost::asio::awaitable<Result<>> join_conference(CallRef call, std::string room) = 0;
    /// Back into a stream of ours.
    virtual boost::asio::awaitable<Result<>> reconnect(CallRef call) = 0;
    virtual boost::asio::awaitable<Result<CarrierCall>> fetch(CallSid call) = 0;
    /// Outbound calls made over REST with exactly these numbers and in this window, whatever became
    /// of them. A difference between the two clocks is allowed for.
    virtual boost::asio::awaitable<Result<std::vector<CarrierCall>>> created_calls(
        CreatedCalls wanted) = 0;
};

}  // namespace bridge::call
