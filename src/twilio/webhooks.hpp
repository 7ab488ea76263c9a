#pragma once
// What Twilio asks and tells over HTTP: instructions for a call, its state, its streams. Every
// request must carry a right signature; the answer never waits for anything outside this process.

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "base/secret.hpp"
#include "call/call_registry.hpp"
#include "net/http_server.hpp"
#include "twilio/media_tokens.hpp"
#include "twilio/public_url.hpp"
#include "twilio/recordings_resource.hpp"
#include "twilio/wire/form.hpp"
#include "twilio/wire/twiml.hpp"

namespace bridge::twilio {

/// What happens to a call someone else makes to a number of ours.
enum class InboundPolicy { answer, reject };

struct WebhookOptions {
    SharedUrl url;
    std::vector<Secret> auth_tokens;  ///< the current one and, while it is changed, the other
    std::string instance;             ///< who answers probes (see wire/probe.hpp); empty: nobody
    InboundPolicy inbound = InboundPolicy::answer;
    RejectReason reject_reason = RejectReason::rejected;
    call::CallSpec inbound_call;  ///< what an inbound call is opened with; numbers, direction and
                                  ///< SID are filled in
    std::shared_ptr<metrics::Registry> metrics{};  ///< null: nobody looks
    /// What Twilio tells of a recording that it makes. Thread: any io thread. Empty: nobody asks.
    std::function<void(RecordingReport)> recording_reported{};
    /// Monotonic time on any thread, for the age of tokens.
    std::function<Clock::Time()> now = [] { return Clock::Time(std::chrono::steady_clock::now()); };
};

/// Serves any number of listeners. `registry` outlives it.
class Webhooks : public std::enable_shared_from_this<Webhooks> {
public:
    Webhooks(call::CallRegistry& registry, std::shared_ptr<MediaTokens> tokens,
             WebhookOptions options);

    /// For net::HttpServer: /twilio/voice, /status, /stream-status, /amd, /fallback, /dial-result,
    /// /participant, /conference, /recording-status, by POST or GET. Answers 404 to another path,
    /// 405 to another method, 400 without a signature, 403 with a wrong one. Thread: any io thread.
    net::HttpHandler handler();

    /// Inbound calls that are new from now on are rejected (the program is ending). Thread: any.
    void refuse_new_calls() { refusing_.store(true, std::memory_order_relaxed); }

private:
    /// What a webhook needs to know of a call that lives on some shard.
    struct Seen {
        bool over = true;
        bool listen_only = false;
        bool streaming = false;
        CallSid sid;
    };
    /// Counts it and gives it back.
    net::HttpResponse refused(const char* cause, net::HttpResponse response);
    enum class Route {
        voice,
        status,
        stream_status,
        amd,
        fallback,
        dial_result,
        participant,
        conference,
        recording_status
    };

    boost::asio::awaitable<net::HttpResponse> answer(net::HttpRequest request);
    boost::asio::awaitable<net::HttpResponse> voice(Form form, std::string call_name);
    /// What a call whose dial (a transfer) is over does next.
    boost::asio::awaitable<net::HttpResponse> dial_result(Form form, std::string call_name);
    /// The leg that a transfer dials: it rings, was answered, is over.
    net::HttpResponse participant(const Form& form, const std::optional<CallId>& id);
    net::HttpResponse conference(const Form& form, std::string_view call_name);
    net::HttpResponse recording_status(const Form& form, std::string_view target) const;
    /// The answer to a call that may have no instructions from us; nothing for one that may.
    std::optional<net::HttpResponse> turned_away(const Seen& seen, const CallId& id,
                                                 const CallSid& sid);
    net::HttpResponse inbound_voice(const Form& form, const CallSid& sid);
    net::HttpResponse status(const Form& form, const std::optional<CallId>& id);
    net::HttpResponse stream_status(const Form& form, const std::optional<CallId>& id);
    net::HttpResponse machine_detected(const Form& form, const std::optional<CallId>& id);
    net::HttpResponse fallback(const Form& form, const std::optional<CallId>& id);
    /// Nothing if the request is right; else the answer to give. `form` becomes what it carries.
    std::optional<net::HttpResponse> check(const net::HttpRequest& request, std::string_view target,
                                           Form& form);
    net::HttpResponse next_document(const Seen& seen, const CallId& id, const CallSid& sid);
    net::HttpResponse stream_document(const CallId& id, const CallSid& sid, bool listen_only);
    std::optional<CallId> call_of(const Form& form, std::string_view call_name) const;
    static boost::asio::awaitable<Seen> look(call::CallRegistry& registry, CallId id);

    call::CallRegistry& registry_;
    std::shared_ptr<MediaTokens> tokens_;
    const WebhookOptions options_;
    const std::shared_ptr<metrics::Registry> metrics_;
    std::atomic<bool> refusing_{false};
    std::mutex
        inbound_mutex_;  // one inbound call for a CallSid, also when Twilio asks twice at once
    std::unordered_map<CallSid, CallId> inbound_;
    std::deque<CallSid> inbound_order_;
};

}  // namespace bridge::twilio
