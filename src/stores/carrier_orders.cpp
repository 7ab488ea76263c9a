#include "stores/carrier_orders.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "stores/recording_store.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".twilio";
constexpr std::size_t kLongestName = 128;

tl::unexpected<Error> not_written(const fs::path& path) {
    return fail(Errc::io, fmt::format("{}: cannot be written, is the disk full? ({})",
                                      path.string(), std::generic_category().message(errno)));
}

bool is_plain(std::string_view name) {
    return !name.empty() && name.size() <= kLongestName &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
           });
}

Result<> write_all(int file, std::string_view bytes, const fs::path& path) {
    while (!bytes.empty()) {
        const auto done = ::write(file, bytes.data(), bytes.size());
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return not_written(path);
        bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
}

}  // namespace

Result<CarrierOrder> make_carrier_order(std::string name, std::string recording,
                                        std::chrono::milliseconds offset) {
    const auto parsed = is_plain(name) ? parse_recording_name(name) : std::nullopt;
    if (!parsed) return fail(Errc::bad_field, "no recording of ours has that name");
    if (!is_plain(recording)) return fail(Errc::bad_field, "the carrier calls no recording so");
    return CarrierOrder{std::move(name), parsed->call, std::move(recording), offset};
}

fs::path CarrierOrders::file(const std::string& name) const {
    return folder_ / (name + std::string(kEnding));
}

std::vector<CarrierOrder> CarrierOrders::list() const {
    std::vector<CarrierOrder> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        if (entry.path().extension() != kEnding) continue;
        std::ifstream text(entry.path());
        std::string recording;
        std::int64_t offset = 0;
        if (!(text >> recording >> offset)) continue;
        auto order = make_carrier_order(entry.path().stem().string(), std::move(recording),
                                        std::chrono::milliseconds(offset));
        if (order) out.push_back(std::move(*order));
    }
    std::sort(out.begin(), out.end(),
              [](const auto& one, const auto& other) { return one.name < other.name; });
    return out;
}

Result<> CarrierOrders::keep(const CarrierOrder& order) const {
    const auto path = file(order.name);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return not_written(path);
    auto kept =
        write_all(file, fmt::format("{} {}\n", order.recording, order.offset.count()), path);
    if (kept && ::fsync(file) != 0) kept = not_written(path);
    ::close(file);
    return kept;
}

void CarrierOrders::forget(const std::string& name) const {
    ::unlink(file(name).c_str());
}

bool CarrierOrders::has(const std::string& name) const {
    std::error_code error;
    return fs::exists(file(name), error);
}

Result<std::unique_ptr<CarrierSound>> CarrierSound::create(const fs::path& folder,
                                                           const CarrierOrder& order) {
    auto path = folder / (order.name + std::string(kEnding));
    path += kUnfinished;
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return not_written(path);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
        ::close(file);
        return fail(Errc::io, fmt::format("{}: another program is fetching it", order.name));
    }
    if (::ftruncate(file, 0) != 0) {
        auto failed = not_written(path);
        ::close(file);
        return failed;
    }
    return std::unique_ptr<CarrierSound>(new CarrierSound(folder, order, std::move(path), file));
}

CarrierSound::~CarrierSound() {
    ::unlink(path_.c_str());
    ::close(file_);
}

Result<> CarrierSound::write(std::string_view bytes) {
    auto written = write_all(file_, bytes, path_);
    if (written) bytes_ += bytes.size();
    return written;
}

Result<> CarrierSound::keep(RecordingForm form) {
    if (bytes_ == 0)
        return fail(Errc::bad_field, fmt::format("the carrier sent nothing for {}", order_.name));
    const auto to = folder_ / fmt::format("{}.{}", order_.name, to_string(form));
    return convert_recording(path_, to, form, RecordingOrigin{order_.offset, true});
}

}  // namespace bridge::stores
