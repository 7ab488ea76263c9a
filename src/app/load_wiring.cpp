#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <utility>

#include "app/emulator_wiring.hpp"
#include "app/load_service.hpp"
#include "base/spawn.hpp"
#include "emulator/emulator.hpp"

namespace bridge::app {
namespace {

class LiveLoad final : public LoadService {
public:
    LiveLoad(LoadOptions options, asio::any_io_executor executor)
        : options_(std::move(options)), executor_(std::move(executor)) {}

    ~LiveLoad() override {
        if (emulator_) emulator_->stop();
    }

    Outcome<std::string> start() override {
        auto emulator = server_options(options_.emulator);
        emulator.record_heard = false;
        if (!options_.persona.empty()) {
            if (auto known = emulator.personas.assign("default", options_.persona); !known)
                return tl::unexpected(Failure{ExitCode::usage, known.error().message});
        }
        auto started = emulator::Emulator::start(executor_, std::move(emulator));
        if (!started) return tl::unexpected(Failure{ExitCode::failure, started.error().message});
        emulator_ = std::move(*started);
        emulator::LoadPlan plan;
        plan.calls = options_.calls;
        plan.length = options_.length;
        plan.apart = std::chrono::microseconds(
            static_cast<std::int64_t>(1e6 / std::max(options_.per_second, 0.01)));
        plan.url = options_.url;
        plan.outbound = options_.outbound;
        plan.persona = options_.persona;
        load_ = emulator_->make_load(std::move(plan));
        spawn(executor_, "load", run(load_, [this] { finish(); }));
        return emulator_->base_url();
    }

    LoadFigures figures() const override {
        LoadFigures out;
        if (!load_) return out;
        const auto report = load_->report();
        out.calls = report.calls;
        out.started = report.started;
        out.up = report.up;
        out.failed = report.failed;
        out.early_ends = report.early_ends;
        out.reasons = report.reasons;
        out.frames = report.frames;
        out.connect_p50_ms = report.connect_percentile(0.5);
        out.connect_p99_ms = report.connect_percentile(0.99);
        return out;
    }

    void request_stop(Stop how) override {
        if (load_) load_->stop();
        if (how == Stop::forced) finish();
    }

    void when_done(std::function<void()> done) override { done_ = std::move(done); }

private:
    static asio::awaitable<void> run(std::shared_ptr<emulator::Load> load,
                                     std::function<void()> finished) {
        co_await emulator::Load::run(std::move(load));
        finished();
    }

    void finish() {
        if (auto done = std::exchange(done_, {})) asio::post(executor_, std::move(done));
    }

    LoadOptions options_;
    asio::any_io_executor executor_;
    std::shared_ptr<emulator::Emulator> emulator_;
    std::shared_ptr<emulator::Load> load_;
    std::function<void()> done_;
};

}  // namespace

Outcome<std::unique_ptr<LoadService>> open_load(LoadOptions options,
                                                asio::any_io_executor executor) {
    return std::make_unique<LiveLoad>(std::move(options), std::move(executor));
}

}  // namespace bridge::app
