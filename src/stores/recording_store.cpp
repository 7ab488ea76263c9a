#include "stores/recording_store.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <deque>
#include <system_error>
#include <utility>

#include "audio/frame.hpp"
#include "base/log.hpp"
#include "stores/track_blocks.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// At the end of the program the disk has so long.
constexpr auto kLastWrites = 10s;
/// More calls than begin a second recording within the second of their first.
constexpr std::size_t kNamesKept = 256;
using Block = TrackBlocks::Block;

}  // namespace

/// A recording on its way to the disk. Thread: any; the mutex guards what both sides touch.
struct RecordingStore::Job : std::enable_shared_from_this<RecordingStore::Job> {
    explicit Job(std::shared_ptr<Shared> with) : shared(std::move(with)) {
        const std::lock_guard lock(shared->mutex);
        ++shared->jobs;
    }
    ~Job() {
        const std::lock_guard lock(shared->mutex);
        --shared->jobs;
        shared->changed.notify_all();
    }

    const std::shared_ptr<Shared> shared;
    fs::path path;
    bool mulaw = false;
    std::chrono::milliseconds offset{0};
    boost::asio::any_io_executor executor;
    std::function<void(std::string)> broke;

    std::mutex mutex;  // held for moments, a few times a second
    std::deque<std::unique_ptr<Block>> waiting;
    bool busy = false;  ///< a disk thread has it, or will
    bool over = false;  ///< nothing more comes

    // Of the disk thread that has it.
    std::unique_ptr<RecordingFile> file;
    bool broken = false;
    std::vector<std::int16_t> interleaved = std::vector<std::int16_t>(2 * TrackBlocks::kBlock);

    void add(std::unique_ptr<Block> block) {
        const std::lock_guard lock(mutex);
        if (waiting.size() < kMostWaiting) {
            waiting.push_back(std::move(block));
        } else {
            shared->dropped->add();
        }
        work(Urgency::gathered);
    }
    void end() {
        const std::lock_guard lock(mutex);
        over = true;
        work(Urgency::now);
    }
    /// With the mutex.
    void work(Urgency urgency) {
        if (!busy)
            busy = shared->disk->submit([self = shared_from_this()] { self->run(); }, urgency);
    }
    void run() {
        for (;;) {
            std::deque<std::unique_ptr<Block>> blocks;
            {
                const std::lock_guard lock(mutex);
                blocks.swap(waiting);
                if (blocks.empty()) {
                    busy = over;  // after the end nobody comes any more
                    if (!over) return;
                }
            }
            if (!file && !broken) create();
            if (blocks.empty()) return close();
            for (const auto& block : blocks) write(*block);
        }
    }
    void create() {
        auto created = RecordingFile::create(path, mulaw, offset);
        if (!created) return fails(created.error());
        file = std::move(*created);
    }
    void write(const Block& block) {
        if (broken) return;
        static const std::vector<std::int16_t> silence(2 * TrackBlocks::kBlock);
        while (file->samples() < block.at) {
            const auto missing =
                std::min<std::uint64_t>(block.at - file->samples(), TrackBlocks::kBlock);
            const auto part = std::span(silence).first(2 * static_cast<std::size_t>(missing));
            if (auto written = file->write(part); !written) return fails(written.error());
        }
        for (std::size_t i = 0; i < block.samples; ++i) {
            interleaved[2 * i] = block.far[i];
            interleaved[2 * i + 1] = block.near[i];
        }
        const auto part = std::span(interleaved).first(2 * block.samples);
        if (auto written = file->write(part); !written) fails(written.error());
    }
    void fails(const Error& error) {
        broken = true;
        boost::asio::post(executor, [broke = broke, problem = error.message] { broke(problem); });
    }
    void close() {
        const bool made = file != nullptr;
        file.reset();
        if (!made || shared->form == RecordingForm::wav) return;
        const bool taken =
            shared->cpu->submit([self = shared_from_this()] { bring_into_form(*self); });
        if (!taken)
            log::warning("recordings", "{}: stays a WAV until the next start", path.string());
    }
    static void bring_into_form(const Job& job) { bring_into_form(job.path, job.shared->form); }
    static void bring_into_form(const fs::path& wav, RecordingForm form) {
        auto to = wav;
        to.replace_extension(to_string(form));
        if (auto made = convert_recording(wav, to, form); !made) {
            log::warning("recordings", "{}: stays a WAV: {}", wav.string(), made.error().message);
            return;
        }
        ::unlink(wav.c_str());
    }
};

