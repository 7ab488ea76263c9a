#include "web/file_body.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "net/body_stream.hpp"
#include "web/problem.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPiece = 256UL * 1024;

/// An open file. Thread: one at a time.
class OpenFile {
public:
    explicit OpenFile(const std::string& path)
        : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) {}
    ~OpenFile() {
        if (file_ >= 0) ::close(file_);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    bool is_open() const { return file_ >= 0; }
    std::uint64_t size() const {
        struct stat facts {};
        return ::fstat(file_, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
    }
    std::string read(std::uint64_t at, std::size_t most) const {
        std::string out(most, '\0');
        const auto got = ::pread(file_, out.data(), most, static_cast<off_t>(at));
        out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return out;
    }

private:
    const int file_;
};

class FileBody final : public net::BodyStream {
public:
    FileBody(std::shared_ptr<const OpenFile> file, ByteRange range, WorkerPool& workers,
             asio::any_io_executor executor)
        : file_(std::move(file)),
          at_(range.first),
          end_(range.last + 1),
          workers_(workers),
          executor_(std::move(executor)) {}

    asio::awaitable<std::string> next() override {
        if (at_ >= end_) co_return std::string();
        const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end_ - at_));
        auto read = [file = file_, at = at_, most]() -> Result<std::string> {
            return file->read(at, most);
        };
        auto piece = co_await offload(workers_, executor_, std::move(read), asio::use_awaitable);
        if (!piece) co_return std::string();
        at_ += piece->size();
        co_return std::move(*piece);
    }
    void stop() override { at_ = end_; }

private:
    const std::shared_ptr<const OpenFile> file_;
    std::uint64_t at_;
    const std::uint64_t end_;
    WorkerPool& workers_;
    const asio::any_io_executor executor_;
};

/// Digits alone. Nothing: they are none, or too many.
std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || stopped != text.data() + text.size())
        return std::nullopt;
    return value;
}

}  // namespace

std::optional<ByteRange> parse_range(std::string_view header, std::uint64_t size, bool& outside) {
    constexpr std::string_view kUnit = "bytes=";
    outside = false;
    if (!header.starts_with(kUnit)) return std::nullopt;
    header.remove_prefix(kUnit.size());
    const auto dash = header.find('-');
    if (dash == std::string_view::npos || header.find(',') != std::string_view::npos)
        return std::nullopt;
    const auto first = number(header.substr(0, dash));
    const auto last = number(header.substr(dash + 1));
    const bool open_begin = dash == 0, open_end = dash + 1 == header.size();
    if ((!first && !open_begin) || (!last && !open_end) || (open_begin && open_end))
        return std::nullopt;
    if (open_begin) {  // so many from the end
        outside = *last == 0 || size == 0;
        if (outside) return std::nullopt;
        return ByteRange{size - std::min(size, *last), size - 1};
    }
    if (last && *last < *first) return std::nullopt;
    outside = *first >= size;
    if (outside) return std::nullopt;
    return ByteRange{*first, std::min(last.value_or(size - 1), size - 1)};
}

net::HttpResponse answer_file(const net::HttpRequest& request, const std::string& path,
                              std::string_view type, const std::string& name, WorkerPool& workers,
                              asio::any_io_executor executor) {
    auto file = std::make_shared<const OpenFile>(path);
    if (!file->is_open()) return problem(404, "not_found", name + " is not there any more");
    const auto size = file->size();
    bool outside = false;
    const auto wanted = parse_range(request.headers.find("Range").value_or(""), size, outside);
    net::HttpResponse response;
    if (outside) {
        response = problem(416, "range", fmt::format("the file has {} bytes", size));
        response.headers.set("Content-Range", fmt::format("bytes */{}", size));
        return response;
    }
    const auto range = wanted.value_or(ByteRange{0, size == 0 ? 0 : size - 1});
    const auto length = size == 0 ? 0 : range.last - range.first + 1;
    response.status = wanted ? 206 : 200;
    response.headers.set("Content-Type", std::string(type));
    response.headers.set("Content-Disposition", fmt::format("attachment; filename=\"{}\"", name));
    response.headers.set("Accept-Ranges", "bytes");
    response.headers.set("Cache-Control", "no-store");
    if (wanted)
        response.headers.set("Content-Range",
                             fmt::format("bytes {}-{}/{}", range.first, range.last, size));
    if (length == 0) return response;
    response.headers.set("Content-Length", std::to_string(length));
    response.stream =
        std::make_shared<FileBody>(std::move(file), range, workers, std::move(executor));
    return response;
}

}  // namespace bridge::web
