#include "base/worker_pool.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/thread_name.hpp"

namespace bridge {
namespace {

std::size_t threads_of(std::size_t wanted) {
    if (wanted > 0) return wanted;
    const std::size_t cores = std::thread::hardware_concurrency();
    return std::max<std::size_t>(cores, 2) - 1;
}

}  // namespace

WorkerPool::WorkerPool(WorkerPoolOptions options) : options_(std::move(options)) {
    const auto count = threads_of(options_.threads);
    workers_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) workers_.emplace_back([this] { work_on(); });
    if (!options_.metrics) return;
    figures_ = options_.metrics->queue(
        options_.name, options_.capacity,
        [this] {
            const std::lock_guard lock(mutex_);
            return static_cast<double>(waiting_.size());
        },
        [this] { return static_cast<double>(refused_.load(std::memory_order_relaxed)); });
}

WorkerPool::~WorkerPool() {
    stop();
}

bool WorkerPool::submit(std::function<void()> work, Urgency urgency) {
    {
        const std::lock_guard lock(mutex_);
        if (!stopping_ && waiting_.size() < options_.capacity) {
            waiting_.push_back(std::move(work));
            if (urgency == Urgency::now) due_ = waiting_.size();
            if (due_ > 0 || !gathering_) more_.notify_one();
            return true;
        }
    }
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
}

void WorkerPool::hurry() {
    const std::lock_guard lock(mutex_);
    due_ = waiting_.size();
    if (due_ > 0) more_.notify_one();
}

void WorkerPool::stop() {
    std::deque<std::function<void()>> forgotten;  // destroyed without the lock: it tells its owners
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        forgotten.swap(waiting_);
        due_ = 0;
    }
    more_.notify_all();
    forgotten.clear();
    for (auto& worker : workers_)
        if (worker.joinable()) worker.join();
}

bool WorkerPool::idle() const {
    const std::lock_guard lock(mutex_);
    return waiting_.empty() && running_ == 0;
}

std::string WorkerPool::refusal() const {
    return "the queue of the " + options_.name + " threads is full (" +
           std::to_string(options_.capacity) + " pieces of work wait)";
}

/// Nothing is urgent: what comes in the meantime is done in one go.
void WorkerPool::gather(std::unique_lock<std::mutex>& lock) {
    gathering_ = true;
    more_.wait_for(lock, options_.gather, [this] { return stopping_ || due_ > 0; });
    gathering_ = false;
    due_ = waiting_.size();
}

void WorkerPool::work_on() {
    name_this_thread(options_.name);
    std::unique_lock lock(mutex_);
    while (true) {
        more_.wait(lock,
                   [this] { return stopping_ || due_ > 0 || (!gathering_ && !waiting_.empty()); });
        if (!stopping_ && due_ == 0) gather(lock);
        if (stopping_) return;
        if (due_ == 0) continue;  // another worker was quicker
        auto work = std::move(waiting_.front());
        waiting_.pop_front();
        --due_;
        ++running_;
        lock.unlock();
        try {
            work();
        } catch (const std::exception& thrown) {
            log::error("workers", "work of the {} threads ended by an exception: {}", options_.name,
                       thrown.what());
        }
        work = nullptr;  // what it holds goes before the pool counts as idle
        lock.lock();
        --running_;
    }
}

}  // namespace bridge
