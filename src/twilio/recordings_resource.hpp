#pragma once
// Recordings that Twilio itself makes of calls (twilio.com/docs/voice/api/recording): begun, paused
// and ended over REST, looked at, fetched and deleted.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "call/carrier.hpp"
#include "call/recordings.hpp"
#include "twilio/rest_client.hpp"

namespace bridge::twilio {

/// What Twilio's webhook tells about a recording, as far as it is needed.
struct RecordingReport {
    CallId call;
    std::string name;       ///< that we gave it when it began
    std::string recording;  ///< RE…
    std::string status;     ///< completed, absent, failed
};

/// Thread: as RestClient's.
class RecordingsResource {
public:
    /// More than two hours and a quarter of both sides.
    static constexpr std::size_t kMostBytes = 256UL * 1024 * 1024;

    explicit RecordingsResource(std::shared_ptr<RestClient> rest) : rest_(std::move(rest)) {}

    /// Both sides apart. The webhook /twilio/recording-status is told how it ends, with `name`.
    /// Returns the recording's SID.
    boost::asio::awaitable<Result<std::string>> start(call::CallRef call, std::string name);
    /// recording, paused (silence is recorded meanwhile) or stopped.
    boost::asio::awaitable<Result<>> change(CallSid call, std::string recording,
                                            call::RecordingStatus status);
    /// "in-progress", "paused", "processing", "completed", "absent", … Errors: not_found.
    boost::asio::awaitable<Result<std::string>> status(std::string recording);
    /// The sound as a WAV of two channels, the far end left, piece by piece, at most kMostBytes.
    /// Twilio may send us to another host for it, which is not told the password. Tried once.
    /// Errors: not_found also while Twilio is not ready; cancelled: `take` returned false.
    boost::asio::awaitable<Result<>> fetch(std::string recording,
                                           std::function<bool(std::string_view)> take);
    /// Success also when Twilio has none any more.
    boost::asio::awaitable<Result<>> remove(std::string recording);

private:
    std::shared_ptr<RestClient> rest_;
};

}  // namespace bridge::twilio
