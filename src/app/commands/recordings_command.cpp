// `agentbridge recordings`: what was recorded, heard, copied and deleted. Reads the folder itself:
// no program need run.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <ostream>
#include <utility>

#include "app/call_text.hpp"
#include "app/commands/commands.hpp"
#include "app/signals.hpp"
#include "audio/resample.hpp"
#include "audio/speaker_line.hpp"
#include "audio/wav.hpp"
#include "base/loop_clock.hpp"
#include "devices/device_factory.hpp"
#include "stores/recording_store.hpp"
#include "web/answers.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace json = boost::json;
using stores::RecordingFolder;
using stores::StoredRecording;

/// After the last sound, so that what the device holds is heard.
constexpr std::chrono::milliseconds kTail{300};

ExitCode told(Console& console, ExitCode exit, std::string_view message) {
    console.err << "agentbridge: " << message << "\n";
    return exit;
}

std::string forms_of(const StoredRecording& recording) {
    std::string out;
    for (const auto form : recording.forms)
        out += (out.empty() ? "" : ",") + std::string(stores::to_string(form));
    return out;
}

stores::RecordingFacts facts_of(const RecordingFolder& folder, const StoredRecording& recording) {
    return stores::read_recording_facts(folder.file(recording, recording.forms.front()))
        .value_or(stores::RecordingFacts{});
}

ExitCode list(const Invocation& invocation, const RecordingFolder& folder, Console& console) {
    const auto all = folder.list();
    json::array out;
    std::string table;
    for (const auto& one : all) {
        const auto facts = facts_of(folder, one);
        json::array forms;
        for (const auto form : one.forms) forms.emplace_back(std::string(stores::to_string(form)));
        out.push_back(json::object{{"name", one.name},
                                   {"call", one.call.str()},
                                   {"began", web::format_time(one.began)},
                                   {"duration_ms", facts.duration.count()},
                                   {"bytes", one.bytes},
                                   {"formats", std::move(forms)},
                                   {"live", one.live},
                                   {"source", facts.origin.by_carrier ? "twilio" : "bridge"}});
        table += fmt::format("{:40}  {:>8}  {:>8.1f} MB  {}{}{}\n", one.name,
                             format_elapsed(facts.duration), static_cast<double>(one.bytes) / 1e6,
                             forms_of(one), one.live ? "  recording" : "",
                             facts.origin.by_carrier ? "  by Twilio" : "");
    }
    if (invocation.json) {
        console.out << json::serialize(json::object{{"recordings", std::move(out)}}) << "\n";
    } else if (table.empty()) {
        console.err << fmt::format("no recordings in {}; `agentbridge call --record` makes one\n",
                                   folder.path().string());
    } else {
        console.out << table;
    }
    return ExitCode::ok;
}

ExitCode save(const RecordingFolder& folder, const StoredRecording& recording,
              const std::string& to, Console& console) {
    const fs::path path(to);
    const auto end = path.extension().string();
    const auto form = end.empty() ? std::nullopt : stores::parse_recording_form(end.substr(1));
    if (!form)
        return told(console, ExitCode::usage,
                    fmt::format("{}: name a file that ends in .wav, .flac or .opus", to));
    std::error_code error;
    if (fs::exists(path, error))
        return told(console, ExitCode::usage, fmt::format("{}: is there already", to));
    const auto& forms = recording.forms;
    if (std::find(forms.begin(), forms.end(), *form) != forms.end()) {
        fs::copy_file(folder.file(recording, *form), path, error);
        if (error)
            return told(console, ExitCode::failure,
                        fmt::format("{}: cannot be written ({})", to, error.message()));
    } else {
        const auto absolute = fs::absolute(path);
        const auto made =
            stores::convert_recording(folder.file(recording, forms.front()), absolute, *form);
        if (!made) return told(console, ExitCode::failure, made.error().message);
    }
    console.out << to << "\n";
    return ExitCode::ok;
}

/// The sound, 20 ms at a time.
class Playing {
public:
    Playing(asio::io_context& loop, std::shared_ptr<audio::SpeakerLine> line,
            std::vector<std::int16_t> samples)
        : loop_(loop), timer_(loop), line_(std::move(line)), samples_(std::move(samples)) {}

    void start() {
        due_ = asio::steady_timer::clock_type::now();
        next();
    }

private:
    void next() {
        if (at_ >= samples_.size()) {
            line_->end();
            timer_.expires_after(kTail);
            timer_.async_wait([this](boost::system::error_code) { loop_.stop(); });
            return;
        }
        audio::AudioFrame frame;
        const auto part = std::min(audio::kFrameSamples, samples_.size() - at_);
        std::copy_n(samples_.begin() + static_cast<std::ptrdiff_t>(at_), part, frame.pcm.begin());
        frame.at = std::chrono::milliseconds(at_ / audio::kSamplesPerMs);
        line_->write(frame);
        at_ += audio::kFrameSamples;
        due_ += audio::kFrameTime;
        timer_.expires_at(due_);
        timer_.async_wait([this](boost::system::error_code error) {
            if (!error) next();
        });
    }

