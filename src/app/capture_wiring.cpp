#include "app/capture_wiring.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <fstream>
#include <utility>

#include "base/log_quiet.hpp"
#include "capture/report.hpp"
#include "net/body_stream.hpp"

namespace bridge::app {
namespace {

/// A file as it is now, a piece at a time.
class FileBody final : public net::BodyStream {
public:
    FileBody(std::shared_ptr<capture::CaptureStore> store, asio::any_io_executor executor,
             const std::filesystem::path& file, std::uintmax_t bytes)
        : store_(std::move(store)), executor_(std::move(executor)), file_(file), left_(bytes) {}

    asio::awaitable<std::string> next() override {
        if (stopped_ || left_ == 0) co_return std::string();
        const Read read{file_, at_, std::min<std::uintmax_t>(left_, kPiece)};
        auto piece = co_await offload(store_->pool(), executor_, read, asio::use_awaitable);
        if (!piece || piece->empty()) {
            left_ = 0;
            co_return std::string();
        }
        at_ += piece->size();
        left_ -= piece->size();
        co_return std::move(*piece);
    }
    void stop() override { stopped_ = true; }

private:
    static constexpr std::uintmax_t kPiece = 256 * 1024;
    struct Read {
        std::filesystem::path file;
        std::uintmax_t at, bytes;
        Result<std::string> operator()() const {
            std::ifstream in(file, std::ios::binary);
            in.seekg(static_cast<std::streamoff>(at));
            std::string out(static_cast<std::size_t>(bytes), '\0');
            in.read(out.data(), static_cast<std::streamsize>(out.size()));
            out.resize(static_cast<std::size_t>(in.gcount()));
            return out;
        }
    };
    const std::shared_ptr<capture::CaptureStore> store_;
    const asio::any_io_executor executor_;
    const std::filesystem::path file_;
    std::uintmax_t at_ = 0, left_;
    bool stopped_ = false;
};

struct Find {
    std::shared_ptr<capture::CaptureStore> store;
    CallId call;
    Result<capture::CaptureEntry> operator()() const {
        auto found = store->find(call);
        if (!found) return fail(Errc::not_found, "nothing was captured of this call");
        return std::move(*found);
    }
};

asio::awaitable<Result<web::CaptureFile>> find(std::shared_ptr<capture::CaptureStore> store,
                                               asio::any_io_executor executor, CallId call) {
    const Find work{store, std::move(call)};
    const auto found = co_await offload(store->pool(), executor, work, asio::use_awaitable);
    if (!found) co_return tl::unexpected(found.error());
    web::CaptureFile file;
    file.name = found->file.filename().string();
    file.bytes = found->bytes;
    file.body = std::make_shared<FileBody>(store, executor, found->file, found->bytes);
    co_return file;
}

/// Errors: not_found, bad_field, cancelled.
struct Report {
    std::shared_ptr<capture::CaptureStore> store;
    CallId call;
    const std::atomic<bool>* stopping;
    Result<std::string> operator()() const {
        const auto found = store->find(call);
        if (!found) return fail(Errc::not_found, "nothing was captured of this call");
        auto reader = capture::CaptureReader::open(found->file);
        if (!reader) return fail(Errc::bad_field, reader.error().message);
        const log::Quiet quiet;
        capture::Report report(false);
        capture::ReplayOptions options;
        options.record = [&](const auto& record) { report.take(record); };
        options.output = [&](const auto& output) { report.take(output); };
        capture::Replay replay(std::move(*reader), std::move(options));
        while (replay.step()) {
            report.look(replay);
            if (*stopping) return fail(Errc::cancelled, "the program is stopping");
        }
        return capture::summary_json(replay, report);
    }
};

asio::awaitable<Result<std::string>> make_report(std::shared_ptr<CaptureReports> keep,
                                                 WorkerPool& pool, asio::any_io_executor executor,
                                                 Report work) {
    auto made = co_await offload(pool, executor, std::move(work), asio::use_awaitable);
    keep.reset();
    co_return made;
}

}  // namespace

CaptureReports::CaptureReports(std::shared_ptr<capture::CaptureStore> store,
                               std::shared_ptr<metrics::Registry> metrics)
    : store_(std::move(store)), pool_({"capture-reports", 1, 8, std::move(metrics)}) {}

web::ReportCapture CaptureReports::reports() {
    return [self = shared_from_this()](asio::any_io_executor executor, CallId call) {
        Report work{self->store_, std::move(call), &self->stopping_};
        return make_report(self, self->pool_, std::move(executor), std::move(work));
    };
}

void CaptureReports::stop() {
    stopping_ = true;
    pool_.stop();
}

std::shared_ptr<capture::CaptureStore> open_captures(const SessionOptions& options,
                                                     std::shared_ptr<metrics::Registry> metrics) {
    if (options.kind == SessionOptions::Kind::demo) return nullptr;
    capture::CaptureStoreOptions store;
    store.folder = options.config.state_dir / "captures";
    store.program = AGENTBRIDGE_VERSION;
    if (options.loaded) store.secrets = secrets_of(*options.loaded);
    store.metrics = std::move(metrics);
    return std::make_shared<capture::CaptureStore>(std::move(store));
}

web::FindCapture find_captures(std::shared_ptr<capture::CaptureStore> store) {
    if (!store) return {};
    return [store = std::move(store)](asio::any_io_executor executor, CallId call) {
        return find(store, std::move(executor), std::move(call));
    };
}

}  // namespace bridge::app