class RecordingStore::Recording final : public call::CallRecording {
public:
    Recording(std::shared_ptr<Job> job, std::uint64_t at)
        : job_(std::move(job)),
          file_(job_->path.string()),
          blocks_(at, [job = job_](std::unique_ptr<Block> block) { job->add(std::move(block)); }) {}
    ~Recording() override {
        blocks_.finish();
        job_->end();
    }
    const std::string& file() const override { return file_; }
    void far_end(std::uint64_t at, std::span<const std::int16_t> samples) override {
        blocks_.far_end(at, samples);
    }
    void near_end(std::uint64_t at, std::span<const std::int16_t> samples) override {
        blocks_.near_end(at, samples);
    }
    void near_known(std::uint64_t at) override { blocks_.near_known(at); }
    void pause(std::uint64_t at) override { blocks_.pause(at); }
    void resume(std::uint64_t at) override { blocks_.resume(at); }

private:
    const std::shared_ptr<Job> job_;
    const std::string file_;
    TrackBlocks blocks_;
};

Result<std::shared_ptr<RecordingStore>> RecordingStore::open(RecordingStoreOptions options) {
    std::error_code error;
    fs::create_directories(options.folder, error);
    if (!error) fs::permissions(options.folder, fs::perms::owner_all, error);
    if (!error && ::access(options.folder.c_str(), W_OK) != 0)
        error.assign(errno, std::generic_category());
    if (error)
        return fail(Errc::io, fmt::format("{}: recordings cannot be kept there ({})",
                                          options.folder.string(), error.message()));
    options.metrics = metrics::registry_or_own(std::move(options.metrics));
    auto store = std::shared_ptr<RecordingStore>(new RecordingStore(std::move(options)));
    store->end_former();
    return store;
}

RecordingStore::RecordingStore(RecordingStoreOptions options) : options_(std::move(options)) {
    shared_->form = options_.form;
    shared_->disk = options_.disk.get();
    shared_->cpu = options_.cpu.get();
    shared_->dropped =
        &options_.metrics->counter("agentbridge_recording_dropped_blocks_total",
                                   "Blocks of 0.4 s that recordings lost to a slow disk");
}

RecordingStore::~RecordingStore() {
    std::unique_lock lock(shared_->mutex);
    if (!shared_->changed.wait_for(lock, kLastWrites, [this] { return shared_->jobs == 0; }))
        log::warning("recordings", "the disk is too slow: {} recordings miss their end",
                     shared_->jobs);
}

/// What a killed run left: half-made files go, and what should be smaller is made so.
void RecordingStore::end_former() {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(options_.folder, error)) {
        if (entry.path().extension() == kUnfinished && !is_being_written(entry.path()))
            ::unlink(entry.path().c_str());
    }
    if (options_.form == RecordingForm::wav) return;
    for (const auto& recording : folder_.list()) {
        const auto& forms = recording.forms;
        if (recording.live || forms.front() != RecordingForm::wav) continue;
        const auto wav = folder_.file(recording, RecordingForm::wav);
        if (std::find(forms.begin(), forms.end(), options_.form) != forms.end()) {
            ::unlink(wav.c_str());  // it was killed between the two
            continue;
        }
        options_.cpu->submit([wav, form = options_.form] { Job::bring_into_form(wav, form); });
    }
}

Result<std::shared_ptr<call::CallRecording>> RecordingStore::begin(
    const CallId& call, std::uint64_t at, boost::asio::any_io_executor executor,
    std::function<void(std::string problem)> broke) {
    auto job = std::make_shared<Job>(shared_);
    job->executor = std::move(executor);
    job->broke = std::move(broke);
    job->path = options_.folder / (new_name(call) + ".wav");
    job->mulaw = options_.mulaw;
    job->offset = std::chrono::milliseconds(at / audio::kSamplesPerMs);
    return std::make_shared<Recording>(std::move(job), at);
}

/// The second one of a call within a second gets a number.
std::string RecordingStore::new_name(const CallId& call) {
    const auto time = std::chrono::system_clock::to_time_t(options_.wall_now());
    const auto name = fmt::format("{:%Y%m%dT%H%M%SZ}-{}", fmt::gmtime(time), call);
    const std::lock_guard lock(shared_->mutex);
    auto& names = shared_->names;
    const auto before = std::count_if(names.begin(), names.end(),
                                      [&](const std::string& one) { return one == name; });
    if (names.size() >= kNamesKept) names.pop_front();
    names.push_back(name);
    return before == 0 ? name : fmt::format("{}-{}", name, before + 1);
}

audio::Samples RecordingStore::notice(std::optional<call::RecordingNotice> wanted) const {
    switch (wanted.value_or(options_.notice)) {
        case call::RecordingNotice::none:
            return {};
        case call::RecordingNotice::beep:
            return options_.beep;
        case call::RecordingNotice::spoken:
            return options_.spoken;
    }
    return {};
}

}  // namespace bridge::stores
