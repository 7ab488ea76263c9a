#include "agents/talk_so_far.hpp"

#include <algorithm>

#include "net/wire_text.hpp"

namespace bridge::agents {

using call::Speaker;

void TalkSoFar::add(Speaker speaker, std::string_view text) {
    auto clean = net::valid_text(text, most_bytes_);
    if (clean.empty()) return;
    bytes_ += clean.size();
    lines_.push_back({speaker, std::move(clean)});
    trim();
}

void TalkSoFar::correct_agent(std::string_view text) {
    const auto last = std::find_if(lines_.rbegin(), lines_.rend(),
                                   [](const Line& one) { return one.speaker == Speaker::agent; });
    if (last == lines_.rend()) return add(Speaker::agent, text);
    bytes_ -= last->text.size();
    last->text = net::valid_text(text, most_bytes_);
    bytes_ += last->text.size();
    trim();
}

void TalkSoFar::clear() {
    lines_.clear();
    bytes_ = 0;
}

void TalkSoFar::trim() {
    while (bytes_ > most_bytes_ && !lines_.empty()) {
        bytes_ -= lines_.front().text.size();
        lines_.pop_front();
    }
}

std::string TalkSoFar::text(std::size_t most_bytes) const {
    std::string out;
    for (auto line = lines_.rbegin(); line != lines_.rend(); ++line) {
        std::string one = line->speaker == Speaker::caller ? "Caller: " : "Agent: ";
        one += line->text;
        one += '\n';
        if (out.size() + one.size() > most_bytes) break;
        out.insert(0, one);
    }
    return out;
}

}  // namespace bridge::agents
