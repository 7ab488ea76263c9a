#pragma once
// For work that does again what was logged when it was done: a captured call.

namespace bridge::log {

/// While there is one on a thread, that thread logs nothing.
class Quiet {
public:
    Quiet() noexcept;
    ~Quiet();
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
};

}  // namespace bridge::log
