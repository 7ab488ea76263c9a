#include "twilio/recordings_resource.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <utility>

#include "twilio/wire/json_fields.hpp"

namespace bridge::twilio {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// 256 MiB at half a megabyte a second.
constexpr auto kLongestFetch = 10min;
/// Twilio's storage, and the storage that it stands for.
constexpr int kMostRedirects = 3;

std::string resource(const std::string& recording, std::string_view form) {
    return fmt::format("/Recordings/{}{}", percent_encode(recording), form);
}

Result<std::string> field_of(const Result<net::HttpResponse>& answer, std::string_view field) {
    if (!answer) return tl::unexpected(answer.error());
    const auto body = parse_json_object(answer->body);
    auto text = body ? text_field(*body, field) : std::string();
    if (text.empty())
        return fail(Errc::protocol,
                    "the answer about a recording is not what Twilio sends; check TWILIO_BASE_URL");
    return text;
}

Result<> done(const Result<net::HttpResponse>& answer) {
    if (!answer) return tl::unexpected(answer.error());
    return {};
}

}  // namespace

asio::awaitable<Result<std::string>> RecordingsResource::start(call::CallRef call,
                                                               std::string name) {
    const auto rest = rest_;
    RestRequest request;
    request.method = "POST";
    request.path = fmt::format("/Calls/{}/Recordings.json", percent_encode(call.sid.str()));
    request.form.add("RecordingChannels", "dual");
    request.form.add(
        "RecordingStatusCallback",
        fmt::format("{}&name={}", rest->webhook_url("/twilio/recording-status", call.id),
                    percent_encode(name)));
    request.form.add("RecordingStatusCallbackMethod", "POST");
    request.form.add("RecordingStatusCallbackEvent", "completed absent");
    request.repeat = Repeat::never;
    const auto answer = co_await rest->ask(std::move(request));
    co_return field_of(answer, "sid");
}

asio::awaitable<Result<>> RecordingsResource::change(CallSid call, std::string recording,
                                                     call::RecordingStatus status) {
    using Status = call::RecordingStatus;
    const auto rest = rest_;
    RestRequest request;
    request.method = "POST";
    request.path = fmt::format("/Calls/{}/Recordings/{}.json", percent_encode(call.str()),
                               percent_encode(recording));
    request.form.add("Status", status == Status::paused    ? "paused"
                               : status == Status::stopped ? "stopped"
                                                           : "in-progress");
    if (status == Status::paused) request.form.add("PauseBehavior", "silence");
    const auto answer = co_await rest->ask(std::move(request));
    co_return done(answer);
}

asio::awaitable<Result<std::string>> RecordingsResource::status(std::string recording) {
    const auto rest = rest_;
    RestRequest request;
    request.path = resource(recording, ".json");
    const auto answer = co_await rest->ask(std::move(request));
    co_return field_of(answer, "status");
}

asio::awaitable<Result<>> RecordingsResource::fetch(std::string recording,
                                                    std::function<bool(std::string_view)> take) {
    const auto rest = rest_;
    RestRequest request;
    request.path = resource(recording, ".wav?RequestedChannels=2");
    request.repeat = Repeat::never;
    request.on_body = std::move(take);
    request.most_bytes = kMostBytes;
    request.timeout = kLongestFetch;
    request.max_redirects = kMostRedirects;
    const auto answer = co_await rest->ask(std::move(request));
    co_return done(answer);
}

asio::awaitable<Result<>> RecordingsResource::remove(std::string recording) {
    const auto rest = rest_;
    RestRequest request;
    request.method = "DELETE";
    request.path = resource(recording, ".json");
    const auto answer = co_await rest->ask(std::move(request));
    if (!answer && answer.error().code == Errc::not_found) co_return Result<>{};
    co_return done(answer);
}

}  // namespace bridge::twilio
