#include "audio/webrtc_echo.hpp"

#include <fmt/format.h>
#include <webrtc/modules/audio_processing/include/audio_processing.h>
#include <webrtc/modules/interface/module_common_types.h>

#include <algorithm>

namespace bridge::audio {
namespace {

constexpr std::size_t kPiece = kFrameSamples / 2;  // WebRTC works in 10 ms

// Echo cancellation alone: everything else is done by the chain, whichever engine it has.
class WebrtcEcho final : public EchoCanceller {
public:
    int start() {
        webrtc::Config config;
        config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
        // The reference comes aligned.
        config.Set<webrtc::DelayAgnostic>(new webrtc::DelayAgnostic(false));
        processing_.reset(webrtc::AudioProcessing::Create(config));
        if (!processing_) return -1;
        const auto mono = webrtc::AudioProcessing::kMono;
        auto error =
            processing_->Initialize(kSampleRate, kSampleRate, kSampleRate, mono, mono, mono);
        auto* echo = processing_->echo_cancellation();
        if (error == 0) error = echo->enable_drift_compensation(false);
        if (error == 0)
            error = echo->set_suppression_level(webrtc::EchoCancellation::kLowSuppression);
        if (error == 0) error = echo->Enable(true);
        return error;
    }

    void cancel(Frame near, Frame reference,
                std::span<std::int16_t, kFrameSamples> out) noexcept override {
        for (std::size_t at = 0; at < kFrameSamples; at += kPiece) {
            fill(far_, reference.subspan(at, kPiece));
            processing_->ProcessReverseStream(&far_);
            processing_->set_stream_delay_ms(0);
            fill(near_, near.subspan(at, kPiece));
            processing_->ProcessStream(&near_);
            std::copy_n(near_.data_, kPiece, out.begin() + static_cast<std::ptrdiff_t>(at));
        }
    }
    void reset() noexcept override { processing_->Initialize(); }

private:
    static void fill(webrtc::AudioFrame& frame, std::span<const std::int16_t> samples) noexcept {
        frame.sample_rate_hz_ = kSampleRate;
        frame.num_channels_ = 1;
        frame.samples_per_channel_ = static_cast<int>(samples.size());
        std::copy(samples.begin(), samples.end(), frame.data_);
    }

    std::unique_ptr<webrtc::AudioProcessing> processing_;
    webrtc::AudioFrame near_;
    webrtc::AudioFrame far_;
};

}  // namespace

Result<std::unique_ptr<EchoCanceller>> make_webrtc_echo() {
    auto echo = std::make_unique<WebrtcEcho>();
    if (const auto error = echo->start(); error != 0)
        return fail(Errc::internal,
                    fmt::format("WebRTC's echo canceller does not start (its error {})", error));
    return echo;
}

}  // namespace bridge::audio
