#include "capture/capture_store.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <system_error>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "capture/captured_call.hpp"

namespace bridge::capture {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view kExtension = ".abcap";
constexpr auto kLongestClose = 2s;
/// Seconds of calls that may wait for the disk, all together.
constexpr std::size_t kMostWaiting = 4096;

/// What a call is opened with, before anything of it is replaced.
Opening opening_of(const call::CallSpec& spec, const call::CallServices& services,
                   std::string program, Clock::Time began,
                   std::chrono::system_clock::time_point wall) {
    Opening opening;
    opening.program = std::move(program);
    opening.clock_us = std::chrono::duration_cast<Micros>(began.time_since_epoch()).count();
    opening.wall_us = std::chrono::duration_cast<Micros>(wall.time_since_epoch()).count();
    opening.spec = spec;
    opening.seed = services.seed;
    opening.playout_ceiling = services.playout.ceiling;
    opening.outbound = services.outbound;
    opening.care = services.agent_care;
    opening.carrier = services.carrier != nullptr;
    opening.speaker = services.speaker != nullptr;
    opening.microphone = services.microphone != nullptr;
    opening.voicemail = services.voicemail != nullptr;
    opening.agents = services.agents != nullptr;
    opening.messages = services.messages != nullptr;
    opening.recordings = services.recordings != nullptr;
    opening.transcribers = services.transcribers != nullptr;
    opening.policy = static_cast<bool>(services.may_transfer);
    return opening;
}

std::optional<CaptureEntry> entry_of(const std::filesystem::path& file) {
    const auto stem = file.stem().string();
    const auto dash = stem.find('-');
    std::tm parts{};
    if (file.extension() != kExtension || dash == std::string::npos ||
        ::strptime(stem.c_str(), "%Y%m%dT%H%M%SZ-", &parts) == nullptr)
        return std::nullopt;
    CaptureEntry entry;
    entry.file = file;
    entry.call = CallId(stem.substr(dash + 1));
    entry.began = std::chrono::system_clock::from_time_t(::timegm(&parts));
    std::error_code error;
    entry.bytes = std::filesystem::file_size(file, error);
    if (error) return std::nullopt;
    return entry;
}

}  // namespace

std::string capture_file_name(const CallId& call, std::chrono::system_clock::time_point began) {
    return fmt::format("{:%Y%m%dT%H%M%S}Z-{}{}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(began)), call.str(),
                       kExtension);
}

CaptureStore::CaptureStore(CaptureStoreOptions options)
    : options_(std::move(options)),
      scrub_(std::make_shared<const Scrub>(options_.secrets)),
      pool_(std::make_shared<WorkerPool>(
          WorkerPoolOptions{"captures", 1, kMostWaiting, options_.metrics, options_.gather})) {}

CaptureStore::~CaptureStore() {
    close();
}

std::shared_ptr<call::CallCapture> CaptureStore::begin(const call::CallSpec& spec,
                                                       call::CallServices& services) {
    const auto wall = std::chrono::system_clock::now();
    Clock& clock = services.clock;
    const Clock::Time began(std::chrono::floor<Micros>(clock.now().time_since_epoch()));
    const auto file = options_.folder / capture_file_name(spec.id, wall);
    auto captured = std::make_shared<CapturedCall>(clock, began, spec.id, scrub_,
                                                   std::make_unique<CaptureWriter>(file, pool_));
    captured->write_opening(opening_of(spec, services, options_.program, began, wall));
    captured->replace(services);
    log::info({"capture", spec.id}, "captured to {}", file.string());
    return captured;
}

std::vector<CaptureEntry> CaptureStore::list() const {
    std::vector<CaptureEntry> found;
    std::error_code error;
    for (std::filesystem::directory_iterator at(options_.folder, error), end; !error && at != end;
         at.increment(error)) {
        if (auto entry = entry_of(at->path())) found.push_back(std::move(*entry));
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.file < b.file; });
    return found;
}

std::optional<CaptureEntry> CaptureStore::find(const CallId& call) const {
    auto all = list();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.call == call; });
    if (found == all.end()) return std::nullopt;
    return std::move(*found);
}

Result<> CaptureStore::remove(const CallId& call) {
    while (const auto entry = find(call)) {
        std::error_code error;
        std::filesystem::remove(entry->file, error);
        if (error)
            return fail(Errc::io, fmt::format("{} cannot be removed: {}", entry->file.string(),
                                              error.message()));
    }
    return {};
}

void CaptureStore::sweep(std::chrono::system_clock::time_point before) {
    for (const auto& entry : list()) {
        std::error_code ignored;
        if (entry.began < before) std::filesystem::remove(entry.file, ignored);
    }
}

void CaptureStore::close() {
    const auto end = std::chrono::steady_clock::now() + kLongestClose;
    while (!pool_->idle() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(5ms);
    pool_->stop();
}

}  // namespace bridge::capture
