// The recordings that are there: which, in what forms, and their end.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <functional>
#include <map>
#include <system_error>
#include <utility>

#include "stores/carrier_orders.hpp"
#include "stores/folder_lock.hpp"
#include "stores/recording_store.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTimeLength = std::string_view("20260131T090501Z").size();
constexpr std::array kForms{RecordingForm::wav, RecordingForm::flac, RecordingForm::opus};

/// "20260131T090501Z"; nothing: it is none.
std::optional<std::chrono::system_clock::time_point> parse_stamp(const std::string& text) {
    std::tm parts{};
    const char* const end = ::strptime(text.c_str(), "%Y%m%dT%H%M%SZ", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

}  // namespace

std::optional<StoredRecording> parse_recording_name(const std::string& stem) {
    if (stem.size() < kTimeLength + 2 || stem[kTimeLength] != '-') return std::nullopt;
    const auto began = parse_stamp(stem.substr(0, kTimeLength));
    if (!began) return std::nullopt;
    StoredRecording out;
    out.name = stem;
    const auto rest = stem.substr(kTimeLength + 1);
    out.call = CallId{rest.substr(0, rest.find('-'))};  // "-2": the second of one second
    out.began = *began;
    return out;
}

fs::path RecordingFolder::file(const StoredRecording& recording, RecordingForm form) const {
    return path_ / fmt::format("{}.{}", recording.name, to_string(form));
}

std::vector<StoredRecording> RecordingFolder::list() const {
    std::map<std::string, StoredRecording, std::greater<>> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(path_, error)) {
        const auto form = parse_recording_form(
            entry.path().extension().string().substr(entry.path().has_extension() ? 1 : 0));
        const auto stem = entry.path().stem().string();
        auto parsed = form ? parse_recording_name(stem) : std::nullopt;
        std::error_code missing;
        const auto bytes = entry.file_size(missing);
        if (!parsed || missing) continue;
        auto& one = found.try_emplace(stem, std::move(*parsed)).first->second;
        one.forms.push_back(*form);
        one.bytes += bytes;
        if (*form == RecordingForm::wav) one.live = is_being_written(entry.path());
    }
    std::vector<StoredRecording> out;
    for (auto& [name, one] : found) {
        std::sort(one.forms.begin(), one.forms.end());
        out.push_back(std::move(one));
    }
    return out;
}

std::optional<StoredRecording> RecordingFolder::find(std::string_view name) const {
    for (auto& one : list()) {
        if (one.name == name) return std::move(one);
    }
    return std::nullopt;
}

std::optional<StoredRecording> RecordingFolder::of_call(const CallId& call) const {
    for (auto& one : list()) {
        if (one.call == call) return std::move(one);
    }
    return std::nullopt;
}

Result<fs::path> RecordingFolder::in_form(const StoredRecording& recording,
                                          RecordingForm form) const {
    const auto& forms = recording.forms;
    auto path = file(recording, form);
    if (std::find(forms.begin(), forms.end(), form) != forms.end()) return path;
    if (recording.live)
        return fail(Errc::not_found, "the call is still being recorded: ask for .wav, or later");
    const auto from = file(recording, forms.front());
    if (auto made = convert_recording(from, path, form); !made) return tl::unexpected(made.error());
    return path;
}

Result<> RecordingFolder::remove_files(const StoredRecording& recording) const {
    if (recording.live)
        return fail(Errc::refused,
                    fmt::format("{} is still being recorded; end that first", recording.name));
    for (const auto form : kForms) {
        const auto path = file(recording, form);
        if (::unlink(path.c_str()) == 0 || errno == ENOENT) continue;
        return fail(Errc::io, fmt::format("{}: cannot be removed ({})", path.string(),
                                          std::generic_category().message(errno)));
    }
    return {};
}

Result<> RecordingFolder::remove(std::string_view name) const {
    const auto found = find(name);
    if (!found) return fail(Errc::not_found, fmt::format("there is no recording {}", name));
    return remove_files(*found);
}

Result<> RecordingFolder::remove(const CallId& call) const {
    for (const auto& one : list()) {
        if (one.call != call) continue;
        if (auto removed = remove_files(one); !removed) return removed;
    }
    const CarrierOrders orders(path_);
    for (const auto& order : orders.list()) {
        if (order.call == call) orders.forget(order.name);
    }
    return {};
}

Result<> RecordingFolder::silence(const CallId& call, std::span<const SilentSpan> spans) const {
    const FolderLock lock(path_, FolderLock::Kind::alone);
    Result<> out;
    for (const auto& one : list()) {
        if (one.call != call || one.live) continue;
        for (const auto form : one.forms) {
            const auto path = file(one, form);
            std::error_code error;
            auto done = silence_recording(path, form, spans);
            if (!done && fs::exists(path, error)) out = std::move(done);  // else it was deleted
        }
    }
    return out;
}

}  // namespace bridge::stores
