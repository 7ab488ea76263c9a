// `agentbridge transcript` and `transcribe`: what was said in a call, or in a sound file.

#include <fmt/format.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <utility>

#include "app/api_reader.hpp"
#include "app/commands/commands.hpp"
#include "app/control_client.hpp"
#include "app/instance.hpp"
#include "app/open_transcribers.hpp"
#include "app/recording_silence.hpp"
#include "app/signals.hpp"
#include "app/terminal.hpp"
#include "net/awaiting.hpp"
#include "transcribers/file_transcript.hpp"
#include "web/json.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace json = boost::json;

/// How often a running program is asked whether a transcript is made.
constexpr std::chrono::milliseconds kAskEvery{300};

std::string written(const call::TranscriptDocument& document, const std::string& format) {
    if (format == "json") return json::serialize(web::transcript_json(document)) + "\n";
    if (format == "srt") return format_transcript_srt(document);
    if (format == "vtt") return format_transcript_vtt(document);
    return format_transcript_text(document);
}

/// Runs one task on a loop of its own; Ctrl-C ends it.
ExitCode run_alone(asio::io_context& loop, asio::awaitable<void> task, const ExitCode& exit) {
    bool stopped = false;
    asio::cancellation_signal stop;
    const Signals signals(loop.get_executor(), [&](Stop) {
        stopped = true;
        stop.emit(asio::cancellation_type::terminal);
    });
    asio::co_spawn(loop, std::move(task),
                   asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr error) {
                       loop.stop();
                       if (error && !stopped) std::rethrow_exception(error);
                   }));
    loop.run();
    return stopped ? ExitCode::interrupted : exit;
}

// --- a call of a running program

struct Asked {
    TranscriptCommand command;
    std::string format;
    Console* console;
    ExitCode* exit;
};

asio::awaitable<Outcome<CallId>> find_call(std::shared_ptr<ControlClient> client,
                                           std::string name) {
    std::string get = "GET", path = "/calls?state=all&limit=200", nothing;
    auto list = co_await ControlClient::ask(client, get, path, nothing);
    if (!list) co_return tl::unexpected(list.error());
    auto found = choose_call(read_calls(*list), name);
    // One of a former run is known by its whole name alone.
    if (!found && name.starts_with("c_")) co_return CallId(name);
    co_return found;
}

/// Until it is made.
asio::awaitable<Outcome<json::value>> fetch(std::shared_ptr<ControlClient> client,
                                            std::string path) {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    for (;;) {
        std::string get = "GET", nothing;
        auto got = co_await ControlClient::ask(client, get, path, nothing);
        if (!got || !got->is_object() || !got->get_object().contains("making")) co_return got;
        pause.expires_after(kAskEvery);
        co_await pause.async_wait(net::kTuple);
    }
}

asio::awaitable<void> ask(std::shared_ptr<ControlClient> client, Asked asked) {
    const auto failed = [asked](const Failure& failure) {
        asked.console->err << "agentbridge: " << failure.message << "\n";
        *asked.exit = failure.exit;
    };
    auto id = co_await find_call(client, asked.command.id);
    if (!id) co_return failed(id.error());
    const auto path = "/calls/" + id->str() + "/transcript";
    if (asked.command.make) {
        std::string post = "POST", body = "{}", where = path;
        auto begun = co_await ControlClient::ask(client, post, where, body);
        if (!begun) co_return failed(begun.error());
    }
    auto got = co_await fetch(client, path);
    if (!got) co_return failed(got.error());
    asked.console->out << written(read_transcript(*got), asked.format);
    *asked.exit = ExitCode::ok;
}

// --- a sound file

/// On a terminal one line that changes, else nothing.
class Progress {
public:
    explicit Progress(Console& console) : console_(console) {}
    void show(const transcribers::FileProgress& progress) {
        if (!console_.terminal.redraw) return;
        const auto seconds = [](std::chrono::milliseconds time) { return time.count() / 1000; };
        auto line = fmt::format("taking down: {} s", seconds(progress.done));
        if (progress.length.count() > 0) line += fmt::format(" of {} s", seconds(progress.length));
        console_.err << "\r" << line << std::flush;
        shown_ = line.size();
    }
    void clear() {
        if (shown_ == 0) return;
        console_.err << "\r" << std::string(shown_, ' ') << "\r" << std::flush;
        shown_ = 0;
    }

private:
    Console& console_;
    std::size_t shown_ = 0;
};

/// What is taken down.
struct Sound {
    std::string file;
    std::optional<stores::StoredRecording> recording;  ///< a call's, kept by this program
};

