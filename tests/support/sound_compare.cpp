#include "tests/support/sound_compare.hpp"

#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <numbers>
#include <numeric>
#include <stdexcept>

namespace bridge::sound {
namespace {

constexpr double kSilence = 1e-6;

double dbfs(double rms) {
    return 20.0 * std::log10(std::max(rms, kSilence));
}
double level(double db) {
    return std::pow(10.0, db / 20.0);
}
double ms(std::ptrdiff_t samples) {
    return static_cast<double>(samples) * 1000.0 / kRate;
}
std::ptrdiff_t samples_of(double milliseconds) {
    return static_cast<std::ptrdiff_t>(std::llround(milliseconds * kRate / 1000.0));
}

using Complex = std::complex<double>;

/// In place, radix 2; `forward` false: the inverse without its division.
void transform(std::vector<Complex>& values, bool forward) {
    const std::size_t count = values.size();
    for (std::size_t i = 1, j = 0; i < count; ++i) {
        std::size_t bit = count >> 1U;
        for (; (j & bit) != 0; bit >>= 1U) j ^= bit;
        j ^= bit;
        if (i < j) std::swap(values[i], values[j]);
    }
    for (std::size_t length = 2; length <= count; length <<= 1U) {
        const double angle =
            (forward ? -2.0 : 2.0) * std::numbers::pi / static_cast<double>(length);
        const Complex step(std::cos(angle), std::sin(angle));
        for (std::size_t start = 0; start < count; start += length) {
            Complex turn(1.0);
            for (std::size_t k = 0; k < length / 2; ++k) {
                const Complex even = values[start + k];
                const Complex odd = values[start + k + length / 2] * turn;
                values[start + k] = even + odd;
                values[start + k + length / 2] = even - odd;
                turn *= step;
            }
        }
    }
}

/// The lag (in samples) at which `recording` holds `source` best: recording[i + lag] ~ source[i].
std::ptrdiff_t global_lag(const std::vector<float>& source, const std::vector<float>& recording) {
    std::size_t size = 1;
    while (size < source.size() + recording.size()) size <<= 1U;
    std::vector<Complex> a(size);
    std::vector<Complex> b(size);
    std::copy(source.begin(), source.end(), a.begin());
    std::copy(recording.begin(), recording.end(), b.begin());
    transform(a, true);
    transform(b, true);
    for (std::size_t i = 0; i < size; ++i) a[i] = std::conj(a[i]) * b[i];
    transform(a, false);
    const auto best = std::max_element(
        a.begin(), a.end(), [](const Complex& x, const Complex& y) { return x.real() < y.real(); });
    const auto index = static_cast<std::size_t>(best - a.begin());
    return index < recording.size()
               ? static_cast<std::ptrdiff_t>(index)
               : static_cast<std::ptrdiff_t>(index) - static_cast<std::ptrdiff_t>(size);
}

std::uint8_t to_mulaw(int sample) {
    const int sign = sample < 0 ? 0x80 : 0;
    int magnitude = std::min(std::abs(sample), 32635) + 132;
    int exponent = 7;
    for (int bit = 0x4000; exponent > 0 && (magnitude & bit) == 0; bit >>= 1) --exponent;
    const int mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    return static_cast<std::uint8_t>(~(sign | (exponent << 4) | mantissa) & 0xFF);
}

int from_mulaw(std::uint8_t byte) {
    const int code = ~byte & 0xFF;
    const int magnitude = ((((code & 0x0F) << 3) + 132) << ((code >> 4) & 7)) - 132;
    return (code & 0x80) != 0 ? -magnitude : magnitude;
}

double at(const std::vector<float>& samples, std::ptrdiff_t index) {
    return index < 0 || index >= std::ssize(samples)
               ? 0.0
               : static_cast<double>(samples[static_cast<std::size_t>(index)]);
}

double rms(const std::vector<float>& samples, std::ptrdiff_t begin, std::ptrdiff_t end) {
    double sum = 0;
    for (auto i = begin; i < end; ++i) sum += at(samples, i) * at(samples, i);
    return end > begin ? std::sqrt(sum / static_cast<double>(end - begin)) : 0.0;
}

}  // namespace

Sound read_wav(const std::string& path) {
    SF_INFO format{};
    SNDFILE* file = sf_open(path.c_str(), SFM_READ, &format);
    if (file == nullptr) throw std::runtime_error(path + ": " + sf_strerror(nullptr));
    std::vector<float> all;
    std::vector<float> block(static_cast<std::size_t>(format.channels) * 4096);
    // Read to the end rather than by the header: a recording that was cut may not state its length.
    for (sf_count_t got = 0; (got = sf_readf_float(file, block.data(), 4096)) > 0;)
        all.insert(all.end(), block.begin(),
                   block.begin() + static_cast<std::ptrdiff_t>(got) * format.channels);
    sf_close(file);
    Sound sound;
    sound.rate = format.samplerate;
    const auto channels = static_cast<std::size_t>(format.channels);
    for (std::size_t i = 0; i + channels <= all.size(); i += channels)
        sound.samples.push_back(
            std::accumulate(all.begin() + static_cast<std::ptrdiff_t>(i),
                            all.begin() + static_cast<std::ptrdiff_t>(i + channels), 0.0F) /
            static_cast<float>(channels));
    return sound;
}

Sound read_raw(const std::string& path, int rate) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + ": cannot be read");
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file),
                                  std::istreambuf_iterator<char>()};
    Sound sound;
    sound.rate = rate;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        const auto word = static_cast<std::uint16_t>(
            static_cast<std::uint8_t>(bytes[i]) | (static_cast<std::uint8_t>(bytes[i + 1]) << 8U));
        sound.samples.push_back(static_cast<float>(static_cast<std::int16_t>(word)) / 32768.0F);
    }
    return sound;
}

