// sound_compare SOURCE.wav RECORDING [options]: prints what sound_compare.hpp's Verdict holds as
// JSON.
//
//   --raw RATE          the recording is raw 16-bit little-endian mono at RATE (else a WAV)
//   --no-telephone      the source is compared as it is, not as after 8 kHz mu-law
//   --from-ms N --until-ms N      part of the source to compare
//   --min-median X --min-window X --max-wander-ms X --max-gap-ms X --min-windows N      limits
//   --max-level-change-db X       the recording's level may differ from the source's by this much
//
// Exit code 0: within the limits given; 1: not, with a line on stderr for each; 2: usage or
// unreadable file.

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "tests/support/sound_compare.hpp"

int main(int count, char** arguments) {
    using namespace bridge;
    std::vector<std::string> files;
    std::map<std::string, double> values;
    bool telephone = true;
    try {
        for (int i = 1; i < count; ++i) {
            const std::string argument = arguments[i];
            if (argument == "--no-telephone") {
                telephone = false;
            } else if (argument.starts_with("--")) {
                if (++i == count) throw std::invalid_argument(argument + " needs a value");
                values[argument] = std::stod(arguments[i]);
            } else {
                files.push_back(argument);
            }
        }
        if (files.size() != 2)
            throw std::invalid_argument("usage: sound_compare SOURCE.wav RECORDING [options]");
        sound::Options options;
        const auto option = [&](const char* name, double otherwise) {
            const auto found = values.find(name);
            return found == values.end() ? otherwise : found->second;
        };
        options.from_ms = option("--from-ms", options.from_ms);
        options.until_ms = option("--until-ms", options.until_ms);

        const auto source = sound::read_wav(files[0]);
        const auto recording = values.contains("--raw")
                                   ? sound::read_raw(files[1], static_cast<int>(values.at("--raw")))
                                   : sound::read_wav(files[1]);
        const auto reference = telephone
                                   ? sound::through_telephone(source)
                                   : sound::resample(source.samples, source.rate, sound::kRate);
        const auto verdict = sound::compare(
            reference, sound::resample(recording.samples, recording.rate, sound::kRate), options);

        fmt::print(
            "{{\"windows\": {}, \"median\": {:.4f}, \"min\": {:.4f}, \"min_at_ms\": {:.0f}, "
            "\"lag_wander_ms\": {:.2f}, "
            "\"start_offset_ms\": {:.2f}, \"first_sound_ms\": {:.2f}, \"longest_gap_ms\": {:.1f}, "
            "\"gap_at_ms\": {:.0f}, "
            "\"source_rms_dbfs\": {:.1f}, \"recording_rms_dbfs\": {:.1f}, \"recording_ms\": "
            "{:.0f}}}\n",
            verdict.windows, verdict.median, verdict.min, verdict.min_at_ms, verdict.lag_wander_ms,
            verdict.start_offset_ms, verdict.first_sound_ms, verdict.longest_gap_ms,
            verdict.gap_at_ms, verdict.source_rms_dbfs, verdict.recording_rms_dbfs,
            static_cast<double>(recording.samples.size()) * 1000.0 / recording.rate);

        bool good = true;
        const auto limit = [&](const char* name, bool within, double value) {
            if (values.contains(name) && !within) {
                fmt::print(stderr, "sound_compare: {} {} was missed: {:.4f}\n", name,
                           values.at(name), value);
                good = false;
            }
        };
        limit("--min-windows", verdict.windows >= option("--min-windows", 0), verdict.windows);
        limit("--min-median", verdict.median >= option("--min-median", 0), verdict.median);
        limit("--min-window", verdict.min >= option("--min-window", 0), verdict.min);
        limit("--max-wander-ms", verdict.lag_wander_ms <= option("--max-wander-ms", 0),
              verdict.lag_wander_ms);
        limit("--max-gap-ms", verdict.longest_gap_ms <= option("--max-gap-ms", 0),
              verdict.longest_gap_ms);
        const double change = std::abs(verdict.recording_rms_dbfs - verdict.source_rms_dbfs);
        limit("--max-level-change-db", change <= option("--max-level-change-db", 0), change);
        return good ? 0 : 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "sound_compare: {}\n", error.what());
        return 2;
    }
}
