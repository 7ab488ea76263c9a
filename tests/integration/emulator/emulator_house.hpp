#pragma once
// For tests of the emulator: one emulator on a thread of its own, a webhook server that says what
// it is told to say, and a blocking client.

#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "emulator/emulator.hpp"
#include "emulator/form.hpp"
#include "net/http_message.hpp"

namespace bridge::emulator::test {

namespace json = boost::json;

/// Asks again and again until the answer is yes or ten seconds have passed.
bool eventually(const std::function<bool()>& condition);

struct Answer {
    int status = 0;
    net::Headers headers;
    std::string body;
    json::value json;  ///< null if the body is none
    std::string text(const char* member) const;
};

/// One request that reached the webhook server.
struct Hook {
    std::string method, path, target;
    net::Headers headers;
    Fields fields;  ///< of the body, or of the query of a GET
    std::string field(const char* name) const { return field_or(fields, name); }
};

class EmulatorHouse {
public:
    using Script = std::function<net::HttpResponse(const Hook&)>;
    /// Ringing takes milliseconds, media runs at ten times real time, and <Say> takes no speech.
    explicit EmulatorHouse(std::function<void(EmulatorOptions&)> change = {});
    ~EmulatorHouse();

    /// Off: a request that gets no answer fails the test. On: its status is 0.
    bool answers_may_be_lost = false;
    std::chrono::milliseconds patience{10'000};  ///< of a request

    EmulatorThread& emulator() { return *emulator_; }
    /// What the webhook server answers; without one, 204.
    void answer_with(Script script);
    /// TwiML for every path of /voice…, 204 for the rest.
    void answer_with_twiml(const std::string& twiml);
    std::string hook_url(const std::string& path) const;
    /// Media sockets are accepted, and every message is kept; otherwise they get 403.
    void accept_streams();
    /// Messages of media sockets in the order they came, those of one event; empty: all.
    std::vector<json::value> stream_messages(const std::string& event = {}) const;
    std::uint16_t hook_port() const;
    std::vector<Hook> hooks() const;
    /// Those for one path, in order of arrival.
    std::vector<Hook> hooks(const std::string& path) const;

    /// A request to the emulator, with the account's credentials.
    Answer rest(const std::string& method, const std::string& path, const Fields& form = {});
    /// The same below /2010-04-01/Accounts/{Sid}.
    Answer account(const std::string& method, const std::string& path, const Fields& form = {});
    Answer control(const std::string& method, const std::string& path,
                   const std::string& body = {});
    Answer raw(const std::string& method, const std::string& path, net::Headers headers,
               const std::string& body, const std::string& user, const std::string& password);
    /// Creates a call to `to` with `more` beside Url and StatusCallback; its SID.
    std::string call(const std::string& to, const Fields& more = {});
    std::string status_of(const std::string& sid);
    bool ends(const std::string& sid);
    /// Codes of the debugger's entries.
    std::vector<int> debugger_codes();

private:
    struct Server;
    std::unique_ptr<EmulatorThread> emulator_;
    std::unique_ptr<Server> server_;
};

net::HttpResponse twiml(const std::string& verbs);

}  // namespace bridge::emulator::test
