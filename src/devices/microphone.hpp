#pragma once
// Microphones: the thread between a tap and the calls, and two that need no sound card.

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "audio/duplex_tap.hpp"
#include "audio/mic_path.hpp"
#include "audio/microphone.hpp"
#include "audio/wav.hpp"
#include "base/result.hpp"
#include "devices/self_clock.hpp"

namespace bridge::devices {

/// Cleans what comes into a tap and hands it to the calls, on a thread of its own (with the
/// priority of sound where the system allows it). Whoever owns the sound card fills the tap.
/// Thread: any, for every member.
class TapMicrophone final : public audio::Microphone {
public:
    /// `name`: of the device now, for people; called from any thread.
    TapMicrophone(std::shared_ptr<audio::DuplexTap> tap, const audio::MicOptions& options,
                  std::function<std::string()> name);
    ~TapMicrophone() override;
    TapMicrophone(const TapMicrophone&) = delete;
    TapMicrophone& operator=(const TapMicrophone&) = delete;

    /// May be repeated. `stop` returns when nothing more is written to any line, within 200 ms.
    void start();
    void stop();
    /// Stages of cleaning go on or off.
    void set_options(const audio::MicOptions& options) { path_.set_options(options); }

    std::string name() const override { return name_(); }
    void attach(std::shared_ptr<audio::MicLine> line) override { path_.attach(std::move(line)); }
    void detach(const std::shared_ptr<audio::MicLine>& line) override { path_.detach(line); }
    audio::MicStats stats() const override;

private:
    void run();

    const std::shared_ptr<audio::DuplexTap> tap_;
    const std::function<std::string()> name_;
    audio::MicPath path_;
    mutable std::mutex mutex_;  ///< of stopping_ and thread_; not held while sound is made
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

/// A sound file, played in real time as if somebody spoke it. Runs from its making on.
class FileMicrophone final : public audio::Microphone {
public:
    /// What comes after the end of the file.
    enum class Then { silence, again };

    /// Errors: not_found, bad_field (not a sound file), too_large.
    static Result<std::shared_ptr<FileMicrophone>> open(const std::filesystem::path& path,
                                                        const audio::MicOptions& options,
                                                        Then then = Then::silence);
    ~FileMicrophone() override;

    std::string name() const override { return microphone_.name(); }
    void attach(std::shared_ptr<audio::MicLine> line) override;
    void detach(const std::shared_ptr<audio::MicLine>& line) override { microphone_.detach(line); }
    audio::MicStats stats() const override { return microphone_.stats(); }
    /// What is played meanwhile may be told here, for the echo canceller.
    const std::shared_ptr<audio::DuplexTap>& tap() const noexcept { return tap_; }

private:
    FileMicrophone(const std::string& path, audio::Sound sound, const audio::MicOptions& options,
                   Then then);
    void block(Clock::Time now);

    const std::shared_ptr<audio::DuplexTap> tap_;
    const audio::Sound sound_;
    const Then then_;
    std::size_t at_ = 0;  // the clock's thread's
    double owed_ = 0;     ///< parts of a sample, for rates that no 10 ms divide
    std::vector<float> out_;
    TapMicrophone microphone_;
    SelfClock clock_;
};

/// Silence, in real time.
class NullMicrophone final : public audio::Microphone {
public:
    NullMicrophone();
    ~NullMicrophone() override;

    std::string name() const override { return microphone_.name(); }
    void attach(std::shared_ptr<audio::MicLine> line) override {
        microphone_.attach(std::move(line));
    }
    void detach(const std::shared_ptr<audio::MicLine>& line) override { microphone_.detach(line); }
    audio::MicStats stats() const override { return microphone_.stats(); }

private:
    const std::shared_ptr<audio::DuplexTap> tap_;
    TapMicrophone microphone_;
    SelfClock clock_;
};

}  // namespace bridge::devices
