#include "app/mic_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bridge::app {
namespace {

constexpr int kCells = 40;
constexpr float kFloor = -60.0F;  // dBFS: an empty bar
// As captured. A room with a microphone that is on is above the first, somebody who speaks into it
// above the second.
constexpr float kMuted = -75.0F;
constexpr float kUnheard = -45.0F;
constexpr float kNoisy = -40.0F;

int cell_of(float dbfs) {
    const auto part = std::clamp((dbfs - kFloor) / -kFloor, 0.0F, 1.0F);
    return static_cast<int>(std::lround(part * kCells));
}

// What JSON shows: a tenth is all that anybody can hear.
double tenths(double value) {
    return std::round(value * 10) / 10;
}

}  // namespace

std::string format_mic_moment(const devices::MicMoment& moment, bool too_loud, bool unicode) {
    const auto full = cell_of(moment.level_dbfs);
    const auto peak = cell_of(moment.peak_dbfs) - 1;
    std::string bar;
    for (int cell = 0; cell < kCells; ++cell) {
        if (cell < full)
            bar += unicode ? "█" : "#";
        else if (cell == peak)
            bar += unicode ? "▏" : "|";
        else
            bar += unicode ? "·" : "-";
    }
    return fmt::format("[{}] {:>4.0f} dBFS  peak {:>4.0f} dBFS{}", bar, moment.level_dbfs,
                       moment.peak_dbfs, too_loud ? "  too loud" : "");
}

std::string format_mic_report(const devices::MicReport& report) {
    const auto& mic = report.mic;
    return fmt::format(
        "{}: {} Hz, level {:.0f} dBFS, peak {:.0f} dBFS, {} clipped {}, noise floor {:.0f} dBFS, "
        "{:.0f} ms from the device's block to the call, the sound server's own buffer {:.0f} ms",
        mic.device, mic.sample_rate, report.level_dbfs, report.peak_dbfs, mic.clipped_samples,
        mic.clipped_samples == 1 ? "sample" : "samples", report.noise_floor_dbfs, report.way_ms,
        mic.reported_latency_ms);
}

std::vector<std::string> mic_advice(const devices::MicReport& report) {
    std::vector<std::string> advice;
    if (report.raw_peak_level_dbfs < kMuted) {
        advice.emplace_back(
            "nothing was heard at all: it is muted, or another device is the microphone");
        return advice;
    }
    if (report.mic.clipped_samples > 0)
        advice.emplace_back("it is too loud and was cut off: lower it in the system's settings");
    else if (report.raw_peak_level_dbfs < kUnheard)
        advice.emplace_back(
            "no voice was heard: if somebody spoke, raise the microphone in the system's settings");
    else if (report.noise_floor_dbfs > kNoisy)
        advice.emplace_back("there is much noise, even in the quietest moment");
    return advice;
}

boost::json::object mic_json(const devices::MicReport& report) {
    const auto& mic = report.mic;
    return {{"device", mic.device},
            {"sample_rate", mic.sample_rate},
            {"reported_latency_ms", tenths(mic.reported_latency_ms)},
            {"way_ms", tenths(report.way_ms)},
            {"heard_ms", report.samples.size() / audio::kSamplesPerMs},
            {"level_dbfs", tenths(report.level_dbfs)},
            {"peak_dbfs", tenths(report.peak_dbfs)},
            {"raw_peak_level_dbfs", tenths(report.raw_peak_level_dbfs)},
            {"noise_floor_dbfs", tenths(report.noise_floor_dbfs)},
            {"clipped_samples", mic.clipped_samples},
            {"gaps", mic.gaps},
            {"dropped_samples", mic.dropped_samples},
            {"echo_delay_ms", tenths(mic.echo_delay_ms)},
            {"erle_db", tenths(mic.erle_db)}};
}

}  // namespace bridge::app
