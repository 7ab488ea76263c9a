#pragma once
// Asks a language model's server (OpenAI's chat completions, as Ollama and llama.cpp serve them)
// and hears its answer while it is being thought of.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "call/agent_tools.hpp"

namespace bridge::net {
class HttpClient;
}

namespace bridge::agents::local {

namespace asio = boost::asio;

struct ChatOptions {
    std::string url;  ///< up to /v1, or the whole address of …/chat/completions
    std::string model;
    Secret key;  ///< sent as a bearer token, if there is one
    std::chrono::milliseconds longest{120'000};
};

/// Thread: the executor's.
class ChatClient {
public:
    struct Told {
        /// New words. It makes no request and does not cancel from inside.
        std::function<void(const std::string&)> text;
        /// Once, last, unless it was cancelled. Errors: unauthorized, bad_config (settings are
        /// wrong), others are worth another try.
        std::function<void(Result<std::vector<call::ToolCall>>)> done;
    };
    ChatClient(asio::any_io_executor executor, std::shared_ptr<net::HttpClient> http,
               ChatOptions options);
    ~ChatClient();
    ChatClient(const ChatClient&) = delete;
    ChatClient& operator=(const ChatClient&) = delete;

    /// `body`: see Conversation::request. A question that is still open is cancelled.
    void ask(std::string body, Told told);
    /// Ends the request: the server need not go on thinking. Nothing more is told.
    void cancel();
    bool asking() const;
    const std::string& model() const { return options_.model; }

private:
    struct Question;
    const asio::any_io_executor executor_;
    const ChatOptions options_;
    const std::shared_ptr<net::HttpClient> http_;
    std::shared_ptr<Question> question_;
};

}  // namespace bridge::agents::local
