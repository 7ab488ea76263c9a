// The program's beginning. What runs is wired together in wiring.cpp.

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <vector>

#include "app/config.hpp"
#include "app/doctor/doctor.hpp"
#include "app/history_wiring.hpp"
#include "app/program.hpp"
#include "base/own_stderr.hpp"

namespace {

/// A call takes a descriptor, and systems start programs with room for 256 or 1024.
void allow_many_descriptors() {
    struct rlimit limit {};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    constexpr rlim_t kEnough = 65536;
    const auto wanted =
        limit.rlim_max == RLIM_INFINITY ? kEnough : std::min(limit.rlim_max, kEnough);
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = wanted;
    ::setrlimit(RLIMIT_NOFILE, &limit);  // what is refused was so before
}

}  // namespace

int main(int count, char** words) {
    using namespace bridge::app;
    allow_many_descriptors();
    bridge::keep_own_stderr();
    bridge::OwnStderrStream err;
    std::error_code gone;
    auto environment = process_environment();
    const auto terminal = detect_terminal(false, environment);
    Console console{std::cin,
                    std::cout,
                    err,
                    terminal,
                    std::move(environment),
                    std::filesystem::current_path(gone).string()};
    const std::vector<std::string> arguments(words + 1, words + count);
    return to_int(run_program(arguments, console,
                              {open_session,
                               open_emulator,
                               reap_calls,
                               run_doctor,
                               open_load,
                               {list_numbers, restore_numbers},
                               former_transcript,
                               history_parts()}));
}
