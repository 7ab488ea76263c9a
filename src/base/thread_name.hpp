#pragma once
// What top, gdb and perf call a thread.

#include <string>

namespace bridge {

/// Of the calling thread, from now on; the system may keep only the first 15 characters.
void name_this_thread(const std::string& name);

}  // namespace bridge
