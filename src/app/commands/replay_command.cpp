// `agentbridge replay`: captured calls are done again, through the same code, and compared.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "app/commands/commands.hpp"
#include "audio/wav.hpp"
#include "base/log.hpp"
#include "capture/capture_store.hpp"
#include "capture/report.hpp"
#include "web/timeline_json.hpp"

namespace bridge::app {
namespace {

using capture::Micros;

constexpr std::size_t kShownDifferences = 5;

/// Where a replay is to stop: at a time, or at a word of an event; else nowhere.
struct Until {
    std::optional<Micros> time;
    std::string word;
};

Until parse_until(const std::string& text) {
    Until until;
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (text.empty() || (error == std::errc() && end == text.data() + text.size() && seconds >= 0 &&
                         seconds < 1e6)) {
        if (!text.empty()) until.time = Micros(static_cast<std::int64_t>(seconds * 1e6));
    } else {
        until.word = text;
    }
    return until;
}

/// A file, or a call whose capture lies in the state folder.
std::filesystem::path file_of(const std::string& named, const Config& config) {
    std::error_code ignored;
    if (std::filesystem::exists(named, ignored)) return named;
    const auto all = capture::CaptureStore({config.state_dir / "captures", "", {}, nullptr}).list();
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) {
        return !named.empty() && one.call.str().starts_with(named);
    });
    return found == all.end() ? std::filesystem::path(named) : found->file;
}

/// The two sounds of a replay, as far as they are wanted.
class Sounds {
public:
    Outcome<> open(const ReplayCommand& command) {
        speaker_file_ = command.speaker_wav;
        if (command.wav.empty()) return {};
        auto made = audio::WavWriter::create(command.wav, audio::kSampleRate);
        if (!made) return tl::unexpected(Failure{ExitCode::failure, made.error().message});
        phone_ = std::move(*made);
        return {};
    }
    bool wants_speaker() const { return !speaker_file_.empty(); }

    /// Silence up to where it was heard: what was sent ahead is heard after what was sent before.
    void phone(Micros at, std::span<const audio::AudioFrame> frames) {
        if (!phone_) return;
        const auto due = static_cast<std::uint64_t>(at.count()) * audio::kSamplesPerMs / 1000;
        static constexpr std::array<std::int16_t, audio::kFrameSamples> kNothingSaid{};
        while (written_ + audio::kFrameSamples <= due) {
            phone_->write(kNothingSaid);
            written_ += audio::kFrameSamples;
        }
        for (const auto& frame : frames) {
            phone_->write(frame.pcm);
            written_ += audio::kFrameSamples;
        }
    }
    void speaker(std::span<const float> samples, int sample_rate) {
        if (!speaker_ && failed_.empty()) {
            auto made = audio::WavWriter::create(speaker_file_, sample_rate);
            if (made) {
                speaker_ = std::move(*made);
            } else {
                failed_ = made.error().message;
            }
        }
        if (!speaker_) return;
        block_.resize(samples.size());
        std::transform(samples.begin(), samples.end(), block_.begin(), [](float sample) {
            return static_cast<std::int16_t>(
                std::clamp(std::lrint(sample * 32767.0F), -32768L, 32767L));
        });
        speaker_->write(block_);
    }
    const std::string& failed() const { return failed_; }

private:
    std::unique_ptr<audio::WavWriter> phone_, speaker_;
    std::string speaker_file_, failed_;
    std::uint64_t written_ = 0;
    std::vector<std::int16_t> block_;
};

class Player {
public:
    Player(const Invocation& invocation, const ReplayCommand& command, Console& console)
        : invocation_(invocation),
          command_(command),
          console_(console),
          until_(parse_until(command.until)) {}

    /// True: the call did the same again.
    bool play(const std::filesystem::path& file) {
        auto capture = capture::CaptureReader::open(file);
        if (!capture) return problem(capture.error().message);
        Sounds sounds;
        if (const auto opened = sounds.open(command_); !opened)
            return problem(opened.error().message);
        capture::Report report(command_.all);
        capture::ReplayOptions options;
        options.record = [&](const auto& record) { report.take(record); };
        options.output = [&](const capture::Output& output) {
            report.take(output);
            sounds.phone(output.at, output.frames);
        };
        std::unique_ptr<capture::Replay> replay;
        options.event = [&](const call::CallEvent& event) { report.take(event, replay->at()); };
        if (sounds.wants_speaker())
            options.speaker = [&](auto samples, int rate) { sounds.speaker(samples, rate); };
        replay = std::make_unique<capture::Replay>(std::move(*capture), std::move(options));
        run(*replay, report);
        show(file, *replay, report);
        if (!sounds.failed().empty()) return problem(sounds.failed());
        return replay->difference_count() == 0;
    }

private:
    bool problem(const std::string& what) {
        console_.err << "agentbridge: " << what << "\n";
        return false;
    }

