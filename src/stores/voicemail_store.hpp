#pragma once
// Messages of callers as WAV files in one folder, written by a thread of their own: a slow disk
// costs no call a frame.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/metrics.hpp"
#include "base/result.hpp"
#include "call/voicemail.hpp"

namespace bridge::stores {

struct VoicemailOptions {
    std::filesystem::path folder;  ///< made if it is not there, readable for its owner only
    audio::Samples greeting;
    std::chrono::seconds limit{120};
    std::shared_ptr<metrics::Registry> metrics{};  ///< null: nobody looks
    std::function<std::chrono::system_clock::time_point()> wall_now = [] {
        return std::chrono::system_clock::now();
    };
};

/// "20260131T090501Z-c_….wav", 16-bit mono, 8 kHz; the header is right up to the last second
/// written. What waits for the disk is bounded (kMostWaiting); more of it is dropped, newest first,
/// and counted. Thread: any.
class VoicemailStore final : public call::VoicemailBox {
public:
    /// Seconds of sound, over all messages.
    static constexpr std::size_t kMostWaiting = 1024;

    /// Errors: io (the folder cannot be made or written).
    static Result<std::shared_ptr<VoicemailStore>> open(VoicemailOptions options);
    /// Writes what waits.
    ~VoicemailStore() override;

    audio::Samples greeting() const override { return options_.greeting; }
    std::chrono::seconds limit() const override { return options_.limit; }
    Result<std::shared_ptr<call::VoicemailMessage>> begin(const CallId& call) override;
    /// Seconds that were dropped.
    std::uint64_t dropped() const { return queue_->dropped.load(); }

private:
    /// What messages, which may outlive the store by a moment, share with it.
    struct Queue {
        std::mutex mutex;  // guards what follows; held for moments, once a second for each message
        std::condition_variable changed;
        std::deque<std::function<void()>> work;
        bool closing = false;
        std::atomic<std::uint64_t> dropped{0};
        /// False: it was dropped.
        bool add(std::function<void()> one);
    };
    class Message;

    explicit VoicemailStore(VoicemailOptions options);
    void run();

    const VoicemailOptions options_;
    const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
    metrics::Registry::Queue shown_;
    std::thread disk_;
};

}  // namespace bridge::stores
