#pragma once
// Is what came out of the loudspeaker what the phone said? Compares a recording with its source as
// a telephone line would carry it (8 kHz mu-law). Written without any of our own audio code, so
// that a mistake there cannot hide itself.

#include <cstdint>
#include <string>
#include <vector>

namespace bridge::sound {

inline constexpr int kRate = 48000;  ///< Hz; everything is compared at this rate

/// Mono samples in -1..1.
struct Sound {
    int rate = kRate;
    std::vector<float> samples;
};

/// Any file libsndfile reads; several channels are averaged. Throws std::runtime_error.
Sound read_wav(const std::string& path);
/// Raw 16-bit little-endian mono. Throws std::runtime_error.
Sound read_raw(const std::string& path, int rate);

/// Windowed-sinc conversion, linear phase, no delay.
std::vector<float> resample(const std::vector<float>& samples, int from, int to);
/// What is left of a sound after a telephone line: band-limited to 8 kHz sampling, mu-law and back.
/// Result at kRate.
std::vector<float> through_telephone(const Sound& sound);

struct Options {
    double from_ms = 0;    ///< ignore the source before this
    double until_ms = -1;  ///< and after this; negative: its end
    double window_ms = 250;
    double search_ms = 50;     ///< each window is looked for this far round the global lag
    double silent_dbfs = -45;  ///< windows of the source below this are not compared
};

/// What the comparison found. Times are in ms.
struct Verdict {
    int windows = 0;    ///< compared
    double median = 0;  ///< of the windows' correlations
    double min = 0;
    double min_at_ms = 0;  ///< where in the source that window begins
    double start_offset_ms =
        0;  ///< where in the recording the source's first sample would be (global lag)
    double lag_wander_ms = 0;  ///< largest minus smallest lag of all windows
    double first_sound_ms =
        -1;  ///< first time in the recording that is not silence (-50 dBFS); -1: never
    double longest_gap_ms =
        0;  ///< longest stretch of near-silence in the recording where the source speaks
    double gap_at_ms = 0;           ///< where in the source it begins
    double source_rms_dbfs = -120;  ///< over the windows compared
    double recording_rms_dbfs = -120;
};

/// `source` and `recording` at kRate; the source as it went into the line.
Verdict compare(const std::vector<float>& source, const std::vector<float>& recording,
                const Options& options);

}  // namespace bridge::sound
