#pragma once
// Messages that agents take down, as JSON files in one folder: one file for a message, there in
// full or not at all, written by a thread of its own.

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
#include "call/messages.hpp"

namespace bridge::stores {

struct MessageOptions {
    std::filesystem::path folder;  ///< made if it is not there, readable for its owner only
    std::shared_ptr<metrics::Registry> metrics{};  ///< null: nobody looks
    std::function<std::chrono::system_clock::time_point()> wall_now = [] {
        return std::chrono::system_clock::now();
    };
};

/// "20260131T090501Z-c_…-1.json", mode 0600:
///   {"time", "call", "call_sid", "from", "to", "name", "number", "text"}
/// What waits for the disk is bounded (kMostWaiting); more is refused. Thread: any.
class MessageStore final : public call::MessageBox {
public:
    static constexpr std::size_t kMostWaiting = 256;

    /// Errors: io (the folder cannot be made or written).
    static Result<std::shared_ptr<MessageStore>> open(MessageOptions options);
    /// Writes what waits.
    ~MessageStore() override;

    void keep(call::TakenMessage message, boost::asio::any_io_executor executor,
              std::function<void(Result<std::string> where)> done) override;

private:
    struct Work {
        std::filesystem::path path;
        std::string text;
        boost::asio::any_io_executor executor;
        std::function<void(Result<std::string>)> done;
    };
    /// What the metric, which may be asked a moment longer, shares with the store.
    struct Queue {
        std::mutex mutex;  // guards what follows; held for moments, once for a message
        std::condition_variable changed;
        std::deque<Work> work;
        bool closing = false;
        std::uint64_t kept = 0;  ///< counts the messages: part of their names
        std::uint64_t dropped = 0;
    };

    explicit MessageStore(MessageOptions options);
    void run();

    const MessageOptions options_;
    const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
    metrics::Registry::Queue shown_;
    std::thread disk_;
};

/// What a message says, for searching: name, number and text. Empty: it cannot be read.
std::string read_message(const std::filesystem::path& file);

}  // namespace bridge::stores
