#pragma once
// Speaks texts one after the other: each sentence is made into sound by a worker, in order, while
// the one before it is heard, and the mouth keeps the books of what the caller has heard.

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/local/voice_maker.hpp"
#include "base/worker_pool.hpp"
#include "call/voice_sink.hpp"

namespace bridge::agents::local {

/// Thread: the executor's. Nothing of it is called back from inside its own members.
class Mouth : public std::enable_shared_from_this<Mouth> {
public:
    struct Told {
        /// The first sample of a sentence is on its way.
        std::function<void(const std::string& sentence, call::UtteranceId)> speaks;
        /// So much of a sentence was heard: 1 for all of it. In order; also those cut off.
        std::function<void(const std::string& sentence, double heard, std::uint64_t tag)> heard;
        /// Nothing is being said or waits to be said.
        std::function<void()> over;
        std::function<void(const std::string& why)> failed;
    };

    Mouth(WorkerPool& pool, asio::any_io_executor executor, Synthesize synthesize);
    /// A session begins; what an earlier one had to say is forgotten.
    void start(std::shared_ptr<call::VoiceSink> voice, Told told);
    void stop();

    /// Says the sentences of `text` after what is being said. Text that is too much is dropped.
    /// `tag`: the caller's own, given back with each sentence in `heard`.
    void say(const std::string& text, std::uint64_t tag = 0);
    /// Cuts itself off: what is left is forgotten and `heard` and `over` are not told.
    void hush();
    /// From the call: see Agent.
    void spoken(call::UtteranceId utterance);
    void interrupted(call::UtteranceId utterance, const call::Heard& heard);

    bool silent() const { return waiting_.empty() && playing_.empty(); }

private:
    using Sound = std::shared_ptr<const std::vector<std::int16_t>>;
    struct Waiting {
        std::string text;
        std::uint64_t tag;
        std::uint64_t number;
        bool asked = false;
        bool done = false;  ///< made, or could not be made
        Sound sound;
    };
    struct Playing {
        call::UtteranceId id;
        std::string text;
        std::uint64_t tag;
        std::size_t samples;
        std::optional<double> heard;  ///< once it is known
    };

    void make_more();
    void made(std::uint64_t number, Result<std::vector<std::int16_t>> sound);
    void play_ready();
    void settle(call::UtteranceId utterance, double samples_heard);
    void tell_if_over();

    WorkerPool& pool_;
    const asio::any_io_executor executor_;
    const Synthesize synthesize_;
    std::shared_ptr<call::VoiceSink> voice_;
    Told told_;
    std::deque<Waiting> waiting_;
    std::deque<Playing> playing_;
    std::uint64_t last_ = 0;
    bool told_over_ = true;
};

}  // namespace bridge::agents::local
