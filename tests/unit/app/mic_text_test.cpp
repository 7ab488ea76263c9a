#include "app/mic_text.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

namespace bridge::app {
namespace {

using devices::MicMoment;
using devices::MicReport;

MicReport healthy() {
    MicReport report;
    report.mic.device = "USB Headset";
    report.mic.sample_rate = 48000;
    report.mic.reported_latency_ms = 20;
    report.level_dbfs = -24.4F;
    report.peak_dbfs = -9;
    report.raw_peak_level_dbfs = -18;
    report.noise_floor_dbfs = -62;
    report.way_ms = 31.26;
    report.samples.resize(24000);
    return report;
}

TEST(MicText, TheMeterShowsTheLevelAndThePeak) {
    EXPECT_EQ(format_mic_moment({{}, -30, -15, false}, false, false),
              "[####################---------|----------]  -30 dBFS  peak  -15 dBFS");
    EXPECT_EQ(format_mic_moment({{}, -96, -96, false}, false, false),
              "[----------------------------------------]  -96 dBFS  peak  -96 dBFS");
    EXPECT_EQ(format_mic_moment({{}, 0, 0, true}, true, false),
              "[########################################]    0 dBFS  peak    0 dBFS  too loud");
    EXPECT_NE(format_mic_moment({{}, -30, -15, false}, false, true).find("█·"), std::string::npos);
}

TEST(MicText, TheFiguresAreInOneLine) {
    auto report = healthy();
    EXPECT_EQ(format_mic_report(report),
              "USB Headset: 48000 Hz, level -24 dBFS, peak -9 dBFS, 0 clipped samples, noise floor "
              "-62 dBFS, 31 ms from the device's block to the call, the sound server's own buffer "
              "20 ms");
    report.mic.clipped_samples = 1;
    EXPECT_NE(format_mic_report(report).find(", 1 clipped sample,"), std::string::npos);
}

TEST(MicText, AdviceIsGivenWhereSomethingIsWrong) {
    EXPECT_TRUE(mic_advice(healthy()).empty());
    const struct {
        const char* says;
        void (*spoil)(MicReport&);
    } cases[] = {
        {"muted", [](MicReport& r) { r.raw_peak_level_dbfs = r.noise_floor_dbfs = -96; }},
        {"no voice", [](MicReport& r) { r.raw_peak_level_dbfs = -50; }},
        {"too loud", [](MicReport& r) { r.mic.clipped_samples = 12; }},
        {"noise", [](MicReport& r) { r.noise_floor_dbfs = -30; }},
    };
    for (const auto& one : cases) {
        auto report = healthy();
        one.spoil(report);
        const auto advice = mic_advice(report);
        ASSERT_EQ(advice.size(), 1U) << one.says;
        EXPECT_NE(advice.front().find(one.says), std::string::npos) << advice.front();
    }
}

TEST(MicText, TheJsonHasEveryFigure) {
    auto report = healthy();
    report.mic.clipped_samples = 7;
    const auto json = mic_json(report);
    EXPECT_EQ(json.at("device"), "USB Headset");
    EXPECT_EQ(json.at("heard_ms").to_number<int>(), 3000);
    EXPECT_NEAR(json.at("level_dbfs").as_double(), -24.4, 0.01);
    EXPECT_NEAR(json.at("way_ms").as_double(), 31.3, 0.01);
    EXPECT_EQ(json.at("clipped_samples").to_number<int>(), 7);
    for (const auto* name :
         {"sample_rate", "reported_latency_ms", "peak_dbfs", "raw_peak_level_dbfs",
          "noise_floor_dbfs", "gaps", "dropped_samples", "echo_delay_ms", "erle_db"})
        EXPECT_TRUE(json.contains(name)) << name;
}

}  // namespace
}  // namespace bridge::app
