#include "app/transcript_wiring.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "app/open_transcribers.hpp"
#include "app/recording_silence.hpp"
#include "base/log.hpp"
#include "base/spawn.hpp"
#include "transcribers/file_transcript.hpp"

namespace bridge::app {
namespace {

using Document = Result<call::TranscriptDocument>;

/// The transcript is shown once the recording is silent where it leaves something out.
asio::awaitable<Document> take_down(std::shared_ptr<transcribers::Transcribers> transcribers,
                                    std::shared_ptr<stores::RecordingStore> recordings,
                                    asio::any_io_executor executor, CallId call,
                                    web::RecordedSound sound) {
    auto making = transcribers::transcribe_file(transcribers, executor, call, std::move(sound.file),
                                                sound.offset, {});
    auto made = co_await std::move(making);
    if (!made) co_return tl::unexpected(made.error());
    if (!made->redacted.empty() && recordings) {
        const auto silence = [recordings, call, spans = silent_spans(made->redacted)] {
            return recordings->folder().silence(call, spans);
        };
        auto silencing = offload(transcribers->pool(), executor, silence, asio::use_awaitable);
        if (auto done = co_await std::move(silencing); !done)
            co_return tl::unexpected(done.error());
    }
    co_return std::move(made->document);
}

asio::awaitable<void> make(std::shared_ptr<transcribers::Transcribers> transcribers,
                           std::shared_ptr<stores::RecordingStore> recordings,
                           asio::any_io_executor executor, CallId call, web::RecordedSound sound,
                           std::function<void(Document)> told) {
    auto taking =
        take_down(std::move(transcribers), std::move(recordings), executor, call, std::move(sound));
    auto made = co_await std::move(taking);
    if (!made)
        log::warning({"call", call}, "its recording could not be taken down: {}",
                     made.error().message);
    told(std::move(made));
}

}  // namespace

Outcome<> TranscriptWiring::open(const Config& config, std::shared_ptr<metrics::Registry> metrics,
                                 const std::string& user_agent, BridgeOptions& bridge,
                                 std::shared_ptr<stores::RecordingStore> recordings) {
    if (config.transcript.engine.empty()) {
        trouble_ = transcribers::how_to_get_an_engine();
        return {};
    }
    recordings_ = std::move(recordings);
    auto opened =
        open_transcribers(config, std::move(metrics), user_agent, silence_recordings(recordings_));
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
    out.make = [executor = std::move(executor), transcribers = transcribers_,
                recordings = recordings_, trouble = trouble_,
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
              make(transcribers, recordings, home, call, std::move(sound), std::move(done)));
        return {};
    };
    out.making = [making = making_](const CallId& call) {
        const std::scoped_lock lock(making->mutex);
        return making->calls.count(call) != 0;
    };
    return out;
}

}  // namespace bridge::app