    asio::io_context& loop_;
    asio::steady_timer timer_;
    const std::shared_ptr<audio::SpeakerLine> line_;
    const std::vector<std::int16_t> samples_;
    std::size_t at_ = 0;
    asio::steady_timer::time_point due_;
};

ExitCode play(const LoadedConfig& loaded, const fs::path& path, Console& console) {
    auto sound = audio::read_sound(path);
    if (!sound) return told(console, ExitCode::failure, sound.error().message);
    devices::DeviceOptions how;
    how.channels = loaded.config.channels;
    auto device = devices::make_sound(loaded.config.speaker, "none", how);
    if (!device) return told(console, exit_code_for(device.error()), device.error().message);
    if (!device->note.empty()) console.err << device->note << "\n";
    if (!device->speaker)
        return told(console, ExitCode::no_device,
                    "there is no sound device; `agentbridge recordings export` copies the file");
    asio::io_context loop{1};
    LoopClock clock(loop.get_executor());
    audio::PlayoutOptions playout;
    playout.ceiling = loaded.config.playout_ceiling();
    auto line = std::make_shared<audio::SpeakerLine>(clock, playout);
    auto exit = ExitCode::ok;
    if (device->speaker->attach(line)) {
        const Signals signals(loop.get_executor(), [&](Stop) {
            exit = ExitCode::interrupted;
            loop.stop();
        });
        Playing playing(loop, line,
                        audio::resample(sound->samples, sound->sample_rate, audio::kSampleRate));
        playing.start();
        loop.run();
        device->speaker->detach(line);
    }
    device->stop();
    return exit;
}

/// The history no longer says that the call was recorded, if that was its last recording.
Result<> unmark(const RecordingFolder& folder, const CallId& call, const Config& config,
                const HistoryParts& parts) {
    if (!parts.open || folder.of_call(call)) return {};
    const auto reading = parts.open(config, HistoryAccess::reading);
    if (!reading) return tl::unexpected(reading.error());
    auto found = (*reading)->find(call.str());
    if (!found) return tl::unexpected(found.error());
    // A live one is written by the program that has it.
    if (!*found || !(*found)->ended || !(*found)->recorded) return {};
    const auto writing = parts.open(config, HistoryAccess::writing);
    if (!writing) return tl::unexpected(writing.error());
    call::CallChange change{std::move(**found)};
    change.call.recorded = false;
    return (*writing)->write({change});
}

}  // namespace

Outcome<StoredRecording> choose_recording(const RecordingFolder& folder, const std::string& name) {
    std::vector<StoredRecording> found;
    for (auto& one : folder.list()) {
        if (one.name == name) return std::move(one);
        if (one.name.starts_with(name) || one.call.str().starts_with(name))
            found.push_back(std::move(one));
    }
    if (found.empty())
        return tl::unexpected(
            Failure{ExitCode::failure,
                    fmt::format("there is no recording {} in {}", name, folder.path().string())});
    if (found.size() > 1)
        return tl::unexpected(Failure{
            ExitCode::usage, fmt::format("{} recordings begin with {}, such as {} and {}",
                                         found.size(), name, found[0].name, found[1].name)});
    return std::move(found.front());
}

ExitCode run_recordings(const Invocation& invocation, const RecordingsCommand& command,
                        Console& console, const HistoryParts& parts) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const RecordingFolder folder(loaded->config.recording_folder());
    if (command.action == RecordingsCommand::Action::list) return list(invocation, folder, console);
    const auto recording = choose_recording(folder, command.name);
    if (!recording) return told(console, recording.error().exit, recording.error().message);
    switch (command.action) {
        case RecordingsCommand::Action::list:
            break;
        case RecordingsCommand::Action::play:
            return play(*loaded, folder.file(*recording, recording->forms.front()), console);
        case RecordingsCommand::Action::save:
            return save(folder, *recording, command.to, console);
        case RecordingsCommand::Action::remove:
            if (auto removed = folder.remove(recording->name); !removed)
                return told(console, ExitCode::failure, removed.error().message);
            console.out << fmt::format("{}  deleted\n", recording->name);
            if (auto done = unmark(folder, recording->call, loaded->config, parts); !done)
                return told(
                    console, ExitCode::failure,
                    "the history still says that the call was recorded: " + done.error().message);
            break;
    }
    return ExitCode::ok;
}

}  // namespace bridge::app
