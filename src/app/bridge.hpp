#pragma once
// The bridge itself: io threads, public servers, Twilio's side and the calls, put together and
// taken apart in the right order. The command line, the demo and the integration tests run this
// one.
//
//   Twilio ─HTTP─▶ HttpServer (one for each io thread) ─▶ Webhooks ───▶ CallRegistry ─▶ Call
//          ─ws───▶            upgrade ─▶ MediaEndpoint ─▶ MediaStream ────────────────▶
//   Call ─▶ Carrier = RestClient ─▶ Twilio
//   you ──HTTP─▶ ControlPlane ─▶ Api ─▶ Desk ─▶ CallRegistry ─▶ Call

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/number_webhooks.hpp"
#include "audio/device.hpp"
#include "audio/microphone.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/worker_pool.hpp"
#include "call/call_registry.hpp"
#include "call/desk.hpp"
#include "call/event_bus.hpp"
#include "call/journal.hpp"
#include "call/voicemail.hpp"
#include "call/warm_transfer.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/shards.hpp"
#include "net/tls.hpp"
#include "stores/history_keeper.hpp"
#include "twilio/media_endpoint.hpp"
#include "twilio/rest_client.hpp"
#include "twilio/webhooks.hpp"
#include "web/api.hpp"
#include "web/control_plane.hpp"

namespace bridge::app {

class CarrierRecordings;

struct BridgeOptions {
    std::size_t workers = 1;  ///< io threads of calls
    /// How many of them accept connections; 0: all where the system spreads the connections of one
    /// port over several sockets (Linux), else one. A media socket goes to its call's thread
    /// anyway.
    std::size_t listeners = 0;
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;           ///< public plane; 0: any free port
    std::uint16_t media_port = 0;     ///< a second door for media sockets only; 0: none
    net::TlsFiles tls;                ///< of both doors; empty: plain
    std::string public_url;           ///< empty: http(s)://127.0.0.1:<port>
    std::string media_url;            ///< empty: made from the public URL
    twilio::RestOptions rest;         ///< public_url is filled in
    std::vector<Secret> auth_tokens;  ///< for signatures
    twilio::MediaStreamOptions stream;
    twilio::StreamSignature stream_signature = twilio::StreamSignature::required;
    twilio::InboundPolicy inbound = twilio::InboundPolicy::answer;
    std::chrono::seconds ping_interval{15};  ///< of a media socket on which this side is silent
    call::CallSpec inbound_call;             ///< what an inbound call is opened with
    audio::PlayoutOptions playout;
    std::shared_ptr<audio::AudioDevice> speaker;         ///< null: no local sound
    std::shared_ptr<audio::Microphone> microphone{};     ///< null: nobody speaks from here
    audio::Samples hold_music{};                         ///< null: our own
    std::shared_ptr<call::VoicemailBox> voicemail{};     ///< null: nobody can leave a message
    std::shared_ptr<call::RecordingShelf> recordings{};  ///< null: nothing can be recorded
    /// The same, where the carrier makes them; else null.
    std::shared_ptr<CarrierRecordings> carrier_recordings{};
    std::shared_ptr<call::AgentShelf> agents{};  ///< null: there are none
    call::AgentCare agent_care{};
    std::shared_ptr<call::TranscriberShelf> transcribers{};  ///< null: nothing is taken down
    std::shared_ptr<call::MessageBox> messages{};            ///< null: an agent can take none
    std::shared_ptr<call::CaptureShelf> captures{};          ///< null: nothing is captured
    /// As call::CallServices has it.
    std::function<Result<>(const std::string& to)> may_transfer{};
    /// One more ear for each call, for tests and measurements; empty: none.
    std::function<std::shared_ptr<audio::AudioSink>(const CallId&)> listener{};
    std::shared_ptr<metrics::Registry> metrics{};  ///< null: one of its own
    std::string ca_file;                           ///< extra trust for REST over https
    std::string user_agent;
    /// The control plane; none without a token.
    struct Control {
        std::string host = "127.0.0.1";
        std::uint16_t port = 0;
        bool port_is_fixed = false;  ///< else another one is taken when it is not free
        Secret token;
        /// As web::ApiParts has them; called on the desk's thread.
        std::function<Result<call::CallSpec>(const web::CallOrder&)> order{};
        std::function<Result<std::string>(std::string_view)> target{};
        std::function<Result<std::string>(std::string_view)> agent{};
        /// Numbers are shown by the bridge itself.
        web::Lookups lookups{};
        std::string emulator_url{};  ///< the carrier, if it is our own emulator; empty: it is not
        std::string version{}, started{};
        web::Synthesize synthesize{};  ///< on a worker; empty: nothing can be said by request
        Secret session{};              ///< what the page's cookie holds; empty: no page gets in
        /// What makes transcripts; the book of this run's is the bridge's own.
        web::TranscriptSources transcripts{};
        std::shared_ptr<web::RecordingLibrary> recordings{};  ///< null: none are shown
        web::ReportCapture capture_report{};                  ///< likewise
        web::FindCapture capture{};                           ///< as web::ApiParts has it
    } control;
    call::DeskOptions desk;
    /// Numbers of the account that are pointed here; none without `alive` or a journal.
    struct Numbers {
        std::function<bool(const std::string& instance)> alive{};  ///< as NumberWebhooksOptions
        bool local_carrier = false;
    } numbers{};
    std::shared_ptr<call::Journal> journal;  ///< null: nothing is remembered
    /// Keeps what the calls were; null: one that has memory only. Closed by the bridge.
    std::shared_ptr<stores::HistoryKeeper> history{};
    std::vector<call::JournalEntry> adopt;  ///< calls of a former run to look after from the start
};

/// Thread: main (any one that is not an io thread), for every member.
class Bridge {
public:
    /// Starts the io threads and listens. `events` outlives it. Errors: bad_config (URL, address),
    /// exists (port taken), io; the message names the setting.
    static Result<std::unique_ptr<Bridge>> start(BridgeOptions options, call::EventBus& events);
    /// Stops where it is; `stop` first for an orderly end.
    ~Bridge();
    Bridge(const Bridge&) = delete;
    Bridge& operator=(const Bridge&) = delete;

