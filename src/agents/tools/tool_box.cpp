#include "agents/tools/tool_box.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>
#include <deque>
#include <list>
#include <utility>

#include "agents/tools/tool_request.hpp"
#include "agents/tools/words.hpp"
#include "base/log.hpp"
#include "base/spawn.hpp"
#include "net/awaiting.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;

using Done = std::function<void(call::ToolResult)>;
using Answer = tl::expected<net::HttpResponse, net::HttpFailure>;

/// One use of a tool until its result is told.
struct Run {
    Run(call::ToolCall asked, call::ToolContext on, Clock::Time now)
        : call(std::move(asked)), context(std::move(on)), since(now) {}
    call::ToolCall call;
    call::ToolContext context;
    json::object arguments{};
    const HttpTool* tool = nullptr;  ///< null: one of ours
    Clock::Time since;
    Clock::TimerId limit = Clock::kNoTimer;
    std::vector<Done> tell{};
    bool over = false;
    boost::asio::cancellation_signal cancel{};  ///< of the request
};
using RunPtr = std::shared_ptr<Run>;

bool same(const call::ToolCall& one, const call::ToolCall& other) {
    return !one.id.empty() && one.id == other.id && one.name == other.name &&
           one.arguments == other.arguments;
}

Result<json::object> read_arguments(std::string_view text) {
    // Some models write nothing where there are no arguments.
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object{};
    if (text.size() > ToolBox::kArgumentBytes)
        return fail(Errc::too_large,
                    fmt::format("the arguments are over {} bytes", ToolBox::kArgumentBytes));
    boost::system::error_code error;
    auto value = json::parse(json::string_view(text), error);
    if (error || !value.is_object())
        return fail(Errc::not_json, "the arguments are not a JSON object");
    return std::move(value.get_object());
}

asio::awaitable<Answer> ask(std::shared_ptr<net::HttpClient> http, net::HttpCall request) {
    co_return co_await http->request(std::move(request));
}

}  // namespace

class ToolBox::Bench : public std::enable_shared_from_this<Bench> {
public:
    Bench(std::shared_ptr<const ToolBook> book, ToolServices services)
        : book_(std::move(book)), services_(std::move(services)) {}

    void run(const call::ToolCall& call, call::ToolContext context, Done done) {
        if (answered_before(call, done)) return;
        auto run = std::make_shared<Run>(call, std::move(context), services_.clock.now());
        run->tell.push_back(std::move(done));
        runs_.push_back(run);
        log::debug({"tools", run->context.call}, "arguments tool={} {}", readable(call.name, 64),
                   readable(call.arguments, 1000));
        auto arguments = read_arguments(call.arguments);
        if (!arguments) return finish(run, arguments.error().message, true);
        run->arguments = std::move(*arguments);
        if (book_->builtin().offers(call.name)) return act(run);
        run->tool = book_->http(call.name);
        if (run->tool == nullptr) return finish(run, "there is no such tool", true);
        queue(run);
    }

    /// Nobody is told anything from now on.
    void close() {
        closed_ = true;
        for (const auto& run : std::exchange(runs_, {})) {
            run->over = true;
            services_.clock.cancel(run->limit);
            run->cancel.emit(asio::cancellation_type::terminal);
        }
        waiting_.clear();
    }

private:
    bool answered_before(const call::ToolCall& call, Done& done) {
        for (const auto& run : runs_) {
            if (!same(run->call, call)) continue;
            run->tell.push_back(std::move(done));
            return true;
        }
        for (const auto& [asked, result] : remembered_) {
            if (!same(asked, call)) continue;
            done(call::ToolResult(result));
            return true;
        }
        return false;
    }

    // ---- ours

    void act(const RunPtr& run) {
        auto action = book_->builtin().action(run->call.name, run->arguments);
        if (!action) return finish(run, action.error().message, true);
        if (actions_ >= kActions) return finish(run, "too much is under way already", true);
        ++actions_;
        limit(run, kActionLimit, "it is not known yet what became of it");
        run->context.act(
            std::move(*action), [weak = weak_from_this(), run](const Result<std::string>& outcome) {
                const auto self = weak.lock();
                if (!self) return;
                self->finish(run, outcome ? *outcome : outcome.error().message, !outcome);
            });
    }