std::vector<float> resample(const std::vector<float>& samples, int from, int to) {
    if (from == to) return samples;
    const double ratio = static_cast<double>(to) / from;
    const double cutoff =
        std::min(1.0, ratio) * 0.94;  // of the input's half rate; the rest is transition
    const double half_width = 48.0 / std::min(1.0, ratio);
    // Output i stands at input i * from / to: the same taps come back every `phases` outputs.
    const auto divisor = std::gcd(from, to);
    const auto phases = static_cast<std::size_t>(to / divisor);
    const auto stride = static_cast<std::size_t>(from / divisor);
    const auto reach = static_cast<std::ptrdiff_t>(std::ceil(half_width));
    std::vector<std::vector<float>> taps(phases);
    for (std::size_t phase = 0; phase < phases; ++phase) {
        const double offset =
            static_cast<double>(phase * stride % phases) / static_cast<double>(phases);
        for (auto k = -reach; k <= reach + 1; ++k) {
            const double x = static_cast<double>(k) - offset;
            const double angle = std::numbers::pi * x * cutoff;
            const double sinc = std::abs(angle) < 1e-9 ? 1.0 : std::sin(angle) / angle;
            const double window = std::abs(x) > half_width
                                      ? 0.0
                                      : 0.5 + 0.5 * std::cos(std::numbers::pi * x / half_width);
            taps[phase].push_back(static_cast<float>(sinc * window * cutoff));
        }
    }
    std::vector<float> out(
        static_cast<std::size_t>(std::llround(static_cast<double>(samples.size()) * ratio)));
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto& filter = taps[i % phases];
        const auto first = static_cast<std::ptrdiff_t>(i * stride / phases) - reach;
        const auto skip = std::max<std::ptrdiff_t>(0, -first);
        const auto stop = std::min(std::ssize(filter), std::ssize(samples) - first);
        float sum = 0;
        for (auto k = skip; k < stop; ++k)
            sum +=
                filter[static_cast<std::size_t>(k)] * samples[static_cast<std::size_t>(first + k)];
        out[i] = sum;
    }
    return out;
}

std::vector<float> through_telephone(const Sound& sound) {
    auto narrow = resample(sound.samples, sound.rate, 8000);
    for (auto& sample : narrow) {
        const int value =
            std::clamp(static_cast<int>(std::lround(sample * 32768.0F)), -32768, 32767);
        sample = static_cast<float>(from_mulaw(to_mulaw(value))) / 32768.0F;
    }
    return resample(narrow, 8000, kRate);
}

