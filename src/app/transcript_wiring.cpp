#include "app/transcript_wiring.hpp"

#include <utility>

#include "app/open_transcribers.hpp"
#include "base/log.hpp"
#include "base/spawn.hpp"
#include "transcribers/file_transcript.hpp"

namespace bridge::app {
namespace {

using Document = Result<call::TranscriptDocument>;

asio::awaitable<void> make(std::shared_ptr<transcribers::Transcribers> transcribers,
                           asio::any_io_executor executor, CallId call, web::RecordedSound sound,
                           std::function<void(Document)> told) {
    auto making = transcribers::transcribe_file(std::move(transcribers), executor, call,
                                                std::move(sound.file), sound.offset, {});
    auto made = co_await std::move(making);
    if (!made)
        log::warning({"call", call}, "its recording could not be taken down: {}",
                     made.error().message);
    told(std::move(made));
}

}  // namespace

Outcome<> TranscriptWiring::open(
    const Config& config, std::shared_ptr<metrics::Registry> metrics, const std::string& user_agent,
    BridgeOptions& bridge,
    std::function<void(const CallId&, std::vector<transcribers::RedactedSpan>)> redacted) {
    if (config.transcript.engine.empty()) {
        trouble_ = transcribers::how_to_get_an_engine();
        return {};
    }
    auto opened = open_transcribers(config, std::move(metrics), user_agent, std::move(redacted));
    if (!opened) return tl::unexpected(Failure{ExitCode::configuration, opened.error().message});
    transcribers_ = std::move(*opened);
    bridge.transcribers = transcribers_;
    return {};
}

void TranscriptWiring::stop() {
    if (transcribers_) transcribers_->stop();
}

web::TranscriptSources TranscriptWiring::sources(
    std::function<asio::any_io_executor()> executor) const {
    web::TranscriptSources out;
    out.ready = [there = transcribers_ != nullptr, trouble = trouble_]() -> Result<> {
        if (!there) return fail(Errc::bad_config, trouble);
        return {};
    };
    out.make = [executor = std::move(executor), transcribers = transcribers_, trouble = trouble_,
                making = making_](const CallId& call, web::RecordedSound sound,
                                  std::function<void(Document)> told) -> Result<> {
        if (!transcribers) return fail(Errc::bad_config, trouble);
        const std::scoped_lock lock(making->mutex);
        if (!making->calls.insert(call).second)
            return fail(Errc::exists, "this call's recording is being taken down already");
        auto done = [making, call, told = std::move(told)](Document made) {
            told(std::move(made));
            const std::scoped_lock done_lock(making->mutex);
            making->calls.erase(call);
        };
        const auto home = executor();
        spawn(home, "transcript of a recording",
              make(transcribers, home, call, std::move(sound), std::move(done)));
        return {};
    };
    out.making = [making = making_](const CallId& call) {
        const std::scoped_lock lock(making->mutex);
        return making->calls.count(call) != 0;
    };
    return out;
}

}  // namespace bridge::app
