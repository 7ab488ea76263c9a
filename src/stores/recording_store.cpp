#include "stores/recording_store.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <deque>
#include <iterator>
#include <system_error>
#include <utility>

#include "audio/frame.hpp"
#include "base/log.hpp"
#include "stores/folder_lock.hpp"
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
        forget_idle(*shared, call);
        shared->changed.notify_all();
    }

    const std::shared_ptr<Shared> shared;
    CallId call;
    fs::path path;
    bool mulaw = false;
    std::uint64_t begin = 0;  ///< on the call's timeline
    boost::asio::any_io_executor executor;
    std::function<void(std::string)> broke;

    std::mutex mutex;  // held for moments, a few times a second
    std::deque<std::unique_ptr<Block>> waiting;
    bool busy = false;             ///< a disk thread has it, or will
    std::vector<SilentSpan> told;  ///< what must not be heard, not done yet
    bool over = false;             ///< nothing more comes
    bool closed = false;           ///< the file belongs to whoever wants it

    // Of the disk thread that has it.
    std::unique_ptr<RecordingFile> file;
    bool broken = false;
    std::vector<SilentPart> ahead;  ///< reach beyond what is written
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
    /// False: it is closed.
    bool silence(const std::vector<SilentSpan>& spans) {
        const std::lock_guard lock(mutex);
        if (closed) return false;
        told.insert(told.end(), spans.begin(), spans.end());
        work(Urgency::now);
        return true;
    }
    /// With the mutex.
    void work(Urgency urgency) {
        if (!busy) {
            busy = shared->disk->submit([self = shared_from_this()] { self->run(); }, urgency);
        } else if (urgency == Urgency::now) {
            shared->disk->hurry();
        }
    }
    void run() {
        for (;;) {
            std::deque<std::unique_ptr<Block>> blocks;
            std::vector<SilentSpan> spans;
            {
                const std::lock_guard lock(mutex);
                blocks.swap(waiting);
                spans.swap(told);
                if (blocks.empty() && spans.empty()) {
                    busy = over;  // after the end nobody comes any more
                    if (!over) return;
                }
            }
            if (!file && !broken) create();
            if (blocks.empty() && spans.empty()) return close();
            take_out(silent_parts(spans, begin));
            for (const auto& block : blocks) write(*block);
        }
    }
    void create() {
        const std::chrono::milliseconds offset(begin / audio::kSamplesPerMs);
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
        if (!ahead.empty()) take_out_of(part, block.at);
        if (auto written = file->write(part); !written) fails(written.error());
    }
    /// What is written at once, what is not when it comes.
    void take_out(const std::vector<SilentPart>& parts) {
        if (parts.empty() || !file) return;
        if (auto done = silence_in_place(path, parts); !done)
            log::error("recordings", "what a transcript leaves out is heard: {}",
                       done.error().message);
        std::copy_if(parts.begin(), parts.end(), std::back_inserter(ahead),
                     [this](const SilentPart& part) { return part.end > file->samples(); });
    }
    void take_out_of(std::span<std::int16_t> sound, std::uint64_t at) {
        for (const auto& part : ahead) stores::silence(sound, at, part);
        std::erase_if(ahead, [end = at + sound.size() / 2](const SilentPart& part) {
            return part.end <= end;
        });
    }
    void fails(const Error& error) {
        broken = true;
        boost::asio::post(executor, [broke = broke, problem = error.message] { broke(problem); });
    }
    void close() {
        const bool made = file != nullptr;
        file.reset();
        std::vector<SilentSpan> spans;
        {
            const std::lock_guard lock(mutex);
            closed = true;
            spans.swap(told);
        }
        if (!spans.empty()) silence_over(shared, call, std::move(spans));
        {
            const std::lock_guard lock(shared->mutex);
            auto& of_call = shared->calls[call];
            of_call.over = true;
            if (!made || shared->form == RecordingForm::wav) return;
            if (of_call.expecting > 0 && !shared->ending) {
                of_call.parked.push_back(shared_from_this());
                return;
            }
        }
        bring_into_form();
    }
    void bring_into_form() {
        const bool taken = shared->cpu->submit(
            [self = shared_from_this()] { bring_into_form(self->path, self->shared->form); });
        if (!taken)
            log::warning("recordings", "{}: stays a WAV until the next start", path.string());
    }
    static void bring_into_form(const fs::path& wav, RecordingForm form) {
        auto to = wav;
        to.replace_extension(to_string(form));
        const FolderLock lock(wav.parent_path(), FolderLock::Kind::shared);
        std::error_code error;
        if (!fs::exists(wav, error)) return;  // deleted meanwhile
        if (auto made = make_recording(wav, to, form, {}); !made) {
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
    shared_->folder = folder_;
    shared_->form = options_.form;
    shared_->disk = options_.disk.get();
    shared_->cpu = options_.cpu.get();
    shared_->dropped =
        &options_.metrics->counter("agentbridge_recording_dropped_blocks_total",
                                   "Blocks of 0.4 s that recordings lost to a slow disk.");
}

RecordingStore::~RecordingStore() {
    std::vector<std::shared_ptr<Job>> parked;
    std::unique_lock lock(shared_->mutex);
    shared_->ending = true;
    for (auto& [call, of_call] : shared_->calls) {
        std::move(of_call.parked.begin(), of_call.parked.end(), std::back_inserter(parked));
        of_call.parked.clear();
    }
    lock.unlock();
    for (const auto& job : parked) job->bring_into_form();
    parked.clear();
    lock.lock();
    const auto done = [this] { return shared_->jobs == 0 && !shared_->silencing; };
    if (!shared_->changed.wait_for(lock, kLastWrites, done))
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
    job->call = call;
    job->executor = std::move(executor);
    job->broke = std::move(broke);
    job->path = options_.folder / (new_name(call) + ".wav");
    job->mulaw = options_.mulaw;
    job->begin = at;
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->calls[call].writing.push_back(job);
    }
    return std::make_shared<Recording>(std::move(job), at);
}

