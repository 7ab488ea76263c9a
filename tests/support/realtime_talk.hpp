#pragma once
// One session of the tests' own Realtime service: strict about what it is told, and as talkative as
// its script says.

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "net/server_websocket.hpp"
#include "tests/support/realtime_checks.hpp"

namespace bridge::test {

/// One response of the service.
struct RealtimeAnswer {
    struct Call {
        std::string name, arguments;
    };
    std::string text = "All is well.";
    std::chrono::milliseconds length{1000};  ///< of a tone; 0 and no text: nothing is said
    double hz = 440;
    std::vector<Call> calls = {};
    std::string fail = {};  ///< it fails with this error code, after the calls
    int hold_after = -1;    ///< so many pieces are sent, then nothing until `go_on`
    int late = 0;           ///< pieces that come after it was cancelled
};

struct RealtimeServiceOptions {
    std::string key = "test-key";
    bool beta = false;
    std::string model = "gpt-realtime";
    std::uint16_t port = 0;
    /// Listens to the caller: speech and its end are noticed, and answered as the settings say.
    bool vad = true;
    std::chrono::milliseconds piece{100};  ///< of sound in one delta
    std::chrono::milliseconds pace{0};     ///< between two of them; 0: all at once
    int handshake_status = 0;              ///< refuse with it
    std::string refuse_code;  ///< accept, then say this error and close (as an unknown model is)
    bool mute = false;        ///< accept, and never say anything
};

/// What all sessions of a service take from: answers and the caller's words, first come first
/// served. Empty: what is built in.
struct RealtimeScript {
    std::deque<RealtimeAnswer> answers;
    std::deque<std::string> caller_says;
    std::function<void(const boost::json::object&)> log;  ///< may be empty
};

/// Thread: the loop's.
class RealtimeTalk : public std::enable_shared_from_this<RealtimeTalk> {
public:
    struct Item {
        std::string type, role;
        std::vector<std::uint8_t> sound;  ///< of an assistant's, as it was sent
        std::optional<std::int64_t> truncated_ms;
    };

    RealtimeTalk(Clock& clock, const RealtimeServiceOptions& options, RealtimeScript& script,
                 int number);
    ~RealtimeTalk();
    /// `known`: there is such a model.
    void start(net::Upgrade upgrade, bool known);

    // What came.
    const std::vector<boost::json::object>& events() const { return events_; }
    std::size_t count(std::string_view type) const;  ///< events of that type
    const std::vector<std::uint8_t>& heard() const { return heard_; }
    const std::vector<Refusal>& refusals() const { return refusals_; }
    const std::map<std::string, Item>& items() const { return items_; }
    const std::vector<std::string>& item_order() const { return item_order_; }
    const RealtimeSettings& settings() const { return settings_; }
    bool open() const { return socket_ != nullptr && !over_; }
    const net::WebSocketEnd& end() const { return end_; }
    bool answering() const { return making_.has_value(); }

    // What it is made to do.
    void send(const boost::json::object& event);
    void speech_started(std::uint64_t at_ms);
    void speech_stopped(std::uint64_t at_ms);
    void go_on();                        ///< with an answer that is held
    void answer();                       ///< begins a response, as the service does by itself
    void fail(const std::string& code);  ///< an error event
    void expire();                       ///< says so, and closes
    void close(std::uint16_t code, std::string_view reason);
    void drop();  ///< the connection breaks without a word

private:
    struct Making {
        std::string id, item;
        RealtimeAnswer answer;
        int sent = 0, pieces = 0;
        bool released = false;
        std::vector<std::uint8_t> sound;
    };

    void handle(std::string_view text);
    void dispatch(const boost::json::object& event, std::string_view type);
    void refuse(const Refusal& refusal, std::string_view event_id);
    void session_update(const boost::json::object& event, std::string_view id);
    void append(const boost::json::object& event, std::string_view id);
    void listen(const std::vector<std::uint8_t>& mulaw);
    void commit(std::string_view item);
    void item_create(const boost::json::object& event, std::string_view id);
    void truncate(const boost::json::object& event, std::string_view id);
    void response_create(const boost::json::object& event, std::string_view id);
    void response_cancel(const boost::json::object& event, std::string_view id);
    void begin(RealtimeAnswer answer);
    void more();
    void send_piece();
    void finish_message();
    void finish(std::string_view status, std::string_view reason);
    void cancel_making(std::string_view reason);
    void add_item(const std::string& id, Item item, boost::json::object shown);
    std::string fresh(std::string_view what);
    std::string_view name(std::string_view current, std::string_view older) const;

    Clock& clock_;
    const RealtimeServiceOptions& options_;
    RealtimeScript& script_;
    const int number_;
    std::shared_ptr<net::ServerWebSocket> socket_;
    int descriptor_ = -1;
    bool over_ = false;
    net::WebSocketEnd end_;

    RealtimeSettings settings_;
    std::vector<boost::json::object> events_;
    std::vector<Refusal> refusals_;
    std::vector<std::uint8_t> heard_;
    std::uint64_t committed_ms_ = 0;
    std::map<std::string, Item> items_;
    std::vector<std::string> item_order_;
    std::map<std::string, bool> calls_;  ///< by call_id

    bool speech_ = false;
    std::uint64_t voiced_ms_ = 0, silent_ms_ = 0;
    std::string speech_item_;

    std::optional<Making> making_;
    Clock::TimerId timer_ = Clock::kNoTimer;
    int last_id_ = 0, answers_ = 0, utterances_ = 0;
};

}  // namespace bridge::test
