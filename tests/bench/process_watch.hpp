#pragma once
// Looks at another process from outside, through /proc.

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace bench {

/// User and system time of all threads of a process, in nanoseconds.
inline std::uint64_t cpu_ns(pid_t process) {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000ULL +
           static_cast<std::uint64_t>(time.tv_nsec);
}

/// A "Name:   123 kB" line of a file below /proc/PID, in bytes where it says kB.
inline std::uint64_t proc_value(pid_t process, const char* file, const char* name) {
    const auto path = "/proc/" + std::to_string(process) + "/" + file;
    auto* const open = std::fopen(path.c_str(), "re");
    if (open == nullptr) return 0;
    char line[256];
    std::uint64_t value = 0;
    while (std::fgets(line, sizeof(line), open) != nullptr) {
        unsigned long long number = 0;
        if (std::strncmp(line, name, std::strlen(name)) == 0 &&
            std::sscanf(line + std::strlen(name), "%llu", &number) == 1) {
            value = number * (std::strstr(line, " kB") != nullptr ? 1024 : 1);
            break;
        }
    }
    std::fclose(open);
    return value;
}

/// Memory of its own, shared pages by their share.
inline std::uint64_t pss_bytes(pid_t process) {
    return proc_value(process, "smaps_rollup", "Pss:");
}
inline std::uint64_t threads(pid_t process) {
    return proc_value(process, "status", "Threads:");
}
inline std::uint64_t descriptors(pid_t process) {
    const auto path = "/proc/" + std::to_string(process) + "/fd";
    DIR* const folder = ::opendir(path.c_str());
    if (folder == nullptr) return 0;
    std::uint64_t count = 0;
    while (const auto* entry = ::readdir(folder)) count += entry->d_name[0] != '.' ? 1U : 0U;
    ::closedir(folder);
    return count;
}

}  // namespace bench
