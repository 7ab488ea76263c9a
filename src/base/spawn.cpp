#include "base/spawn.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <utility>

#include "base/log.hpp"

namespace bridge {
namespace {

std::atomic<std::size_t> live{0};

/// Counted from its making to its end, also when it is destroyed with its loop and never completes.
struct Counted {
    Counted() { live.fetch_add(1, std::memory_order_relaxed); }
    ~Counted() { live.fetch_sub(1, std::memory_order_relaxed); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
};

}  // namespace

void spawn(asio::any_io_executor executor, std::string name, asio::awaitable<void> task) {
    asio::co_spawn(
        executor, std::move(task),
        [name = std::move(name), counted = std::make_unique<Counted>()](std::exception_ptr error) {
            if (!error) return;
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                log::error("task", "{} ended by an exception: {}", name, e.what());
            } catch (...) {
                log::error("task", "{} ended by an unknown exception", name);
            }
        });
}

std::size_t live_tasks() noexcept {
    return live.load(std::memory_order_relaxed);
}

}  // namespace bridge
