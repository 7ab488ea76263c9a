#include "app/recording_wiring.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audio/frame.hpp"
#include "audio/tone.hpp"
#include "speech/flite_voice.hpp"

namespace bridge::app {
namespace {

/// One for each recording at most waits for a disk thread.
constexpr std::size_t kDiskQueue = 4096;
constexpr std::size_t kEncodeQueue = 1024;
constexpr auto kSpokenNotice = "This call is recorded.";

audio::Samples beep() {
    constexpr double kHz = 1400, kAmplitude = 0.25;
    constexpr std::size_t kLength = audio::kSampleRate * 4 / 10;
    std::vector<std::int16_t> out(kLength);
    audio::Tone tone(kHz, kAmplitude);
    tone.fill(out);
    return std::make_shared<const std::vector<std::int16_t>>(std::move(out));
}

std::shared_ptr<WorkerPool> pool(std::string name, std::size_t threads, std::size_t capacity,
                                 const std::shared_ptr<metrics::Registry>& metrics) {
    WorkerPoolOptions options;
    options.name = std::move(name);
    options.threads = threads;
    options.capacity = capacity;
    options.metrics = metrics;
    return std::make_shared<WorkerPool>(std::move(options));
}

using web::RecordingEntry;

/// The store's folder, as the API asks for it.
class Library final : public web::RecordingLibrary {
public:
    Library(stores::RecordingFolder folder, WorkerPool& workers)
        : folder_(std::move(folder)), workers_(workers) {}

    WorkerPool& workers() const override { return workers_; }
    std::vector<RecordingEntry> list() const override {
        std::vector<RecordingEntry> out;
        for (const auto& one : folder_.list()) {
            RecordingEntry entry;
            entry.name = one.name;
            entry.call = one.call;
            entry.began = one.began;
            entry.bytes = one.bytes;
            for (const auto form : one.forms) entry.formats.emplace_back(to_string(form));
            entry.live = one.live;
            out.push_back(std::move(entry));
        }
        return out;
    }
    void look_into(RecordingEntry& entry) const override {
        const auto facts = stores::read_recording_facts(first_file(entry));
        if (!facts) return;
        entry.duration = facts->duration;
        entry.offset = facts->origin.offset;
        entry.by_carrier = facts->origin.by_carrier;
    }
    Result<std::string> file(const RecordingEntry& entry, std::string_view format) const override {
        const auto form = stores::parse_recording_form(format);
        if (!form) return fail(Errc::not_found, "there is no such format");
        auto path = folder_.in_form(stored(entry), *form);
        if (!path) return tl::unexpected(path.error());
        return path->string();
    }
    Result<web::RecordingPeaks> peaks(const RecordingEntry& entry,
                                      std::size_t buckets) const override {
        auto found = stores::read_recording_peaks(first_file(entry), buckets);
        if (!found) return tl::unexpected(found.error());
        return web::RecordingPeaks{found->duration, std::move(found->far), std::move(found->near)};
    }
    Result<> remove(const std::string& name) const override { return folder_.remove(name); }

private:
    static stores::StoredRecording stored(const RecordingEntry& entry) {
        stores::StoredRecording out;
        out.name = entry.name;
        out.call = entry.call;
        for (const auto& format : entry.formats)
            out.forms.push_back(*stores::parse_recording_form(format));
        out.live = entry.live;
        return out;
    }
    std::filesystem::path first_file(const RecordingEntry& entry) const {
        const auto one = stored(entry);
        return folder_.file(one, one.forms.front());
    }

    const stores::RecordingFolder folder_;
    WorkerPool& workers_;
};

}  // namespace

std::shared_ptr<web::RecordingLibrary> recording_library(const stores::RecordingStore& store) {
    // Whoever asks may be waiting for a form to be made: not where recordings are written.
    return std::make_shared<Library>(store.folder(), store.cpu());
}

Outcome<std::shared_ptr<stores::RecordingStore>> open_recordings(
    const Config& config, const std::shared_ptr<metrics::Registry>& metrics) {
    stores::RecordingStoreOptions options;
    options.folder = config.recording_folder();
    options.form = config.record_form;
    options.mulaw = config.record_mulaw;
    options.notice = config.record_notice;
    options.beep = beep();
    auto spoken = speech::synthesize(kSpokenNotice);
    if (!spoken) return tl::unexpected(Failure{ExitCode::failure, spoken.error().message});
    options.spoken = std::make_shared<const std::vector<std::int16_t>>(std::move(*spoken));
    options.disk = pool("disk", 2, kDiskQueue, metrics);
    options.cpu = pool("encode", 1, kEncodeQueue, metrics);
    options.metrics = metrics;
    auto opened = stores::RecordingStore::open(std::move(options));
    if (!opened) return tl::unexpected(Failure{ExitCode::configuration, opened.error().message});
    return *opened;
}

}  // namespace bridge::app