    void run(capture::Replay& replay, capture::Report& report) {
        std::size_t shown = 0;
        while (replay.step()) {
            report.look(replay);
            const auto& moments = report.moments();
            if (until_.time && replay.at() >= *until_.time) return;
            for (; shown < moments.size(); ++shown) {
                const auto& moment = moments[shown];
                if (!until_.word.empty() && moment.text.find(until_.word) != std::string::npos) {
                    return;
                }
                if (command_.step && !wait(replay, moment)) return;
            }
        }
    }

    /// False: enough.
    bool wait(const capture::Replay& replay, const capture::Moment& moment) {
        const auto call = replay.call() ? replay.call()->snapshot() : call::CallSnapshot{};
        console_.out << fmt::format(
            "{:>10}  {:<7} {}   [ahead {:.0f} ms, depth {:.0f} ms, {} underruns]\n",
            capture::format_moment(moment.at), moment.lane, moment.text, call.outbound.lead_ms,
            call.playout ? call.playout->depth_ms : 0.0,
            call.playout ? call.playout->underruns : 0);
        console_.out.flush();
        if (skip_ > 0) {
            --skip_;
            return true;
        }
        console_.err << "Enter: next, a number: so many, c: to the end, q: stop > " << std::flush;
        std::string line;
        if (!std::getline(console_.in, line) || line == "q") return false;
        if (line == "c") skip_ = ~std::uint64_t{0};
        std::uint64_t count = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), count);
        if (error == std::errc() && end == line.data() + line.size() && count > 0)
            skip_ = count - 1;
        return true;
    }

    void show(const std::filesystem::path& file, const capture::Replay& replay,
              const capture::Report& report) {
        if (invocation_.json) {
            const auto timeline =
                replay.call()
                    ? web::timeline_text(
                          replay.call()->id(), replay.call()->timeline(),
                          std::chrono::duration_cast<std::chrono::milliseconds>(replay.at()))
                    : std::string();
            console_.out << capture::report_json(replay, report, timeline) << "\n";
            return;
        }
        if (command_.report) console_.out << capture::report_text(replay, report);
        const bool same = replay.difference_count() == 0;
        console_.out << fmt::format(
            "{}: {} of {} in {} turns, hash {}\n", file.filename().string(),
            same ? "the same again," : "SOMETHING ELSE:", capture::format_moment(replay.at()),
            replay.turns(), replay.hash());
        for (std::size_t i = 0; i < std::min(kShownDifferences, replay.differences().size()); ++i) {
            const auto& one = replay.differences()[i];
            console_.out << fmt::format("  {}  captured: {}\n  {:>{}}  replayed: {}\n",
                                        capture::format_moment(one.at),
                                        one.captured.empty() ? "nothing" : one.captured, "",
                                        capture::format_moment(one.at).size(),
                                        one.replayed.empty() ? "nothing" : one.replayed);
        }
        if (replay.difference_count() > kShownDifferences)
            console_.out << fmt::format("  … {} differences in all\n", replay.difference_count());
        if (!replay.damage().empty()) console_.out << "  " << replay.damage() << "\n";
    }

    const Invocation& invocation_;
    const ReplayCommand& command_;
    Console& console_;
    const Until until_;
    std::uint64_t skip_ = 0;
};

}  // namespace

ExitCode replay_captures(const Invocation& invocation, const ReplayCommand& command,
                         Console& console) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    // The call logs what it logged then; whoever wants to see that asks for it.
    auto quiet = *loaded;
    if (!invocation.settings.contains("LOG_LEVEL")) quiet.config.log_level = log::Level::error;
    const LogSession log(quiet, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    Player player(invocation, command, console);
    bool same = true;
    for (const auto& file : command.files) same &= player.play(file_of(file, loaded->config));
    return same ? ExitCode::ok : ExitCode::failure;
}

}  // namespace bridge::app
