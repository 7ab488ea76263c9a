#pragma once
// One side of a call for a recognizer that understands whole utterances, one at a time: they are
// cut out by the pauses here. It tells nothing before an utterance is over.
//
//   sound ─▶ UtteranceCutter ─▶ queue ─▶ Understand (HTTP, or a worker thread) ─▶ piece

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audio/utterance_cutter.hpp"
#include "base/result.hpp"
#include "net/whisper_request.hpp"
#include "transcribers/side.hpp"
#include "transcribers/side_time.hpp"

namespace bridge::transcribers {

namespace asio = boost::asio;

/// Awaited on the call's io thread. `utterance`: 8 kHz. Errors: unauthorized and bad_config are for
/// good, after all others it is tried again.
using Understand =
    std::function<asio::awaitable<Result<net::WhisperAnswer>>(std::vector<std::int16_t> utterance)>;

struct CutTimes {
    std::chrono::milliseconds first_pause{500}, longest_pause{15000};
    std::chrono::milliseconds last_words{8000};  ///< at the end, from the last sound
};

class CutSide final : public Side, public std::enable_shared_from_this<CutSide> {
public:
    /// Utterances that may wait for a recognizer that is slow or away, and their sound together.
    static constexpr std::size_t kMostUtterances = 32;
    static constexpr std::size_t kMostSamples = 120UL * audio::kSampleRate;

    CutSide(asio::any_io_executor executor, call::LineEnd end, Understand understand,
            std::shared_ptr<Teller> teller, CutTimes times = {});

    void sound(std::uint64_t at, std::span<const std::int16_t> samples) override;
    void silence_to(std::uint64_t at) override;
    void finish() override;
    std::size_t waiting() const override { return waiting_; }

private:
    struct Utterance {
        std::uint64_t from = 0;  ///< its first sample, in what the cutter was given
        std::vector<std::int16_t> samples;
    };

    void give(std::span<const std::int16_t> samples);
    void give_silence(std::uint64_t samples);
    void cut();
    void enqueue();
    static asio::awaitable<void> run(std::shared_ptr<CutSide> self);
    static asio::awaitable<void> out_of_time(std::shared_ptr<CutSide> self);
    static asio::awaitable<void> work(std::shared_ptr<CutSide> self);
    static asio::awaitable<void> pause(std::shared_ptr<CutSide> self);
    void tell(std::uint64_t from, std::size_t samples, net::WhisperAnswer answer);
    bool failed(const Error& error);

    const asio::any_io_executor executor_;
    const call::LineEnd end_;
    const Understand understand_;
    const std::shared_ptr<Teller> teller_;
    const CutTimes times_;

    SideTime time_;
    audio::UtteranceCutter cutter_;
    audio::AudioFrame frame_;
    std::size_t filled_ = 0;    ///< of the frame
    std::uint64_t cut_to_ = 0;  ///< samples the cutter was given
    std::deque<Utterance> queue_;
    std::size_t waiting_ = 0;  ///< samples of the queue
    std::uint64_t number_ = 0;
    bool begun_ = false, running_ = false, lost_ = false, finishing_ = false, done_ = false;
    int failures_ = 0;
    asio::steady_timer more_, limit_;
};

}  // namespace bridge::transcribers