    // ---- the user's

    void queue(const RunPtr& run) {
        if (auto ok = run->tool->schema.check(run->arguments); !ok)
            return finish(run, ok.error().message, true);
        if (!services_.http) return finish(run, "there is no way to ask anybody", true);
        if (under_way_ >= kAtOnce && waiting_.size() >= kWaiting)
            return finish(run, "too many tools are waiting already; nothing was done", true);
        limit(run, run->tool->timeout, "other tools took too long; nothing was done");
        waiting_.push_back(run);
        go_on();
    }

    void go_on() {
        while (under_way_ < kAtOnce && !waiting_.empty()) {
            const auto run = std::move(waiting_.front());
            waiting_.pop_front();
            services_.clock.cancel(run->limit);  // from here on the request's own limit holds
            ++under_way_;
            spawn(services_.executor, "tool " + run->call.name,
                  request(weak_from_this(), run, services_));
        }
    }

    static asio::awaitable<void> request(std::weak_ptr<Bench> bench, RunPtr run,
                                         ToolServices services) {
        if (run->over) co_return;
        auto call = tool_request(*run->tool, run->arguments, run->context);
        const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(
            services.clock.now() - run->since);
        call.total_timeout = std::max(call.total_timeout - waited, std::chrono::milliseconds(1));
        auto task = ask(services.http, std::move(call));
        auto [error, answer] =
            co_await asio::co_spawn(services.executor, std::move(task),
                                    asio::bind_cancellation_slot(run->cancel.slot(), net::kTuple));
        if (error) answer = tl::unexpected(net::HttpFailure{});  // cancelled before it began
        if (const auto self = bench.lock()) self->answered(run, answer);
    }

    void answered(const RunPtr& run, const Answer& answer) {
        --under_way_;
        if (!run->over) {
            if (!answer)
                log::debug({"tools", run->context.call}, "tool={} {}", run->call.name,
                           answer.error().error.message);
            auto result = read_answer(*run->tool, answer);
            finish(run, std::move(result.output), result.failed);
        }
        go_on();
    }

    // ---- both

    /// Until `time` is over somebody must have said what became of the run.
    void limit(const RunPtr& run, Clock::Duration time, std::string_view otherwise) {
        run->limit = services_.clock.after(time, [this, late = std::weak_ptr<Run>(run), otherwise] {
            const auto still = late.lock();
            if (!still) return;
            std::erase(waiting_, still);
            finish(still, std::string(otherwise), true);
        });
    }

    void finish(const RunPtr& run, std::string output, bool failed) {
        if (run->over) return;
        const auto self = shared_from_this();  // what is told may let the box go
        run->over = true;
        services_.clock.cancel(run->limit);
        if (run->tool == nullptr && run->limit != Clock::kNoTimer) --actions_;
        runs_.remove(run);
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
            services_.clock.now() - run->since);
        log::info({"tools", run->context.call}, "tool={} {} ms={}", readable(run->call.name, 64),
                  failed ? "failed" : "ok", took.count());
        const call::ToolResult result{run->call.id, std::move(output), failed};
        remembered_.emplace_back(run->call, result);
        if (remembered_.size() > kRemembered) remembered_.pop_front();
        for (const auto& tell : std::exchange(run->tell, {})) {
            if (closed_) return;
            tell(result);
        }
    }

    const std::shared_ptr<const ToolBook> book_;
    const ToolServices services_;
    std::list<RunPtr> runs_;  ///< all that are not over
    std::deque<RunPtr> waiting_;
    bool closed_ = false;
    std::size_t under_way_ = 0;  ///< requests
    std::size_t actions_ = 0;
    std::deque<std::pair<call::ToolCall, call::ToolResult>> remembered_;
};

ToolBox::ToolBox(std::shared_ptr<const ToolBook> book, ToolServices services)
    : book_(book), bench_(std::make_shared<Bench>(std::move(book), std::move(services))) {}

ToolBox::~ToolBox() {
    bench_->close();
}

void ToolBox::run(const call::ToolCall& call, call::ToolContext context,
                  std::function<void(call::ToolResult)> done) {
    // `done` may let this go; the bench stays until it returns.
    const auto bench = bench_;
    bench->run(call, std::move(context), std::move(done));
}

}  // namespace bridge::agents
