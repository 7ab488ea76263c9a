#pragma once
// A stand-in for Deepgram's Voice Agent, read from Deepgram's AsyncAPI description and what users
// report of the real one, not from the bridge's own code.

#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/vendor_server.hpp"

namespace bridge::test {

class DeepgramServer final : public VendorServer {
public:
    using VendorServer::VendorServer;

    std::string key = "dg-key";
    bool welcomes = true, applies = true;  ///< false: it does not go on from there
    bool takes_user_messages = true;       ///< false: InjectUserMessage ends the session

    // What it says.
    void text(std::string_view role, std::string_view content);
    void event(std::string_view type);  ///< one without fields
    void error(std::string_view code, std::string_view description);
    void warning(std::string_view code, std::string_view description);
    struct Call {
        std::string id, name, arguments;
        bool client_side = true;
    };
    void function_calls(const std::vector<Call>& calls);

    // What it was told.
    boost::json::object settings;  ///< of the newest session
    std::vector<std::uint8_t> heard;
    std::size_t frames = 0;
    int keep_alives = 0;
    std::vector<std::string> user_messages, prompts;
    struct Response {
        std::string id, name, content;
    };
    std::vector<Response> responses;

private:
    int judge(const net::HttpRequest& head) override;
    void opened() override;
    void received(std::string_view payload, bool text) override;

    void configure(const boost::json::object& message);
    bool settings_right(const boost::json::object& message);
    bool audio_right(const boost::json::object& audio);
    bool agent_right(const boost::json::object& agent);
    bool think_right(const boost::json::object& think);
    bool provider_right(const boost::json::object& agent, std::string_view part);
    bool history_right(const boost::json::object& context);
    void take(const boost::json::object& message, const std::string& type);
    void refuse(std::string_view code, const std::string& why);

    bool applied_ = false;
    std::map<std::string, std::string> asked_;
};

}  // namespace bridge::test
