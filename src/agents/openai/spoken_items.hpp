#pragma once
// Which of the service's items is which utterance of the call, and how much of it has come: what
// the service is told when the caller interrupts.

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "audio/frame.hpp"
#include "call/voice_sink.hpp"

namespace bridge::agents {

struct SpokenItem {
    call::UtteranceId utterance = 0;  ///< 0: no sound of it yet
    std::uint64_t session = 0;        ///< counts the agent's sessions
    std::string response, item;
    std::uint64_t content_index = 0;
    std::uint64_t samples = 0;  ///< received
    std::string text;           ///< as far as it has come
    bool text_told = false;     ///< as a whole
    bool over = false;          ///< heard or cut off

    std::chrono::milliseconds received() const {
        return std::chrono::milliseconds(static_cast<std::int64_t>(samples / audio::kSamplesPerMs));
    }
};

/// Remembers the newest 64.
class SpokenItems {
public:
    /// The item of that name in that session, made if there is none.
    SpokenItem& at(std::uint64_t session, std::string_view response, std::string_view item);
    SpokenItem* find(call::UtteranceId utterance);
    /// Something of it waits to be heard.
    bool speaking() const;

    /// Nothing more of this response is wanted.
    void silence(std::string_view response);
    bool is_silenced(std::string_view response) const;

    std::deque<SpokenItem>& all() { return items_; }
    void clear();

private:
    std::deque<SpokenItem> items_;
    std::deque<std::string> silenced_;
};

}  // namespace bridge::agents
