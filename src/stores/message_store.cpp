#include "stores/message_store.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/log.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::error_code last_error() {
    return {errno, std::generic_category()};
}

std::error_code write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(file, text.data(), text.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return last_error();
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(file) == 0 ? std::error_code{} : last_error();
}

/// A name's change is on the disk only when its folder is.
void sync_folder(const fs::path& folder) {
    const auto opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return;
    ::fsync(opened);
    ::close(opened);
}

/// Under another name first, so that nobody ever reads half of it.
std::error_code write_file(const fs::path& path, std::string_view text) {
    const auto half = path.parent_path() / ("." + path.filename().string() + ".part");
    const auto file = ::open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return last_error();
    auto error = write_all(file, text);
    if (::close(file) != 0 && !error) error = last_error();
    if (!error) fs::rename(half, path, error);
    std::error_code ignored;
    if (error) {
        fs::remove(half, ignored);
    } else {
        sync_folder(path.parent_path());
    }
    return error;
}

}  // namespace

Result<std::shared_ptr<MessageStore>> MessageStore::open(MessageOptions options) {
    std::error_code error;
    fs::create_directories(options.folder, error);
    if (!error) fs::permissions(options.folder, fs::perms::owner_all, error);
    if (!error && ::access(options.folder.c_str(), W_OK) != 0) error = last_error();
    if (error)
        return fail(Errc::io, fmt::format("{}: messages cannot be kept there ({})",
                                          options.folder.string(), error.message()));
    options.metrics = metrics::registry_or_own(std::move(options.metrics));
    return std::shared_ptr<MessageStore>(new MessageStore(std::move(options)));
}

MessageStore::MessageStore(MessageOptions options)
    : options_(std::move(options)),
      shown_(options_.metrics->queue(
          "messages", kMostWaiting,
          [queue = queue_] {
              const std::lock_guard lock(queue->mutex);
              return static_cast<double>(queue->work.size());
          },
          [queue = queue_] {
              const std::lock_guard lock(queue->mutex);
              return static_cast<double>(queue->dropped);
          })),
      disk_([this] { run(); }) {}

MessageStore::~MessageStore() {
    {
        const std::lock_guard lock(queue_->mutex);
        queue_->closing = true;
        queue_->changed.notify_one();
    }
    disk_.join();
}

void MessageStore::keep(call::TakenMessage message, boost::asio::any_io_executor executor,
                        std::function<void(Result<std::string>)> done) {
    const auto time = fmt::gmtime(std::chrono::system_clock::to_time_t(options_.wall_now()));
    auto text = json::serialize(json::object{{"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", time)},
                                             {"call", message.call.str()},
                                             {"call_sid", message.sid.str()},
                                             {"from", message.from},
                                             {"to", message.to},
                                             {"name", message.name},
                                             {"number", message.number},
                                             {"text", message.text}}) +
                "\n";
    const std::lock_guard lock(queue_->mutex);
    if (queue_->work.size() >= kMostWaiting) {
        ++queue_->dropped;
        boost::asio::post(executor, [done = std::move(done)] {
            done(fail(Errc::io, "the message was not kept: too many wait for the disk"));
        });
        return;
    }
    auto name = fmt::format("{:%Y%m%dT%H%M%SZ}-{}-{}.json", time, message.call, ++queue_->kept);
    queue_->work.push_back(
        {options_.folder / name, std::move(text), std::move(executor), std::move(done)});
    queue_->changed.notify_one();
}

void MessageStore::run() {
    std::unique_lock lock(queue_->mutex);
    for (;;) {
        queue_->changed.wait(lock, [this] { return queue_->closing || !queue_->work.empty(); });
        if (queue_->work.empty()) return;
        auto work = std::move(queue_->work.front());
        queue_->work.pop_front();
        lock.unlock();
        Result<std::string> outcome = work.path.string();
        if (const auto error = write_file(work.path, work.text)) {
            outcome = fail(Errc::io, fmt::format("the message was not kept: {} cannot be written "
                                                 "({})",
                                                 work.path.string(), error.message()));
            log::error("messages", "{}", outcome.error().message);
        }
        boost::asio::post(work.executor, [done = std::move(work.done),
                                          outcome = std::move(outcome)] { done(outcome); });
        work = {};
        lock.lock();
    }
}

std::string read_message(const std::filesystem::path& file) {
    constexpr std::size_t kMostBytes = 64 * 1024;
    std::ifstream in(file, std::ios::binary);
    std::string text(kMostBytes, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    boost::system::error_code error;
    const auto message = json::parse(text, error);
    if (error || !message.is_object()) return {};
    std::string out;
    for (const auto* name : {"name", "number", "text"}) {
        const auto* said = message.get_object().if_contains(name);
        if (said == nullptr || !said->is_string() || said->get_string().empty()) continue;
        if (!out.empty()) out += ", ";
        out.append(said->get_string().data(), said->get_string().size());
    }
    return out;
}

}  // namespace bridge::stores
