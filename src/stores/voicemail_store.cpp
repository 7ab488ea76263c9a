#include "stores/voicemail_store.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <system_error>
#include <utility>
#include <vector>

#include "audio/wav.hpp"
#include "base/log.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAtOnce = audio::kSampleRate;  // a second

/// A file of which the disk's thread knows more than the call does. Thread: the disk's.
struct Recording {
    fs::path path;
    std::unique_ptr<audio::WavWriter> writer;
    bool broken = false;

    void write(const std::vector<std::int16_t>& samples) {
        if (broken) return;
        if (!writer) {
            // Made here, so that nobody else can read it; never over one that is there.
            const auto made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            if (made >= 0) ::close(made);
            auto created =
                made < 0 ? Result<std::unique_ptr<audio::WavWriter>>(fail(
                               Errc::io, fmt::format("{}: cannot be written ({})", path.string(),
                                                     std::generic_category().message(errno))))
                         : audio::WavWriter::create(path, audio::kSampleRate);
            if (!created) return fails(created.error());
            writer = std::move(*created);
        }
        if (auto written = writer->write(samples); !written) fails(written.error());
    }
    void fails(const Error& error) {
        broken = true;
        log::error("voicemail", "{}", error.message);
    }
};

}  // namespace

bool VoicemailStore::Queue::add(std::function<void()> one) {
    const std::lock_guard lock(mutex);
    if (closing || work.size() >= kMostWaiting) {
        ++dropped;
        return false;
    }
    work.push_back(std::move(one));
    changed.notify_one();
    return true;
}

class VoicemailStore::Message final : public call::VoicemailMessage {
public:
    Message(std::shared_ptr<Queue> queue, fs::path path)
        : queue_(std::move(queue)),
          file_(path.string()),
          recording_(std::make_shared<Recording>()) {
        recording_->path = std::move(path);
        waiting_.reserve(kAtOnce);
    }
    ~Message() override { hand_over(); }

    void write(const audio::AudioFrame& frame) override {
        waiting_.insert(waiting_.end(), frame.pcm.begin(), frame.pcm.end());
        if (waiting_.size() >= kAtOnce) hand_over();
    }
    const std::string& file() const override { return file_; }

private:
    void hand_over() {
        if (waiting_.empty()) return;
        auto samples = std::exchange(waiting_, {});
        waiting_.reserve(kAtOnce);
        const auto taken = queue_->add(
            [recording = recording_, samples = std::move(samples)] { recording->write(samples); });
        if (!taken) log::warning("voicemail", "{}: the disk is too slow, a second is lost", file_);
    }

    const std::shared_ptr<Queue> queue_;
    const std::string file_;
    const std::shared_ptr<Recording> recording_;
    std::vector<std::int16_t> waiting_;
};

Result<std::shared_ptr<VoicemailStore>> VoicemailStore::open(VoicemailOptions options) {
    std::error_code error;
    fs::create_directories(options.folder, error);
    if (!error) fs::permissions(options.folder, fs::perms::owner_all, error);
    if (!error && ::access(options.folder.c_str(), W_OK) != 0)
        error.assign(errno, std::generic_category());
    if (error)
        return fail(Errc::io, fmt::format("{}: messages cannot be kept there ({})",
                                          options.folder.string(), error.message()));
    options.metrics = metrics::registry_or_own(std::move(options.metrics));
    return std::shared_ptr<VoicemailStore>(new VoicemailStore(std::move(options)));
}

VoicemailStore::VoicemailStore(VoicemailOptions options)
    : options_(std::move(options)),
      shown_(options_.metrics->queue(
          "voicemail", kMostWaiting,
          [queue = queue_] {
              const std::lock_guard lock(queue->mutex);
              return static_cast<double>(queue->work.size());
          },
          [queue = queue_] { return static_cast<double>(queue->dropped.load()); })),
      disk_([this] { run(); }) {}

VoicemailStore::~VoicemailStore() {
    {
        const std::lock_guard lock(queue_->mutex);
        queue_->closing = true;
        queue_->changed.notify_one();
    }
    disk_.join();
}

Result<std::shared_ptr<call::VoicemailMessage>> VoicemailStore::begin(const CallId& call) {
    const auto time = std::chrono::system_clock::to_time_t(options_.wall_now());
    auto name = fmt::format("{:%Y%m%dT%H%M%SZ}-{}.wav", fmt::gmtime(time), call);
    return std::make_shared<Message>(queue_, options_.folder / name);
}

void VoicemailStore::run() {
    std::unique_lock lock(queue_->mutex);
    for (;;) {
        queue_->changed.wait(lock, [this] { return queue_->closing || !queue_->work.empty(); });
        if (queue_->work.empty()) return;
        auto one = std::move(queue_->work.front());
        queue_->work.pop_front();
        lock.unlock();
        one();
        one = {};  // the last part of a message closes its file, here
        lock.lock();
    }
}

}  // namespace bridge::stores
