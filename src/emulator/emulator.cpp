#include "emulator/emulator.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "base/log.hpp"
#include "base/spawn.hpp"
#include "base/thread_name.hpp"
#include "emulator/call_request.hpp"
#include "emulator/control_api.hpp"
#include "emulator/exchange.hpp"
#include "emulator/rest_api.hpp"
#include "emulator/rest_reply.hpp"
#include "emulator/sid.hpp"
#include "emulator/url.hpp"
#include "net/http_server.hpp"

namespace bridge::emulator {
namespace {

Result<> check(const EmulatorOptions& options) {
    for (const auto& number : options.numbers) {
        if (!number.empty() && !is_e164(number)) {
            return fail(Errc::bad_config, "The emulator's number '" + number +
                                              "' is not in E.164 form, such as +15005550006.");
        }
    }
    if (!options.account_sid.empty() && !is_sid(options.account_sid, "AC")) {
        return fail(Errc::bad_config, "The emulator's account '" + options.account_sid +
                                          "' is not \"AC\" and 32 lower-case hexadecimal digits.");
    }
    if (!options.voice_url.empty() && !is_web_url(options.voice_url)) {
        return fail(Errc::bad_config, "The VoiceUrl '" + options.voice_url + "' is not a URL.");
    }
    if (options.time_scale <= 0) return fail(Errc::bad_config, "The time scale must be over 0.");
    return {};
}

class RunningEmulator final : public Emulator {
public:
    RunningEmulator(std::shared_ptr<Exchange> exchange)
        : exchange_(std::move(exchange)), rest_(exchange_), control_(exchange_) {
        for (const auto& number : exchange_->numbers) numbers_.push_back(number.phone_number);
    }

    ~RunningEmulator() override { stop(); }
    RunningEmulator(const RunningEmulator&) = delete;
    RunningEmulator& operator=(const RunningEmulator&) = delete;

    Result<> listen(const std::shared_ptr<RunningEmulator>& self) {
        if (auto open = open_door(self, exchange_->options.port); !open) return open;
        exchange_->on_rest_down = [weak = std::weak_ptr(self)](std::chrono::milliseconds time) {
            if (const auto emulator = weak.lock()) emulator->go_down(emulator, time);
        };
        const auto& host = exchange_->options.host;
        const bool anywhere = host == "0.0.0.0" || host == "::" || host.empty();
        base_url_ = exchange_->options.base_url;
        if (base_url_.empty()) {
            Url url;
            url.scheme = "http";
            url.host = anywhere ? "127.0.0.1" : host;
            url.port = std::to_string(port_);
            base_url_ = url.str();
        }
        log::info("emulator", "Twilio emulator at {} account={}", base_url_, account_sid());
        return {};
    }

    std::uint16_t port() const override { return port_; }
    const std::string& base_url() const override { return base_url_; }
    const std::string& account_sid() const override { return exchange_->account.sid; }
    const Secret& auth_token() const override { return exchange_->account.auth_token; }
    const std::vector<std::string>& numbers() const override { return numbers_; }
    std::size_t open_calls() const override { return exchange_->ledger.open_calls(); }
    std::shared_ptr<Load> make_load(LoadPlan plan) override {
        return std::make_shared<Load>(exchange_, std::move(plan));
    }

    void stop() override {
        if (exchange_->stopped) return;
        exchange_->stop();
        if (server_) server_->stop();
        log::info("emulator", "Twilio emulator stopped");
    }

private:
    Result<> open_door(const std::shared_ptr<RunningEmulator>& self, std::uint16_t port) {
        net::HttpServerOptions options;
        options.name = "emulator";
        options.host = exchange_->options.host;
        options.port = port;
        auto server = net::HttpServer::listen(
            exchange_->executor, options, [weak = std::weak_ptr(self)](net::HttpRequest request) {
                return answer(weak.lock(), std::move(request));
            });
        if (!server) return tl::unexpected(server.error());
        server_ = *std::move(server);
        port_ = server_->port();
        server_->start();
        return {};
    }

    /// The fault "down": connections are refused until `time` has passed.
    void go_down(const std::shared_ptr<RunningEmulator>& self, std::chrono::milliseconds time) {
        if (down_) return;
        down_ = true;
        server_->stop();
        spawn(exchange_->executor, "REST outage", come_back(self, time));
    }

