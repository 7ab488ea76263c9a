#include "app/instance.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/ids.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;

class File {
public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int get() const { return descriptor_; }
    int release() { return std::exchange(descriptor_, -1); }

private:
    int descriptor_;
};

Error io_error(const std::filesystem::path& path) {
    return {make_error_code(Errc::io),
            fmt::format("{} cannot be written: {}. Mend its rights, free some space, or set "
                        "AGENTBRIDGE_STATE_DIR to another folder",
                        path.string(), std::strerror(errno))};
}

bool same_file(int descriptor, const std::filesystem::path& path) {
    struct stat opened {
    }, named{};
    return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

std::string read_all(int descriptor) {
    std::string text(4096, '\0');
    const auto got = ::pread(descriptor, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

/// What an instance file says; empty if it cannot be read.
json::object contents(int descriptor) {
    boost::system::error_code error;
    const auto value = json::parse(read_all(descriptor), error);
    return error || !value.is_object() ? json::object() : value.get_object();
}

std::string text_in(const json::object& file, std::string_view name) {
    const auto* found = file.if_contains(json::string_view(name.data(), name.size()));
    return found != nullptr && found->is_string() ? std::string(found->get_string())
                                                  : std::string();
}

void remove_dead(const std::filesystem::path& folder) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        if (entry.path().extension() != ".json") continue;
        const File file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
        if (file.get() < 0 || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
        if (same_file(file.get(), entry.path())) ::unlink(entry.path().c_str());
    }
}

}  // namespace

Result<> prepare_state_dir(const std::filesystem::path& folder) {
    if (folder.has_parent_path() && folder.parent_path() != folder) {
        std::error_code ignored;
        if (!std::filesystem::is_directory(folder.parent_path(), ignored)) {
            if (auto above = prepare_state_dir(folder.parent_path()); !above) return above;
        }
    }
    if (::mkdir(folder.c_str(), 0700) == 0) return {};
    const auto why = errno;
    std::error_code ignored;
    if (why == EEXIST && std::filesystem::is_directory(folder, ignored)) return {};
    errno = why == EEXIST ? ENOTDIR : why;
    return tl::unexpected(io_error(folder));
}

Result<std::unique_ptr<Instance>> Instance::claim(const std::filesystem::path& state_dir) {
    const auto folder = state_dir / "instances";
    if (auto made = prepare_state_dir(folder); !made) return tl::unexpected(made.error());
    remove_dead(folder);
    const auto path = folder / fmt::format("{}.json", ::getpid());
    // Somebody who clears away the dead may take the file between our open and our lock.
    for (int attempt = 0; attempt < 100; ++attempt) {
        File file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (file.get() < 0) return tl::unexpected(io_error(path));
        if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK || errno == EINTR) {
                ::usleep(1000);
                continue;
            }
            return tl::unexpected(io_error(path));
        }
        if (!same_file(file.get(), path)) continue;
        std::unique_ptr<Instance> instance(new Instance(
            path, file.release(), fmt::format("{}-{}", ::getpid(), random_base32(40))));
        if (auto written = instance->describe({}); !written) return tl::unexpected(written.error());
        return instance;
    }
    errno = EBUSY;
    return tl::unexpected(io_error(path));
}

Instance::Instance(std::filesystem::path file, int descriptor, std::string name)
    : file_(std::move(file)),
      descriptor_(descriptor),
      name_(std::move(name)),
      started_(fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))) {}

Instance::~Instance() {
    ::unlink(file_.c_str());
    ::close(descriptor_);
}

Result<> Instance::describe(const About& about) {
    json::object file{{"instance", name_}, {"pid", ::getpid()}, {"started", started_}};
    if (!about.public_url.empty()) file["public_url"] = about.public_url;
    if (!about.control_url.empty()) file["control_url"] = about.control_url;
    if (!about.token.empty()) file["token"] = std::string(about.token.reveal());
    if (!about.takes_calls_for.empty()) file["takes_calls_for"] = about.takes_calls_for;
    const auto text = json::serialize(file) + "\n";
    // Written over, not emptied first: whoever looks meanwhile finds something.
    if (::pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
        ::ftruncate(descriptor_, static_cast<off_t>(text.size())) != 0) {
        return tl::unexpected(io_error(file_));
    }
    return {};
}

std::vector<RunningInstance> running_instances(const std::filesystem::path& state_dir) {
    std::vector<RunningInstance> out;
    std::error_code ignored;
    for (const auto& entry :
         std::filesystem::directory_iterator(state_dir / "instances", ignored)) {
        if (entry.path().extension() != ".json") continue;
        const File file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
        if (file.get() < 0 || ::flock(file.get(), LOCK_SH | LOCK_NB) == 0) continue;
        const auto about = contents(file.get());
        const auto* pid = about.if_contains("pid");
        if (pid == nullptr || !pid->is_int64()) continue;
        out.push_back({static_cast<int>(pid->get_int64()), text_in(about, "started"),
                       text_in(about, "public_url"), text_in(about, "control_url"),
                       Secret{text_in(about, "token")}, text_in(about, "takes_calls_for")});
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        return a.started != b.started ? a.started < b.started : a.pid < b.pid;
    });
    return out;
}

bool is_alive(const std::filesystem::path& state_dir, std::string_view name) {
    const auto path =
        state_dir / "instances" / fmt::format("{}.json", name.substr(0, name.find('-')));
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return false;
    if (::flock(file.get(), LOCK_SH | LOCK_NB) == 0) return false;  // nobody holds it
    return text_in(contents(file.get()), "instance") == name;
}

}  // namespace bridge::app
