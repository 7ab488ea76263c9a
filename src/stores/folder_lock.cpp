#include "stores/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace bridge::stores {

FolderLock::FolderLock(const std::filesystem::path& folder, Kind kind)
    : folder_(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (folder_ < 0) return;
    while (::flock(folder_, kind == Kind::alone ? LOCK_EX : LOCK_SH) != 0 && errno == EINTR) {
    }
}

FolderLock::~FolderLock() {
    if (folder_ >= 0) ::close(folder_);
}

}  // namespace bridge::stores