Verdict compare(const std::vector<float>& source, const std::vector<float>& recording,
                const Options& options) {
    Verdict verdict;
    const auto begin = samples_of(options.from_ms);
    const auto end = options.until_ms < 0
                         ? std::ssize(source)
                         : std::min(std::ssize(source), samples_of(options.until_ms));
    std::vector<float> part(source);
    for (std::ptrdiff_t i = 0; i < std::ssize(part); ++i)
        if (i < begin || i >= end) part[static_cast<std::size_t>(i)] = 0;
    const auto lag = global_lag(part, recording);
    verdict.start_offset_ms = ms(lag);
    for (std::ptrdiff_t i = 0; i < std::ssize(recording); ++i)
        if (std::abs(at(recording, i)) > level(-50)) {
            verdict.first_sound_ms = ms(i);
            break;
        }

    // The recording's energy under a window at any lag is a difference of two of these.
    std::vector<double> energies(recording.size() + 1, 0.0);
    for (std::size_t i = 0; i < recording.size(); ++i)
        energies[i + 1] =
            energies[i] + static_cast<double>(recording[i]) * static_cast<double>(recording[i]);
    const auto energy_before = [&](std::ptrdiff_t index) {
        return energies[static_cast<std::size_t>(
            std::clamp<std::ptrdiff_t>(index, 0, std::ssize(recording)))];
    };

    const auto window = samples_of(options.window_ms);
    const auto search = samples_of(options.search_ms);
    const auto block = samples_of(1);
    std::vector<double> correlations;
    std::ptrdiff_t lowest_lag = 0;
    std::ptrdiff_t highest_lag = 0;
    double source_power = 0;
    double recording_power = 0;
    std::ptrdiff_t gap = 0;
    std::ptrdiff_t gap_from = 0;
    std::ptrdiff_t local = lag;
    for (auto start = begin; start + window <= end; start += window) {
        const double source_rms = rms(source, start, start + window);
        if (dbfs(source_rms) >= options.silent_dbfs) {
            const auto correlation_at = [&](std::ptrdiff_t shift) {
                double product = 0;
                if (start + shift >= 0 && start + shift + window <= std::ssize(recording)) {
                    const float* one = source.data() + start;
                    const float* other = recording.data() + start + shift;
                    std::array<float, 8> lanes{};
                    std::ptrdiff_t i = 0;
                    for (; i + 8 <= window; i += 8)
                        for (std::size_t lane = 0; lane < 8; ++lane)
                            lanes[lane] += one[i + static_cast<std::ptrdiff_t>(lane)] *
                                           other[i + static_cast<std::ptrdiff_t>(lane)];
                    product = std::accumulate(lanes.begin(), lanes.end(), 0.0);
                    for (; i < window; ++i) product += static_cast<double>(one[i] * other[i]);
                } else {
                    for (auto i = start; i < start + window; ++i)
                        product += at(source, i) * at(recording, i + shift);
                }
                const double energy =
                    energy_before(start + shift + window) - energy_before(start + shift);
                return product / (source_rms *
                                  std::sqrt(static_cast<double>(window) * std::max(energy, 1e-9)));
            };
            double best = -1;
            const auto look = [&](std::ptrdiff_t from, std::ptrdiff_t to, std::ptrdiff_t step) {
                for (auto shift = from; shift <= to; shift += step) {
                    const double correlation = correlation_at(shift);
                    if (correlation <= best) continue;
                    best = correlation;
                    local = shift;
                }
            };
            // Telephone speech ends at 3.4 kHz, 14 samples a period here: every third lag finds the
            // peak.
            look(lag - search, lag + search, 3);
            look(local - 2, local + 2, 1);
            lowest_lag = correlations.empty() ? local : std::min(lowest_lag, local);
            highest_lag = correlations.empty() ? local : std::max(highest_lag, local);
            if (correlations.empty() || best < verdict.min) {
                verdict.min = best;
                verdict.min_at_ms = ms(start);
            }
            correlations.push_back(best);
            source_power += source_rms * source_rms;
            const double heard = rms(recording, start + local, start + local + window);
            recording_power += heard * heard;
        }
        // 1 ms at a time: the source speaks (within 5 ms of here), the recording does not.
        for (auto here = start; here < start + window; here += block) {
            const double said = rms(source, here - 5 * block, here + 6 * block);
            const double heard = rms(recording, here + local, here + local + block);
            const bool missing =
                dbfs(said) > options.silent_dbfs && dbfs(heard) < -55 && heard < said * level(-25);
            if (!missing) {
                gap = 0;
                continue;
            }
            if (gap == 0) gap_from = here;
            gap += block;
            if (ms(gap) > verdict.longest_gap_ms) {
                verdict.longest_gap_ms = ms(gap);
                verdict.gap_at_ms = ms(gap_from);
            }
        }
    }

    verdict.windows = static_cast<int>(correlations.size());
    if (correlations.empty()) return verdict;
    const auto middle = correlations.begin() + std::ssize(correlations) / 2;
    std::nth_element(correlations.begin(), middle, correlations.end());
    verdict.median = *middle;
    verdict.lag_wander_ms = ms(highest_lag - lowest_lag);
    const auto count = static_cast<double>(correlations.size());
    verdict.source_rms_dbfs = dbfs(std::sqrt(source_power / count));
    verdict.recording_rms_dbfs = dbfs(std::sqrt(recording_power / count));
    return verdict;
}

}  // namespace bridge::sound
