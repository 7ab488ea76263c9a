#pragma once
// Any program that speaks Twilio Media Streams as an agent: we are its Twilio. It needs no change;
// its call is one of ours, which can be heard, recorded and taken over.
//
//   start ─▶ connect, `connected`      answered ─▶ `start`, then `media` every 20 ms
//   bot's media, mark, clear ─▶ MarkBook ─▶ VoiceSink      what was played ─▶ `mark`

#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "call/agent.hpp"

namespace bridge::agents {

class BotConnection;

struct StreamBotOptions {
    std::string url;                                ///< ws://… or wss://…
    std::map<std::string, std::string> parameters;  ///< `start.customParameters`
    std::string account_sid;                        ///< `start.accountSid`; empty: AC and zeros
    Secret auth_token;    ///< signs the upgrade as Twilio does; empty: it is not signed
    std::string ca_file;  ///< extra trust for wss, PEM; empty: the system's
    /// Connected when the call begins, so that it can get ready and even say its first words while
    /// the phone rings. False: when the phone is there, as Twilio does it.
    bool early = true;
    std::size_t message_bytes = 8 * 1024 * 1024;  ///< of the bot's longest: ten minutes of speech
    /// Waiting to be read by the bot: sound is dropped from here on (Twilio's 31930) …
    std::size_t media_outbox_bytes = 64 * 1024;
    /// … and with so much the session is dropped.
    std::size_t outbox_bytes = 512 * 1024;
};

/// Whether an agent can be at `url`. Errors: bad_config (what is wrong with it).
Result<> check_bot_url(std::string_view url);

/// "name=value, name=value": what AGENTBRIDGE_BOT_PARAMETERS holds. Errors: bad_config (which part
/// is wrong; Twilio allows under 500 characters for a name with its value).
Result<std::map<std::string, std::string>> parse_bot_parameters(std::string_view text);

/// Thread: the one of `executor`, for every member and all that it tells.
class StreamBotAgent final : public call::Agent {
public:
    StreamBotAgent(boost::asio::any_io_executor executor, StreamBotOptions options);
    ~StreamBotAgent() override;

    void start(const call::AgentCall& call, Ear with) override;
    void answered(const call::AgentCall& call) override;
    void write(const audio::AudioFrame& frame) override;
    void interrupted(call::UtteranceId utterance, const call::Heard& heard) override;
    void spoken(call::UtteranceId utterance, const call::Heard& heard) override;
    void dtmf(char digit) override;
    /// Twilio Media Streams has neither tools nor words.
    void tool_result(const call::ToolResult&) override {}
    void stop() override;
    bool decides_interruptions() const override { return true; }
    std::string_view kind() const override { return "bot"; }

private:
    void connect();
    void tell_ready();

    const boost::asio::any_io_executor executor_;
    const StreamBotOptions options_;
    call::AgentCall call_;
    Ear ear_;
    bool told_ready_ = false;
    std::shared_ptr<BotConnection> connection_;
};

}  // namespace bridge::agents
