#pragma once
// The private PulseAudio that with_sound_server.sh has started, seen from a test: what its speaker
// plays, and how to end it and bring it back.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bridge::devices::sound_server {

template <class Condition>
bool eventually(Condition condition,
                std::chrono::milliseconds limit = std::chrono::milliseconds(10000)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

/// What a sink plays, read from its monitor until the recorder goes or the server does. 48 kHz.
class Recorder {
public:
    explicit Recorder(const std::string& sink = "speaker", int channels = 1)
        : channels_(static_cast<std::size_t>(channels)) {
        pipe_ =
            ::popen(("exec parec -d " + sink +
                     ".monitor --raw --format=s16le --rate=48000 --latency-msec=20 --channels=" +
                     std::to_string(channels) + " 2>/dev/null")
                        .c_str(),
                    "r");
        thread_ = std::thread([this] {
            std::vector<std::int16_t> block(480 * channels_);
            while (!stop_) {
                const auto got = std::fread(block.data(), 2, block.size(), pipe_);
                if (got == 0) break;
                const std::lock_guard lock(mutex_);
                samples_.insert(samples_.end(), block.begin(),
                                block.begin() + static_cast<std::ptrdiff_t>(got));
            }
        });
    }
    ~Recorder() {
        stop_ = true;  // the monitor never stops, so the thread gets its next block
        thread_.join();
        // parec ends by the broken pipe at its next write.
        ::pclose(pipe_);
    }
    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return samples_.size();
    }
    std::vector<std::int16_t> samples() const {
        const std::lock_guard lock(mutex_);
        return samples_;
    }
    /// Something was heard in what came after the first `from` samples.
    bool hears(std::size_t from = 0) const {
        const std::lock_guard lock(mutex_);
        for (auto i = from; i < samples_.size(); ++i)
            if (std::abs(samples_[i]) > 1000) return true;
        return false;
    }

private:
    const std::size_t channels_;
    std::FILE* pipe_ = nullptr;
    std::atomic<bool> stop_{false};
    mutable std::mutex mutex_;
    std::vector<std::int16_t> samples_;
    std::thread thread_;
};

inline bool run(const std::string& command) {
    return std::system(("{ " + command + "; } > /dev/null 2>&1 < /dev/null").c_str()) == 0;
}
/// Kills the server as a crash would.
inline bool kill_server() {
    return run("kill -KILL $(cat \"$HEADLESS_AUDIO_DIR/pid\")");
}
/// Starts it again; true once it answers. It takes a tenth of a second or two.
inline bool start_server() {
    return run(
        "HEADLESS_AUDIO=\"start $HEADLESS_AUDIO_DIR\"; . \"$HEADLESS_AUDIO_SCRIPT\"; "
        "[ \"$headless_audio_ok\" = 1 ]");
}

}  // namespace bridge::devices::sound_server