void RecordingStore::silence(const CallId& call, std::vector<SilentSpan> spans) {
    std::vector<std::shared_ptr<Job>> jobs;  // let go of without the mutex
    bool over = true;                        // some may be in the folder
    {
        const std::lock_guard lock(shared_->mutex);
        if (const auto found = shared_->calls.find(call); found != shared_->calls.end()) {
            over = found->second.over;
            for (const auto& one : found->second.writing) {
                if (auto job = one.lock()) jobs.push_back(std::move(job));
            }
        }
    }
    for (const auto& job : jobs) over = !job->silence(spans) || over;
    if (over) silence_over(shared_, call, std::move(spans));
}

/// In those of its recordings that are in the folder.
void RecordingStore::silence_over(const std::shared_ptr<Shared>& shared, const CallId& call,
                                  std::vector<SilentSpan> spans) {
    {
        const std::lock_guard lock(shared->mutex);
        auto& late = shared->late[call];
        late.insert(late.end(), spans.begin(), spans.end());
        if (std::exchange(shared->silencing, true)) return;
    }
    if (shared->cpu->submit([shared] { silence_late(*shared); })) return;
    // The next time all of it is tried again.
    log::error("recordings", "{}: what a transcript leaves out is heard: {}", call,
               shared->cpu->refusal());
    const std::lock_guard lock(shared->mutex);
    shared->silencing = false;
    shared->changed.notify_all();
}

void RecordingStore::silence_late(Shared& shared) {
    for (;;) {
        std::map<CallId, std::vector<SilentSpan>> late;
        {
            const std::lock_guard lock(shared.mutex);
            late.swap(shared.late);
            shared.silencing = !late.empty();
            if (late.empty()) {
                shared.changed.notify_all();
                return;
            }
        }
        for (const auto& [call, spans] : late) {
            if (auto done = shared.folder.silence(call, spans); !done)
                log::error("recordings", "{}: what a transcript leaves out is heard: {}", call,
                           done.error().message);
        }
    }
}

std::shared_ptr<void> RecordingStore::expect_silence(const CallId& call) {
    {
        const std::lock_guard lock(shared_->mutex);
        ++shared_->calls[call].expecting;
    }
    return {shared_.get(), [shared = shared_, call](void*) { release(*shared, call); }};
}

void RecordingStore::release(Shared& shared, const CallId& call) {
    std::vector<std::shared_ptr<Job>> parked;  // let go of without the mutex
    {
        const std::lock_guard lock(shared.mutex);
        auto& of_call = shared.calls[call];
        if (--of_call.expecting == 0) parked.swap(of_call.parked);
        forget_idle(shared, call);
    }
    for (const auto& job : parked) job->bring_into_form();
}

/// With the mutex: a call of which nothing is made and nothing expected.
void RecordingStore::forget_idle(Shared& shared, const CallId& call) {
    const auto found = shared.calls.find(call);
    if (found == shared.calls.end()) return;
    auto& of_call = found->second;
    std::erase_if(of_call.writing, [](const auto& one) { return one.expired(); });
    if (of_call.writing.empty() && of_call.expecting == 0 && of_call.parked.empty())
        shared.calls.erase(found);
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
