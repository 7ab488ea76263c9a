#include "app/doctor/port_holder.hpp"

#if defined(__linux__)
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#endif

namespace bridge::app {

#if defined(__linux__)

namespace {

/// The inodes of sockets that listen on `port` (proc(5): the fourth column 0A is LISTEN).
std::set<std::string> listening_inodes(std::uint16_t port) {
    std::set<std::string> inodes;
    const auto wanted = fmt::format(":{:04X}", port);
    for (const auto* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream file(table);
        for (std::string line; std::getline(file, line);) {
            std::istringstream words(line);
            std::array<std::string, 10> word;
            for (auto& one : word) words >> one;
            if (word[1].ends_with(wanted) && word[3] == "0A") inodes.insert(word[9]);
        }
    }
    return inodes;
}

}  // namespace

std::string port_holder(std::uint16_t port) {
    const auto inodes = listening_inodes(port);
    if (inodes.empty()) return {};
    std::error_code error;
    for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
        const auto pid = process.path().filename().string();
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        std::error_code hidden;
        for (const auto& open :
             std::filesystem::directory_iterator(process.path() / "fd", hidden)) {
            const auto target = std::filesystem::read_symlink(open.path(), hidden).string();
            if (!target.starts_with("socket:[") ||
                !inodes.contains(target.substr(8, target.size() - 9)))
                continue;
            std::ifstream file(process.path() / "comm");
            std::string name;
            std::getline(file, name);
            return fmt::format("{} (pid {})", name, pid);
        }
    }
    return {};
}

#else

std::string port_holder(std::uint16_t) {
    return {};
}

#endif

}  // namespace bridge::app
