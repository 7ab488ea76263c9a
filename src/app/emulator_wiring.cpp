// `agentbridge emulator serve`: the built-in Twilio as a server of its own.

#include "app/emulator_wiring.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "emulator/emulator.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;

class LiveEmulator final : public EmulatorService {
public:
    LiveEmulator(EmulatorOptions options, asio::any_io_executor executor)
        : options_(std::move(options)), executor_(std::move(executor)) {}

    ~LiveEmulator() override {
        if (emulator_) emulator_->stop();
    }

    Outcome<std::vector<std::string>> start() override {
        auto emulator = server_options(options_);
        emulator.voice_url = options_.voice_url;
        for (const auto& [number, description] : options_.personas) {
            if (auto known = emulator.personas.assign(number, description); !known) {
                return tl::unexpected(Failure{ExitCode::usage, known.error().message});
            }
        }
        for (const auto& fault : options_.faults) {
            if (auto known = emulator.faults.apply_flag(fault); !known) {
                return tl::unexpected(Failure{ExitCode::usage, "--fault " + known.error().message});
            }
        }
        const auto made_token = emulator.auth_token.empty();
        auto started = emulator::Emulator::start(executor_, std::move(emulator));
        if (!started)
            return tl::unexpected(
                Failure{exit_code_for_start(started.error()), started.error().message});
        emulator_ = std::move(*started);
        std::vector<std::string> lines;
        lines.push_back(fmt::format("the emulator is Twilio at {}", emulator_->base_url()));
        lines.push_back(fmt::format("  TWILIO_BASE_URL={}", emulator_->base_url()));
        lines.push_back(fmt::format("  TWILIO_ACCOUNT_SID={}", emulator_->account_sid()));
        // A token that was made here protects nothing but this process, and must be known to be
        // used.
        lines.push_back(fmt::format("  TWILIO_AUTH_TOKEN={}",
                                    made_token ? emulator_->auth_token().reveal() : "(yours)"));
        lines.push_back(fmt::format("  TWILIO_PHONE_NUMBER={}", emulator_->numbers().back()));
        return lines;
    }

    void request_stop(Stop) override {
        if (std::exchange(stopping_, true)) return;
        if (emulator_) emulator_->stop();
        if (done_) asio::post(executor_, std::move(done_));
    }

    void when_done(std::function<void()> done) override { done_ = std::move(done); }

private:
    EmulatorOptions options_;
    asio::any_io_executor executor_;
    std::shared_ptr<emulator::Emulator> emulator_;
    std::function<void()> done_;
    bool stopping_ = false;
};

}  // namespace

emulator::EmulatorOptions server_options(const EmulatorOptions& wanted) {
    emulator::EmulatorOptions out;
    out.host = wanted.host;
    out.port = wanted.port;
    out.account_sid = wanted.account_sid;
    out.auth_token = wanted.auth_token;
    out.ledger_file = wanted.ledger_file;
    out.ca_file = wanted.ca_file;
    if (!wanted.number.empty()) out.numbers.push_back(wanted.number);
    return out;
}

Outcome<std::unique_ptr<EmulatorService>> open_emulator(EmulatorOptions options,
                                                        asio::any_io_executor executor) {
    return std::make_unique<LiveEmulator>(std::move(options), std::move(executor));
}

}  // namespace bridge::app