    static asio::awaitable<void> come_back(std::shared_ptr<RunningEmulator> self,
                                           std::chrono::milliseconds time) {
        for (;;) {
            co_await self->exchange_->stopping.wait_for(time);
            if (self->exchange_->stopped) co_return;
            const auto open = self->open_door(self, self->port_);
            if (open) break;
            log::warning("emulator", "cannot come back yet: {}", open.error().message);
            time = std::chrono::milliseconds(200);
        }
        self->down_ = false;
    }

    static asio::awaitable<net::HttpResponse> answer(std::shared_ptr<RunningEmulator> self,
                                                     net::HttpRequest request) {
        if (!self || self->exchange_->stopped) {
            co_return error_reply(503, 20503, "The emulator is stopping");
        }
        if (from_foreign_page(request)) {
            co_return error_reply(403, kNoCode, "Requests of web pages are not answered");
        }
        const auto path = request.path();
        if (path == "/emulator/v1" || path.substr(0, 13) == "/emulator/v1/") {
            co_return self->control_.handle(request);
        }
        co_return co_await self->rest_.handle(std::move(request));
    }

    std::shared_ptr<Exchange> exchange_;
    RestApi rest_;
    ControlApi control_;
    std::shared_ptr<net::HttpServer> server_;
    std::vector<std::string> numbers_;
    std::string base_url_;
    std::uint16_t port_ = 0;
    bool down_ = false;
};

}  // namespace

Result<std::shared_ptr<Emulator>> Emulator::start(asio::any_io_executor executor,
                                                  EmulatorOptions options) {
    if (const auto good = check(options); !good) return tl::unexpected(good.error());
    auto exchange = std::make_shared<Exchange>(std::move(executor), std::move(options));
    if (!exchange->options.ledger_file.empty()) {
        const auto opened = exchange->ledger.open(exchange->options.ledger_file);
        if (!opened) return tl::unexpected(opened.error());
    }
    auto emulator = std::make_shared<RunningEmulator>(std::move(exchange));
    if (const auto listening = emulator->listen(emulator); !listening) {
        return tl::unexpected(listening.error());
    }
    return emulator;
}

struct EmulatorThread::Loop {
    asio::io_context io{1};
    std::shared_ptr<Emulator> emulator;
    std::promise<void> finished;
    std::thread thread;
};

EmulatorThread::EmulatorThread(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

Result<std::unique_ptr<EmulatorThread>> EmulatorThread::start(EmulatorOptions options) {
    auto loop = std::make_unique<Loop>();
    auto emulator = Emulator::start(loop->io.get_executor(), std::move(options));
    if (!emulator) return tl::unexpected(emulator.error());
    loop->emulator = *std::move(emulator);
    loop->thread = std::thread([raw = loop.get()] {
        name_this_thread("emulator");
        raw->io.run();
        raw->finished.set_value();
    });
    return std::unique_ptr<EmulatorThread>(new EmulatorThread(std::move(loop)));
}

EmulatorThread::~EmulatorThread() {
    asio::post(loop_->io, [emulator = loop_->emulator] { emulator->stop(); });
    // With its sockets and calls closed the loop runs dry; the limit is for a peer that will not
    // let go.
    if (loop_->finished.get_future().wait_for(std::chrono::seconds(5)) !=
        std::future_status::ready) {
        log::warning("emulator", "still busy after five seconds; cut off");
        loop_->io.stop();
    }
    loop_->thread.join();
    loop_->emulator.reset();
}

std::uint16_t EmulatorThread::port() const {
    return loop_->emulator->port();
}
const std::string& EmulatorThread::base_url() const {
    return loop_->emulator->base_url();
}
const std::string& EmulatorThread::account_sid() const {
    return loop_->emulator->account_sid();
}
const Secret& EmulatorThread::auth_token() const {
    return loop_->emulator->auth_token();
}
const std::vector<std::string>& EmulatorThread::numbers() const {
    return loop_->emulator->numbers();
}

std::size_t EmulatorThread::open_calls() const {
    std::promise<std::size_t> count;
    asio::post(loop_->io, [&] { count.set_value(loop_->emulator->open_calls()); });
    return count.get_future().get();
}

}  // namespace bridge::emulator
