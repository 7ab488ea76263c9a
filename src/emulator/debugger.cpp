#include "emulator/debugger.hpp"

#include "base/log.hpp"
#include "emulator/sid.hpp"

namespace bridge::emulator {

void Debugger::add(const char* level, int code, std::string message, const std::string& call_sid) {
    static constexpr std::size_t kKept = 10'000;
    log::warning({"emulator", call_sid}, "debugger {} {}: {}", level, code, message);
    if (entries_.size() == kKept) entries_.pop_front();
    entries_.push_back({new_sid("NO"), code, level, std::move(message), call_sid,
                        std::chrono::system_clock::now()});
}

void Debugger::error(int code, std::string message, const std::string& call_sid) {
    add("error", code, std::move(message), call_sid);
}

void Debugger::warning(int code, std::string message, const std::string& call_sid) {
    add("warning", code, std::move(message), call_sid);
}

}  // namespace bridge::emulator
