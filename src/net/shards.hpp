#pragma once
// The io threads. A shard is an io_context, its thread, its clock and what lives on it: calls,
// which never move, or the desk and the control plane.

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/loop_clock.hpp"

namespace bridge::net {

class Shard {
public:
    explicit Shard(std::string name);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;
    /// Of its thread, as the system shows it.
    const std::string& name() const { return name_; }
    boost::asio::io_context& context() { return context_; }
    boost::asio::any_io_executor executor() { return context_.get_executor(); }
    /// Thread: this shard's.
    LoopClock& clock() { return clock_; }
    /// Destroys what still waits in the loop (suspended coroutines, pending operations) while the
    /// clock is alive. Only after the shard's thread has ended.
    void drop_pending() { context_.drop_pending(); }

private:
    struct Context final : boost::asio::io_context {
        using boost::asio::io_context::io_context;
        void drop_pending() { shutdown(); }
    };

    std::string name_;
    Context context_;
    LoopClock clock_;
};

/// Owns the shards and their threads.
class Shards {
public:
    explicit Shards(std::size_t count);  ///< "io-0", "io-1", …
    explicit Shards(const std::vector<std::string>& names);
    ~Shards();  ///< stops the loops where they are and joins
    Shards(const Shards&) = delete;
    Shards& operator=(const Shards&) = delete;

    std::size_t size() const { return shards_.size(); }
    Shard& operator[](std::size_t index) { return *shards_[index]; }
    /// Starts a thread for each shard. Thread: main.
    void start();
    /// Lets each loop end once its work is done, and stops it where it is when it has not by then;
    /// joins. False: something was cut. Thread: main.
    bool stop(std::chrono::milliseconds patience = std::chrono::hours(24));
    /// Runs `work` on a shard's thread and waits for it. Not from a shard's thread.
    void run_on(std::size_t index, std::function<void()> work);

private:
    struct Guard;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::vector<Guard> guards_;
    std::vector<std::thread> threads_;
    std::mutex mutex_;  // of `ended_`: set-up and shutdown only
    std::condition_variable one_ended_;
    std::size_t ended_ = 0;
};

}  // namespace bridge::net