/// A file of that name comes first, in the folder of recordings or elsewhere; then a recording.
Outcome<Sound> find_sound(const stores::RecordingFolder& folder, const std::string& name) {
    Sound out{name, {}};
    const fs::path path(name);
    std::error_code error;
    if (fs::exists(path, error)) {
        const auto ours = fs::weakly_canonical(folder.path(), error);
        if (!error && fs::weakly_canonical(path, error).parent_path() == ours)
            out.recording = folder.find(path.stem().string());
    } else if (name.find('/') == std::string::npos) {
        auto chosen = choose_recording(folder, name);
        if (!chosen && chosen.error().exit == ExitCode::usage)
            return tl::unexpected(chosen.error());
        if (chosen) {
            out.file = folder.file(*chosen, chosen->forms.front()).string();
            out.recording = std::move(*chosen);
        }
    }
    if (out.recording && out.recording->live)
        return tl::unexpected(
            Failure{ExitCode::failure,
                    fmt::format("{} is still being recorded; take it down when the call is over",
                                out.recording->name)});
    return out;
}

/// What its transcript leaves out is silence in a call's recording; other files stay as they are.
Result<> silence(const stores::RecordingFolder& folder, const stores::StoredRecording& recording,
                 std::vector<transcribers::RedactedSpan> redacted) {
    const auto facts =
        stores::read_recording_facts(folder.file(recording, recording.forms.front()));
    if (!facts) return tl::unexpected(facts.error());
    for (auto& span : redacted) {  // the file's time becomes the call's
        span.begin += facts->origin.offset;
        span.until += facts->origin.offset;
    }
    return folder.silence(recording.call, silent_spans(redacted));
}

asio::awaitable<void> take_down(std::shared_ptr<transcribers::Transcribers> transcribers,
                                stores::RecordingFolder folder, Sound sound, std::string format,
                                Console& console, ExitCode& exit) {
    const auto executor = co_await asio::this_coro::executor;
    Progress progress(console);
    std::function<void(const transcribers::FileProgress&)> show =
        [&progress](const transcribers::FileProgress& now) { progress.show(now); };
    auto making = transcribers::transcribe_file(transcribers, executor, CallId(), sound.file,
                                                std::chrono::milliseconds(0), std::move(show));
    auto made = co_await std::move(making);
    progress.clear();
    if (!made) {
        console.err << "agentbridge: " << made.error().message << "\n";
        exit = made.error().code == Errc::not_found || made.error().code == Errc::bad_field
                   ? ExitCode::usage
                   : ExitCode::failure;
        co_return;
    }
    const auto& document = made->document;
    if (sound.recording && !made->redacted.empty()) {
        if (auto done = silence(folder, *sound.recording, made->redacted); !done) {
            console.err << "agentbridge: " << done.error().message << "\n";
            exit = ExitCode::failure;
            co_return;
        }
        console.err << fmt::format("{} is silent now where [redacted] stands\n",
                                   sound.recording->name);
    }
    console.out << written(document, format);
    if (!document.complete)
        console.err << "agentbridge: not all of it was understood: the transcriber was away\n";
    exit = document.complete ? ExitCode::ok : ExitCode::failure;
}

}  // namespace

ExitCode show_transcript(const Invocation& invocation, const TranscriptCommand& command,
                         Console& console, const FormerTranscript& former) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const auto format = invocation.json ? std::string("json") : command.format;
    const auto running = running_instances(loaded->config.state_dir);
    const auto address = choose_instance(running, loaded->config, command.instance);
    const bool alone = !address && running.empty() && command.instance.empty();
    if (alone && former && !command.id.empty() && !command.make) {
        const auto kept = former(loaded->config, command.id);
        if (!kept) {
            console.err << "agentbridge: " << kept.error().message << "\n";
            return ExitCode::failure;
        }
        console.out << written(*kept, format);
        return ExitCode::ok;
    }
    if (!address) {
        console.err << "agentbridge: " << address.error().message << "\n";
        return address.error().exit;
    }
    asio::io_context loop{1};
    ExitCode exit = ExitCode::failure;
    auto client = std::make_shared<ControlClient>(loop.get_executor(), *address);
    return run_alone(loop, ask(client, {command, format, &console, &exit}), exit);
}

ExitCode transcribe_sound(const Invocation& invocation, const TranscribeCommand& command,
                          Console& console) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const LogSession log(*loaded, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    auto transcribers = open_transcribers(loaded->config, {}, "agentbridge/" AGENTBRIDGE_VERSION);
    if (!transcribers) {
        console.err << "agentbridge: " << transcribers.error().message << "\n";
        return ExitCode::configuration;
    }
    const stores::RecordingFolder folder(loaded->config.recording_folder());
    auto sound = find_sound(folder, command.file);
    if (!sound) {
        console.err << "agentbridge: " << sound.error().message << "\n";
        return sound.error().exit;
    }
    asio::io_context loop{1};
    ExitCode exit = ExitCode::failure;
    const auto format = invocation.json ? std::string("json") : command.format;
    const auto code = run_alone(
        loop, take_down(*transcribers, folder, std::move(*sound), format, console, exit), exit);
    // Its threads post to the loop.
    (*transcribers)->stop();
    return code;
}

}  // namespace bridge::app
