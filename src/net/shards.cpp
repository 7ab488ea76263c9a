#include "net/shards.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/log.hpp"
#include "base/thread_name.hpp"

namespace bridge::net {
namespace {

std::vector<std::string> numbered(std::size_t count) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back("io-" + std::to_string(i));
    return names;
}

/// An exception that leaves a handler is a bug; the other calls of this loop go on.
void run_loop(Shard& shard) {
    name_this_thread(shard.name());
    while (true) {
        try {
            shard.context().run();
            return;
        } catch (const std::exception& e) {
            log::error("io", "a callback on thread {} threw: {}", shard.name(), e.what());
        }
    }
}

}  // namespace

// Hint 1: one thread runs the loop, so Asio spares itself some wake-ups; posting stays thread-safe.
Shard::Shard(std::string name)
    : name_(std::move(name)), context_(1), clock_(context_.get_executor()) {}

Shard::~Shard() {
    context_.drop_pending();
}

struct Shards::Guard {
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
};

Shards::Shards(std::size_t count) : Shards(numbered(count)) {}

Shards::Shards(const std::vector<std::string>& names) {
    if (names.empty()) throw std::logic_error("there must be at least one io thread");
    shards_.reserve(names.size());
    guards_.reserve(names.size());
    for (const auto& name : names) {
        shards_.push_back(std::make_unique<Shard>(name));
        guards_.push_back(Guard{boost::asio::make_work_guard(shards_.back()->context())});
    }
}

Shards::~Shards() {
    for (auto& shard : shards_) shard->context().stop();
    for (auto& thread : threads_) thread.join();
    // What waits in one loop may hold things of another, so all are emptied before any goes.
    for (auto& shard : shards_) shard->drop_pending();
    guards_.clear();
}

void Shards::start() {
    if (!threads_.empty()) throw std::logic_error("the io threads were started twice");
    for (auto& shard : shards_) {
        threads_.emplace_back([this, &shard = *shard] {
            run_loop(shard);
            const std::scoped_lock lock(mutex_);
            ++ended_;
            one_ended_.notify_all();
        });
    }
}

bool Shards::stop(std::chrono::milliseconds patience) {
    guards_.clear();
    bool in_time = true;
    {
        std::unique_lock lock(mutex_);
        in_time = one_ended_.wait_for(lock, patience, [this] { return ended_ == threads_.size(); });
    }
    if (!in_time) {
        for (auto& shard : shards_) shard->context().stop();
    }
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    return in_time;
}

void Shards::run_on(std::size_t index, std::function<void()> work) {
    if (threads_.empty()) throw std::logic_error("the io threads are not running");
    std::packaged_task<void()> task(std::move(work));
    auto done = task.get_future();
    boost::asio::post(shards_.at(index)->context(), std::move(task));
    done.get();
}

}  // namespace bridge::net