    std::uint16_t port() const { return port_; }
    std::uint16_t media_port() const { return media_port_; }
    /// "http://127.0.0.1:8080"; empty without a control plane.
    std::string control_url() const;
    /// The same with the token, for a browser of whoever may have it.
    std::string page_link() const;
    /// Where Twilio is told to find us, from now on. Any thread.
    std::string public_url() const { return public_url_.now()->base(); }
    const twilio::SharedUrl& shared_url() const { return public_url_; }
    /// New calls use `url` from now on; webhooks signed for the old one are taken as long as it is
    /// remembered. Errors: bad_config. Thread: any.
    Result<> change_public_url(const std::string& url);
    /// A random name of this run, by which it recognises itself at the other end of a tunnel.
    const std::string& instance() const { return instance_; }
    /// All threads with a loop: the desk's, then those of the calls.
    net::Shards& shards() { return *shards_; }
    /// No call lives on the desk's thread, but all that people and programs ask of them: the
    /// control plane, its event stream, transfers, numbers, requests to Twilio.
    boost::asio::any_io_executor desk_executor() { return (*shards_)[kDesk].executor(); }
    call::CallRegistry& calls() { return *registry_; }
    /// Thread: the desk's, for every member of it.
    call::WarmTransfers& transfers() { return *transfers_; }
    twilio::RestClient& rest() { return *rest_; }
    std::shared_ptr<call::Carrier> carrier() { return rest_; }
    /// Thread: its own, for every member of it.
    const std::shared_ptr<call::Desk>& desk() { return desk_; }
    /// Null: none. Thread: the desk's.
    const std::shared_ptr<NumberWebhooks>& numbers() const { return numbers_; }
    /// Calls somebody for the person here, who speaks to them. Thread: any.
    CallId dial(call::CallSpec spec);
    /// What it counts; render_metrics() makes it text.
    metrics::Registry& metrics() { return *options_.metrics; }

    /// Refuses calls that are new from now on; those there are go on.
    void refuse_new_calls();
    /// Closes the servers once they have answered what they were asked, and ends the io threads;
    /// within two seconds. Calls should be over by then.
    void stop();

private:
    static constexpr std::size_t kDesk = 0, kFirstOfCalls = 1;

    explicit Bridge(BridgeOptions options) : options_(std::move(options)) {}
    Result<> set_up(call::EventBus& events);
    void adopt(const call::JournalEntry& entry);
    Result<> load_certificate();
    Result<std::uint16_t> listen(std::uint16_t port, bool media_only, const char* setting);

    net::HttpClientOptions http_options() const;  ///< of whoever asks Twilio
    void open_carrier_recordings();
    void show_figures();
    Result<> open_control(call::EventBus& events);
    web::ApiParts api_parts();

    BridgeOptions options_;
    std::vector<metrics::Registry::Reading> readings_;
    metrics::Registry::Queue log_queue_;
    std::shared_ptr<net::TlsIdentity> tls_;  // null: plain
    std::uint16_t port_ = 0, media_port_ = 0;
    twilio::SharedUrl public_url_;
    std::string instance_;
    // The io threads have ended (see ~Bridge) when these go, the last one first; the clocks of the
    // shards outlive the calls.
    std::unique_ptr<net::Shards> shards_;
    std::shared_ptr<net::HttpClient> http_;
    std::shared_ptr<twilio::RestClient> rest_;
    std::shared_ptr<NumberWebhooks> numbers_;
    std::unique_ptr<call::CallRegistry> registry_;
    std::unique_ptr<call::WarmTransfers> transfers_;
    std::shared_ptr<call::Desk> desk_;
    std::unique_ptr<WorkerPool> speech_;  ///< of what is said and played by request
    std::shared_ptr<twilio::Webhooks> webhooks_;
    std::shared_ptr<twilio::MediaEndpoint> media_;
    struct Listener {
        std::size_t shard;
        std::shared_ptr<net::HttpServer> server;
    };
    std::vector<Listener> listeners_;
    std::shared_ptr<web::ControlPlane> control_;
};

}  // namespace bridge::app
