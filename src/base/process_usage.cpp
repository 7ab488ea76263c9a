#include "base/process_usage.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

namespace bridge {
namespace {

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// Entries of a folder of numbers; nothing if it cannot be read. /dev/fd serves macOS as well.
std::optional<std::uint64_t> entries(const char* folder) {
    DIR* const open = ::opendir(folder);
    if (open == nullptr) return std::nullopt;
    std::uint64_t count = 0;
    while (const auto* entry = ::readdir(open)) {
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') ++count;
    }
    ::closedir(open);
    return count;
}

}  // namespace

ProcessUsage process_usage() {
    ProcessUsage out;
    rusage used{};
    if (::getrusage(RUSAGE_SELF, &used) == 0)
        out.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
    if (auto files = entries("/dev/fd"); files && *files > 0) out.open_files = *files - 1;
#if defined(__linux__)
    out.threads = entries("/proc/self/task");
    if (auto* const file = std::fopen("/proc/self/statm", "re")) {
        unsigned long long total = 0, resident = 0;
        if (std::fscanf(file, "%llu %llu", &total, &resident) == 2)
            out.resident_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        std::fclose(file);
    }
#endif
    return out;
}

}  // namespace bridge
