#include "app/history_wiring.hpp"

#include <unistd.h>

#include <array>
#include <utility>

#include "app/history.hpp"
#include "app/instance.hpp"
#include "base/log.hpp"
#include "stores/memory_calls.hpp"
#include "stores/postgres_calls.hpp"
#include "stores/sqlite_calls.hpp"
#include "web/history_answers.hpp"

namespace bridge::app {
namespace {

/// This machine and state folder, before the name of a program that runs in it.
std::string home_of(const Config& config) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    return std::string(host.data()) + ":" + config.state_dir.string() + "/";
}

/// Takes away recordings that began before then.
void sweep_recordings(const stores::RecordingFolder& folder,
                      std::chrono::system_clock::time_point before) {
    for (const auto& one : folder.list()) {
        if (one.live || one.began >= before) continue;
        if (const auto removed = folder.remove(one.name); !removed)
            log::warning("history", "{}", removed.error().message);
    }
}

std::vector<stores::HistoryFiles> files_of(
    const std::shared_ptr<stores::RecordingStore>& recordings,
    const std::shared_ptr<capture::CaptureStore>& captures) {
    std::vector<stores::HistoryFiles> out;
    if (recordings) {
        out.push_back({"recordings",
                       [recordings](const CallId& call) { return recordings->remove(call); },
                       [recordings](std::chrono::system_clock::time_point before) {
                           sweep_recordings(recordings->folder(), before);
                       }});
    }
    if (captures) {
        out.push_back({"captures",
                       [captures](const CallId& call) { return captures->remove(call); },
                       [captures](std::chrono::system_clock::time_point before) {
                           captures->sweep(before);
                       }});
    }
    return out;
}

Result<> remove_files(const Config& config, const CallId& call) {
    const stores::RecordingFolder recordings(config.recording_folder());
    if (auto removed = recordings.remove(call); !removed) return removed;
    capture::CaptureStoreOptions options;
    options.folder = config.state_dir / "captures";
    std::error_code none;
    if (!std::filesystem::exists(options.folder, none)) return {};
    return capture::CaptureStore(std::move(options)).remove(call);
}

}  // namespace

Result<std::unique_ptr<call::CallStore>> open_history(const Config& config, HistoryAccess access) {
    if (!config.database_url.empty()) {
        using stores::PostgresCalls;
        auto opened =
            PostgresCalls::open(config.database_url, access == HistoryAccess::reading
                                                         ? PostgresCalls::Open::for_reading
                                                         : PostgresCalls::Open::for_writing);
        if (!opened) return tl::unexpected(std::move(opened.error()));
        return std::unique_ptr<call::CallStore>(std::move(*opened));
    }
    const auto file = config.state_dir / "history.db";
    std::error_code ignored;
    if (access == HistoryAccess::reading && !std::filesystem::exists(file, ignored))
        return std::make_unique<stores::MemoryCalls>();
    auto opened = stores::SqliteCalls::open(file, access == HistoryAccess::reading
                                                      ? stores::SqliteCalls::Open::for_reading
                                                      : stores::SqliteCalls::Open::for_writing);
    if (!opened) return tl::unexpected(std::move(opened.error()));
    return std::unique_ptr<call::CallStore>(std::move(*opened));
}

std::shared_ptr<stores::HistoryKeeper> start_history(
    const Config& config, const std::string& instance, std::shared_ptr<metrics::Registry> metrics,
    const std::shared_ptr<stores::RecordingStore>& recordings,
    const std::shared_ptr<capture::CaptureStore>& captures) {
    auto options = history_options(std::move(metrics));
    options.open = [config] { return open_history(config, HistoryAccess::writing); };
    options.instance = home_of(config) + instance;
    options.dead = [config](const std::string& holder) { return is_left(config, holder); };
    options.retain = config.retain;
    options.files = files_of(recordings, captures);
    if (captures)
        options.captured = [captures](const CallId& call) {
            return captures->find(call).has_value();
        };
    return stores::HistoryKeeper::start(std::move(options));
}

bool is_left(const Config& config, std::string_view holder) {
    const auto home = home_of(config);
    return holder.starts_with(home) && !is_alive(config.state_dir, holder.substr(home.size()));
}

HistoryParts history_parts() {
    return {open_history,
            [](const Config& config, const std::string& holder) { return is_left(config, holder); },
            remove_files};
}

Result<call::TranscriptDocument> former_transcript(const Config& config, const std::string& call) {
    const auto store = open_history(config, HistoryAccess::reading);
    if (!store) return tl::unexpected(store.error());
    auto found = (*store)->find(call);
    if (!found) return tl::unexpected(found.error());
    if (!*found)
        return fail(Errc::not_found, "there is no call " + call +
                                         " in the history; `agentbridge history list` shows those "
                                         "there are");
    auto pieces = (*store)->transcript((*found)->id);
    if (!pieces) return tl::unexpected(pieces.error());
    auto document = web::stored_transcript({std::move(**found), std::move(*pieces)});
    if (!document)
        return fail(Errc::not_found, "call " + call +
                                         " was not taken down; with a recording, "
                                         "`agentbridge transcript " +
                                         call + " --make` does it");
    return std::move(*document);
}

void settle_history(stores::HistoryKeeper& history, const call::OrphanOutcome& outcome) {
    using What = call::OrphanOutcome::What;
    const auto& entry = outcome.entry;
    std::optional<call::CallState> state;
    if (call::is_final(entry.state)) state = entry.state;
    std::string reason = "the program that had this call died; ";
    switch (outcome.what) {
        case What::ended:
            reason += "the next one ended it";
            break;
        case What::already_over:
            reason += "the carrier says that it is over";
            break;
        case What::never_made:
            reason += "the carrier never placed it";
            state = call::CallState::failed;
            break;
        case What::released:
            reason += "it had been handed over";
            state = call::CallState::completed;
            break;
        case What::not_confirmed:
        case What::ambiguous:
            reason += "its end is not confirmed";
            state.reset();
            break;
    }
    history.settle(entry.id, entry.sid, state, std::move(reason));
}

}  // namespace bridge::app
