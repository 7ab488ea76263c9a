#pragma once
// Twilio's debugger: what went wrong with webhooks, documents and streams, by Twilio's codes.

#include <deque>
#include <string>

#include "emulator/timestamps.hpp"

namespace bridge::emulator {

struct DebuggerEntry {
    std::string sid;  ///< NO…
    int code = 0;
    std::string level;  ///< error warning
    std::string message;
    std::string call_sid;  ///< empty: none
    WallTime time;
};

/// Thread: the emulator's. Keeps the last ten thousand entries, oldest dropped first.
class Debugger {
public:
    void error(int code, std::string message, const std::string& call_sid);
    void warning(int code, std::string message, const std::string& call_sid);
    const std::deque<DebuggerEntry>& entries() const { return entries_; }

private:
    void add(const char* level, int code, std::string message, const std::string& call_sid);

    std::deque<DebuggerEntry> entries_;
};

}  // namespace bridge::emulator
