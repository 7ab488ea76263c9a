#pragma once
// An agent and a phone in virtual time, with nothing between them but a telephone line: what the
// agent says is heard at 20 ms every 20 ms, and it is told so.

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/worker_pool.hpp"
#include "call/agent.hpp"

namespace bridge::test {

/// Plays what the agent writes, in order, as the far end would.
class PlayedLine final : public call::VoiceSink {
public:
    struct Utterance {
        call::UtteranceId id;
        std::vector<std::int16_t> samples;
        bool ended = false;
        std::size_t played = 0;
    };

    call::UtteranceId begin() override {
        end();
        utterances.push_back({++last_, {}, false, 0});
        return last_;
    }
    std::size_t write(std::span<const std::int16_t> samples) override {
        if (utterances.empty() || utterances.back().ended) begin();
        auto& all = utterances.back().samples;
        all.insert(all.end(), samples.begin(), samples.end());
        return samples.size();
    }
    void end() override {
        if (!utterances.empty()) utterances.back().ended = true;
    }
    call::UtteranceId play(std::unique_ptr<audio::SampleSource>) override { return begin(); }
    void cancel() override {
        utterances.clear();
        ++cancels;
    }
    void pause() override {}
    void resume() override {}
    bool paused() const override { return false; }
    std::size_t waiting() const override { return 0; }

    /// The next 20 ms, and the utterances that are over with it.
    std::array<std::int16_t, audio::kFrameSamples> next(std::vector<call::UtteranceId>& over) {
        std::array<std::int16_t, audio::kFrameSamples> frame{};
        std::size_t filled = 0;
        while (filled < frame.size() && !utterances.empty()) {
            auto& first = utterances.front();
            const auto part = std::min(frame.size() - filled, first.samples.size() - first.played);
            std::copy_n(first.samples.begin() + static_cast<std::ptrdiff_t>(first.played), part,
                        frame.begin() + static_cast<std::ptrdiff_t>(filled));
            filled += part;
            first.played += part;
            if (first.played < first.samples.size() || !first.ended) break;
            over.push_back(first.id);
            utterances.pop_front();
        }
        return frame;
    }

    std::deque<Utterance> utterances;
    int cancels = 0;

private:
    call::UtteranceId last_ = 0;
};

/// The agent's surroundings: a clock that the test moves, and workers it waits for.
class PhoneInHand {
public:
    explicit PhoneInHand(std::size_t threads = 1) : pool(options(threads)) {}
    ~PhoneInHand() {
        pool.stop();
        loop.restart();
        loop.poll();
    }

    /// The agent gets everything that was made for it.
    void settle() {
        do {
            while (!pool.idle()) std::this_thread::yield();
            loop.restart();
        } while (loop.poll() > 0 || !pool.idle());
    }

    /// 20 ms: the agent hears `said`; what the phone hears is returned.
    std::array<std::int16_t, audio::kFrameSamples> frame(call::Agent& agent,
                                                         const audio::AudioFrame& said) {
        settle();
        agent.write(said);
        settle();
        std::vector<call::UtteranceId> over;
        const auto heard = voice->next(over);
        for (const auto id : over) agent.spoken(id, {});
        settle();
        clock.advance(audio::kFrameTime);
        return heard;
    }

    boost::asio::io_context loop;
    VirtualClock clock;
    WorkerPool pool;
    std::shared_ptr<PlayedLine> voice = std::make_shared<PlayedLine>();

private:
    static WorkerPoolOptions options(std::size_t threads) {
        WorkerPoolOptions out;
        out.threads = threads;
        return out;
    }
};

}  // namespace bridge::test
