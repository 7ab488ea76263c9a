#pragma once
// What caller and agent have said in a call, bounded: a service that lost its session is told, so
// that the next one carries on instead of beginning anew.

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "call/agent.hpp"

namespace bridge::agents {

class TalkSoFar {
public:
    struct Line {
        call::Speaker speaker;
        std::string text;
    };

    /// Keeps the newest lines; the oldest go first.
    explicit TalkSoFar(std::size_t most_bytes = 20000) : most_bytes_(most_bytes) {}

    void add(call::Speaker speaker, std::string_view text);
    /// The agent's last line became this, because it was cut off.
    void correct_agent(std::string_view text);
    void clear();

    bool empty() const { return lines_.empty(); }
    const std::deque<Line>& lines() const { return lines_; }
    /// "Caller: …" and "Agent: …", a line each: the newest whole lines that fit.
    std::string text(std::size_t most_bytes) const;

private:
    void trim();

    const std::size_t most_bytes_;
    std::deque<Line> lines_;
    std::size_t bytes_ = 0;
};

}  // namespace bridge::agents
