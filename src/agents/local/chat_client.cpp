#include "agents/local/chat_client.hpp"

#include <fmt/format.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "agents/local/chat_stream.hpp"
#include "base/spawn.hpp"
#include "net/awaiting.hpp"
#include "net/http_client.hpp"

namespace bridge::agents::local {
namespace {

using asio::experimental::awaitable_operators::operator||;
using Outcome = tl::expected<net::HttpResponse, net::HttpFailure>;
using Tools = std::vector<call::ToolCall>;

constexpr std::string_view kPath = "/chat/completions";

std::string address_of(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url.ends_with(kPath) ? url : url + std::string(kPath);
}

}  // namespace

struct ChatClient::Question {
    explicit Question(asio::any_io_executor executor)
        : stop(std::move(executor), asio::steady_timer::time_point::max()) {}

    Told told;
    ChatStream stream;
    std::optional<Error> broken;  ///< what the stream could not read
    asio::steady_timer stop;      ///< rung to end the request
    bool open = true;             ///< somebody waits for it

    bool piece(std::string_view bytes) {
        auto text = stream.take(bytes);
        if (!text) {
            broken = text.error();
            return false;
        }
        if (open && !text->empty()) told.text(*text);
        return open;
    }

    Result<Tools> verdict(const Outcome& outcome, const std::string& url) {
        const auto where = "The language model's server " + url;
        if (broken) return fail(broken->code, where + ": " + broken->message);
        if (!outcome)
            return fail(outcome.error().error.code, "The language model cannot be asked (" +
                                                        outcome.error().error.message +
                                                        "); check AGENTBRIDGE_LLM_URL");
        switch (outcome->status) {
            case 200:
                break;
            case 401:
            case 403:
                return fail(Errc::unauthorized,
                            where + " refuses the key; check AGENTBRIDGE_LLM_KEY");
            case 404:
                return fail(Errc::bad_config,
                            where +
                                " knows no such address or model (status 404); check "
                                "AGENTBRIDGE_LLM_URL and AGENTBRIDGE_LLM_MODEL");
            default:
                return fail(Errc::refused,
                            fmt::format("{} answers with status {}", where, outcome->status));
        }
        auto last = stream.finish();
        if (!last) return fail(last.error().code, where + ": " + last.error().message);
        if (!last->empty()) told.text(*last);
        return stream.tools();
    }

    static asio::awaitable<void> run(std::shared_ptr<Question> self, std::string url,
                                     asio::awaitable<Outcome> answer) {
        auto ended = co_await (std::move(answer) || self->stop.async_wait(net::kTuple));
        if (!self->open || ended.index() != 0) co_return;
        auto result = self->verdict(std::get<0>(ended), url);
        self->open = false;
        const auto done = std::move(self->told.done);
        done(std::move(result));
    }
};

ChatClient::ChatClient(asio::any_io_executor executor, std::shared_ptr<net::HttpClient> http,
                       ChatOptions options)
    : executor_(std::move(executor)), options_(std::move(options)), http_(std::move(http)) {}

ChatClient::~ChatClient() {
    cancel();
}

bool ChatClient::asking() const {
    return question_ && question_->open;
}

void ChatClient::ask(std::string body, Told told) {
    cancel();
    question_ = std::make_shared<Question>(executor_);
    question_->told = std::move(told);

    net::HttpCall call;
    call.method = "POST";
    call.url = address_of(options_.url);
    call.headers.add("Content-Type", "application/json");
    call.headers.add("Accept", "text/event-stream");
    if (!options_.key.empty()) call.headers.add("Authorization", "Bearer " + options_.key.reveal());
    call.body = std::move(body);
    call.total_timeout = options_.longest;
    call.response_bytes = 1024 * 1024;
    call.on_body = [question = question_](std::string_view bytes) {
        return question->piece(bytes);
    };
    const auto shown = call.url.substr(0, call.url.find('?'));
    spawn(executor_, "language model",
          Question::run(question_, shown, http_->request(std::move(call))));
}

void ChatClient::cancel() {
    const auto question = std::exchange(question_, nullptr);
    if (!question || !question->open) return;
    question->open = false;
    question->stop.cancel();
}

}  // namespace bridge::agents::local
