#include "devices/microphone.hpp"

#include <array>
#include <chrono>
#include <utility>

#include "audio/resample.hpp"
#include "base/thread_name.hpp"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#elif defined(__APPLE__)
#include <pthread.h>
#endif

namespace bridge::devices {
namespace {

constexpr int kNullRate = 8000;

// Above what computes, below what feeds sound cards. Where it is not allowed it goes without.
void ask_for_priority() noexcept {
#if defined(__linux__)
    sched_param wanted{};
    wanted.sched_priority = sched_get_priority_min(SCHED_RR);
    pthread_setschedparam(pthread_self(), SCHED_RR, &wanted);
#elif defined(__APPLE__)
    pthread_set_qos_class_self_np(QOS_CLASS_USER_INTERACTIVE, 0);
#endif
}

audio::MicOptions untouched() {
    audio::MicOptions options;
    options.high_pass = options.echo_cancellation = false;
    options.noise_suppression = options.gain_control = false;
    return options;
}

// A card's rate, or one that the tap takes.
audio::Sound playable(audio::Sound sound) {
    if (sound.sample_rate >= 8000 && sound.sample_rate <= 192000) return sound;
    constexpr int kRate = 16000;
    return {kRate, audio::resample(sound.samples, sound.sample_rate, kRate)};
}

}  // namespace

TapMicrophone::TapMicrophone(std::shared_ptr<audio::DuplexTap> tap,
                             const audio::MicOptions& options, std::function<std::string()> name)
    : tap_(std::move(tap)), name_(std::move(name)), path_(tap_, options) {}

TapMicrophone::~TapMicrophone() {
    stop();
}

void TapMicrophone::start() {
    const std::lock_guard lock(mutex_);
    if (thread_.joinable()) return;
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
}

void TapMicrophone::stop() {
    std::thread thread;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        thread = std::move(thread_);
    }
    wake_.notify_all();
    if (thread.joinable()) thread.join();
}

audio::MicStats TapMicrophone::stats() const {
    auto stats = path_.stats();
    stats.device = name_();
    const std::lock_guard lock(mutex_);
    stats.running = thread_.joinable();
    return stats;
}

void TapMicrophone::run() {
    name_this_thread("microphone");
    ask_for_priority();
    auto deadline = std::chrono::steady_clock::now() + audio::MicPath::kStep;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            if (wake_.wait_until(lock, deadline, [this] { return stopping_; })) return;
        }
        const auto now = std::chrono::steady_clock::now();
        path_.step(now);
        // One step takes all there is: those that were missed need not be made up for.
        deadline += audio::MicPath::kStep * ((now - deadline) / audio::MicPath::kStep + 1);
    }
}

Result<std::shared_ptr<FileMicrophone>> FileMicrophone::open(const std::filesystem::path& path,
                                                             const audio::MicOptions& options,
                                                             Then then) {
    auto sound = audio::read_sound(path);
    if (!sound) return tl::unexpected(sound.error());
    return std::shared_ptr<FileMicrophone>(
        new FileMicrophone(path.string(), playable(std::move(*sound)), options, then));
}

FileMicrophone::FileMicrophone(const std::string& path, audio::Sound sound,
                               const audio::MicOptions& options, Then then)
    : tap_(std::make_shared<audio::DuplexTap>()),
      sound_(std::move(sound)),
      then_(then),
      microphone_(tap_, options, [name = "file: " + path] { return name; }),
      clock_([this](Clock::Time now) { block(now); }) {
    out_.reserve(static_cast<std::size_t>(sound_.sample_rate / 100 + 1));
    microphone_.start();
    clock_.start();
}

FileMicrophone::~FileMicrophone() {
    clock_.stop();
    microphone_.stop();
}

void FileMicrophone::attach(std::shared_ptr<audio::MicLine> line) {
    microphone_.attach(std::move(line));
}

void FileMicrophone::block(Clock::Time now) {
    owed_ += sound_.sample_rate / 100.0;
    const auto count = static_cast<std::size_t>(owed_);
    owed_ -= static_cast<double>(count);
    out_.resize(count);
    for (auto& x : out_) {
        if (at_ == sound_.samples.size() && then_ == Then::again) at_ = 0;
        x = at_ < sound_.samples.size() ? static_cast<float>(sound_.samples[at_++]) / 32768.0F
                                        : 0.0F;
    }
    tap_->captured(out_, sound_.sample_rate, now, {});
}

NullMicrophone::NullMicrophone()
    : tap_(std::make_shared<audio::DuplexTap>()),
      microphone_(tap_, untouched(), [] { return std::string("null"); }),
      clock_([this](Clock::Time now) {
          const std::array<float, kNullRate / 100> silence{};
          tap_->captured(silence, kNullRate, now, {});
      }) {
    microphone_.start();
    clock_.start();
}

NullMicrophone::~NullMicrophone() {
    clock_.stop();
    microphone_.stop();
}

}  // namespace bridge::devices
