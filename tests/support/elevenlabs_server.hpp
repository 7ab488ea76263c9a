#pragma once
// A stand-in for ElevenLabs' Agents: the signed URL and the conversation socket, read from
// ElevenLabs' AsyncAPI description and client library, not from the bridge's own code.

#include <boost/json/object.hpp>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/vendor_server.hpp"

namespace bridge::test {

class ElevenLabsServer final : public VendorServer {
public:
    using VendorServer::VendorServer;

    // What the account and the agent are like.
    std::string agent_id = "agent_1";
    std::string key;  ///< not empty: the agent is private, and this is the account's key
    std::set<std::string> overridable;  ///< "prompt", "first_message", "language", "voice_id"
    std::string output_format = "ulaw_8000", input_format = "ulaw_8000";
    int signing_status = 200;        ///< of the request for a signed URL
    std::string signed_url_instead;  ///< a body to answer that request with

    // What it says.
    void audio(std::int64_t event_id, std::span<const std::uint8_t> bytes);
    void agent_response(std::string_view text);
    void agent_correction(std::string_view original, std::string_view corrected);
    void user_transcript(std::string_view text);
    void interruption(std::int64_t event_id);
    void ping(std::int64_t event_id);
    void tool_call(const std::string& id, std::string_view name, boost::json::object parameters);

    // What it was told.
    boost::json::object initiation;  ///< of the newest conversation
    std::vector<std::uint8_t> heard;
    std::size_t chunks = 0;
    std::vector<std::int64_t> pongs;
    struct Result {
        std::string id, result;
        bool is_error = false;
    };
    std::vector<Result> results;
    std::vector<std::string> contexts, user_messages;
    int activities = 0;

private:
    int judge(const net::HttpRequest& head) override;
    net::HttpResponse respond_to(const net::HttpRequest& request) override;
    void opened() override;
    void received(std::string_view payload, bool text) override;

    void initiate(const boost::json::object& message);
    bool overrides_allowed(const boost::json::object& overrides);
    void take_chunk(const boost::json::object& message);
    void take_result(const boost::json::object& message);
    void take_pong(const boost::json::object& message);
    void refuse(const std::string& why);

    bool initiated_ = false;
    std::set<std::string> signatures_;
    int signed_ = 0;
    std::set<std::int64_t> pings_;
    std::set<std::string> tool_calls_;
};

}  // namespace bridge::test
