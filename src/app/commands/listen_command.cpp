// `agentbridge listen` and `talk`: a running program's call on the speakers and microphone of this
// terminal. Clients of the control API, as a browser is.
//
//   WebSocket ─▶ Heard: speaker, WAV file or stdout
//   Spoken: microphone or WAV file ─ 20 ms ─▶ WebSocket

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "app/api_reader.hpp"
#include "app/commands/commands.hpp"
#include "app/control_client.hpp"
#include "app/signals.hpp"
#include "audio/resample.hpp"
#include "audio/wav.hpp"
#include "base/loop_clock.hpp"
#include "devices/device_factory.hpp"
#include "net/websocket_client.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;

/// Nothing from the other side for so long, not even an answer to a ping: it is gone.
constexpr auto kSilence = 5s;
/// After the last word of a file, so that all of it is spoken before the mouth is closed.
constexpr std::size_t kTailFrames = 10;

Failure failure_of(ExitCode exit, std::string message) {
    return Failure{exit, std::move(message)};
}

/// Where it is heard.
class Heard {
public:
    Heard(const ListenCommand& command, Console& console, const Clock& clock)
        : raw_(command.raw), out_(console.out), clock_(clock) {}

    Outcome<> open(const ListenCommand& command, const std::shared_ptr<audio::AudioDevice>& speaker,
                   audio::PlayoutOptions playout) {
        if (!command.wav.empty()) {
            auto made = audio::WavWriter::create(command.wav, audio::kSampleRate);
            if (!made) return tl::unexpected(failure_of(ExitCode::failure, made.error().message));
            wav_ = std::move(*made);
        }
        if (!speaker) return {};
        line_ = std::make_shared<audio::SpeakerLine>(clock_, playout);
        if (!speaker->attach(line_))
            return tl::unexpected(failure_of(ExitCode::failure, "the sound device takes no more"));
        speaker_ = speaker;
        return {};
    }
    ~Heard() {
        if (line_) speaker_->detach(line_);
    }
    Heard(const Heard&) = delete;
    Heard& operator=(const Heard&) = delete;

    /// False: it cannot be written down any more.
    bool take(std::string_view bytes) {
        audio::AudioFrame frame;
        if (bytes.size() != sizeof frame.pcm) return true;
        std::memcpy(frame.pcm.data(), bytes.data(), bytes.size());
        if (raw_) out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
        if (raw_ && !out_) return false;
        if (wav_ && !wav_->write(frame.pcm)) return false;
        if (line_) {
            // Where nothing was sent for a while, there was silence.
            const auto now = clock_.now();
            const auto pause = now - last_;
            if (frames_ > 0 && pause > 10 * audio::kFrameTime)
                at_ += std::chrono::floor<std::chrono::milliseconds>(pause) - audio::kFrameTime;
            last_ = now;
            frame.at = at_;
            at_ += audio::kFrameTime;
            line_->write(frame);
        }
        ++frames_;
        return true;
    }
    std::chrono::milliseconds length() const { return frames_ * audio::kFrameTime; }

private:
    const bool raw_;
    std::ostream& out_;
    const Clock& clock_;
    std::unique_ptr<audio::WavWriter> wav_;
    std::shared_ptr<audio::AudioDevice> speaker_;
    std::shared_ptr<audio::SpeakerLine> line_;
    std::chrono::milliseconds at_{0};
    Clock::Time last_{};
    std::int64_t frames_ = 0;
};

/// What is said: a file, in its own time, or the microphone.
class Spoken {
public:
    Outcome<> open(const ListenCommand& command,
                   const std::shared_ptr<audio::Microphone>& microphone) {
        if (!command.file.empty()) {
            auto sound = audio::read_sound(command.file);
            if (!sound) return tl::unexpected(failure_of(ExitCode::usage, sound.error().message));
            samples_ = audio::resample(sound->samples, sound->sample_rate, audio::kSampleRate);
            samples_.resize(samples_.size() + kTailFrames * audio::kFrameSamples);
        }
        if (!microphone) return {};
        line_ = std::make_shared<audio::MicLine>();
        microphone->attach(line_);
        microphone_ = microphone;
        return {};
    }
    ~Spoken() {
        if (microphone_) microphone_->detach(line_);
    }
    Spoken() = default;
    Spoken(const Spoken&) = delete;
    Spoken& operator=(const Spoken&) = delete;

    /// The next 20 ms; false: they are not there.
    bool next(std::array<std::int16_t, audio::kFrameSamples>& pcm) {
        if (line_) {
            audio::MicFrame frame;
            while (line_->waiting() > 3 * audio::kFrameSamples && line_->read(frame)) {
            }
            if (!line_->read(frame)) return false;
            pcm = frame.pcm;
            return true;
        }
        if (at_ >= samples_.size()) return false;
        const auto part = std::min(pcm.size(), samples_.size() - at_);
        pcm.fill(0);
        std::copy_n(samples_.begin() + static_cast<std::ptrdiff_t>(at_), part, pcm.begin());
        at_ += part;
        return true;
    }
    bool over() const { return !line_ && at_ >= samples_.size(); }

private:
    std::shared_ptr<audio::Microphone> microphone_;
    std::shared_ptr<audio::MicLine> line_;
    std::vector<std::int16_t> samples_;
    std::size_t at_ = 0;
};

/// One listener from the open socket to its end. Thread: the loop's.
class Visit : public std::enable_shared_from_this<Visit> {
public:
    Visit(Clock& clock, Console& console, Heard& heard, Spoken* spoken,
          std::shared_ptr<net::WebSocketClient> socket, std::function<void(ExitCode)> done)
        : clock_(clock),
          console_(console),
          heard_(heard),
          spoken_(spoken),
          socket_(std::move(socket)),
          done_(std::move(done)) {}

    void start() {
        socket_->start(
            [self = shared_from_this()](std::span<const net::WebSocketMessage> batch) {
                for (const auto& one : batch) self->take(one);
            },
            [self = shared_from_this()](const net::WebSocketEnd& end) { self->ended(end); });
    }

    /// Ctrl-C.
    void stop() {
        if (std::exchange(leaving_, true)) return finish(ExitCode::ok);
        hush();
        socket_->close(1000, "done");
    }

private:
    void take(const net::WebSocketMessage& message) {
        if (!message.text) {
            if (!heard_.take(message.payload)) {
                console_.err << "agentbridge: what is heard cannot be written any more\n";
                exit_ = ExitCode::failure;
                stop();
            }
            return;
        }
        boost::system::error_code bad;
        const auto value =
            json::parse(json::string_view(message.payload.data(), message.payload.size()), bad);
        const auto* fields = bad ? nullptr : value.if_object();
        const auto* type = fields ? fields->if_contains("type") : nullptr;
        if (!type || !type->is_string()) return;
        const auto& word = type->get_string();
        if (word == "hello") {
            hello();
        } else if (word == "end") {
            over_ = true;
            const auto* reason = fields->if_contains("reason");
            console_.err << fmt::format(
                "the call is over{}\n",
                reason && reason->is_string() ? ": " + std::string(reason->get_string()) : "");
        } else if (word == "held") {
            const auto* on = fields->if_contains("on");
            console_.err << (on && on->is_bool() && on->get_bool() ? "on hold\n" : "off hold\n");
        } else if (word == "dropped") {
            console_.err << "some of it was lost: this side was too slow\n";
        }
    }

    void hello() {
        if (!spoken_) return;
        socket_->send(json::serialize(json::object{{"type", "talk"}, {"on", true}}));
        due_ = clock_.now();
        speak();
    }

    void speak() {
        if (leaving_ || over_) return;
        std::array<std::int16_t, audio::kFrameSamples> pcm;
        if (spoken_->next(pcm))
            socket_->send_binary({reinterpret_cast<const char*>(pcm.data()), sizeof pcm});
        if (spoken_->over()) return stop();
        due_ += audio::kFrameTime;
        timer_ = clock_.at(due_, [self = shared_from_this()] { self->speak(); });
    }

    void hush() {
        clock_.cancel(std::exchange(timer_, Clock::kNoTimer));
        if (spoken_) socket_->send(json::serialize(json::object{{"type", "talk"}, {"on", false}}));
    }

    void ended(const net::WebSocketEnd& end) {
        clock_.cancel(std::exchange(timer_, Clock::kNoTimer));
        if (over_ || leaving_) return finish(exit_);
        console_.err << fmt::format("agentbridge: the connection was lost{}{}\n",
                                    end.reason.empty() ? "" : ": ", end.reason);
        finish(ExitCode::failure);
    }

    void finish(ExitCode exit) {
        if (done_) std::exchange(done_, nullptr)(exit);
    }

    Clock& clock_;
    Console& console_;
    Heard& heard_;
    Spoken* const spoken_;  ///< null: it only listens
    const std::shared_ptr<net::WebSocketClient> socket_;
    std::function<void(ExitCode)> done_;
    Clock::TimerId timer_ = Clock::kNoTimer;
    Clock::Time due_{};
    ExitCode exit_ = ExitCode::ok;
    bool leaving_ = false, over_ = false;
};

using Connected = Outcome<std::shared_ptr<net::WebSocketClient>>;

std::string refusal(const net::ConnectFailure& failure, const std::string& url) {
    using Stage = net::ConnectFailure::Stage;
    if (failure.stage != Stage::handshake)
        return fmt::format("no agentbridge answers at {}: {}", url, failure.message);
    switch (failure.http_status) {
        case 401:
            return fmt::format("the token is not the one of {}; look into its instances/PID.json",
                               url);
        case 404:
            return "the call is not there any more";
        case 409:
            return "the call is over, or has as many listeners as it can have";
        default:
            return fmt::format("{} does not let anybody listen: {}", url, failure.message);
    }
}

/// The call that is meant, and a socket to it.
asio::awaitable<Connected> connect(ControlAddress address, ListenCommand command) {
    const auto executor = co_await asio::this_coro::executor;
    auto client = std::make_shared<ControlClient>(executor, address);
    std::string live;
    auto list = co_await ControlClient::list_calls(client, live);
    if (!list) co_return tl::unexpected(list.error());
    const auto calls = read_calls(*list);
    const auto id = choose_call(calls, command.id);
    if (!id) co_return tl::unexpected(id.error());
    net::WebSocketTarget target;
    // http: is ws:, and https: is wss:
    target.url = fmt::format("ws{}/api/v1/calls/{}/audio?format=pcm16&side={}&talk={}",
                             address.url.substr(4), *id, command.side, command.talk ? 1 : 0);
    target.headers.set("Authorization", "Bearer " + address.token.reveal());
    target.ping_interval = 1s;
    target.silence_limit = kSilence;
    auto connecting = net::WebSocketClient::connect(executor, std::move(target));
    auto socket = co_await std::move(connecting);
    if (!socket)
        co_return tl::unexpected(
            failure_of(ExitCode::failure, refusal(socket.error(), address.url)));
    co_return std::move(*socket);
}

asio::awaitable<void> connect_into(ControlAddress address, ListenCommand command, Connected* into) {
    *into = co_await connect(std::move(address), std::move(command));
}

ExitCode visit(ControlAddress address, const ListenCommand& command, const LoadedConfig& loaded,
               const devices::Sound& sound, Console& console) {
    asio::io_context loop{1};
    LoopClock clock(loop.get_executor());
    Heard heard(command, console, clock);
    audio::PlayoutOptions playout;
    playout.ceiling = loaded.config.playout_ceiling();
    Spoken spoken;
    const auto told = [&console](const Failure& failure) {
        console.err << "agentbridge: " << failure.message << "\n";
        return failure.exit;
    };
    if (auto ready = heard.open(command, sound.speaker, playout); !ready)
        return told(ready.error());
    if (auto ready = spoken.open(command, sound.microphone); !ready) return told(ready.error());
    auto exit = ExitCode::interrupted;
    std::shared_ptr<Visit> visit;
    asio::cancellation_signal stop;
    const Signals signals(loop.get_executor(), [&](Stop) {
        if (visit) return visit->stop();
        stop.emit(asio::cancellation_type::terminal);
    });
    Connected socket = tl::unexpected(failure_of(ExitCode::interrupted, {}));
    asio::co_spawn(loop, connect_into(std::move(address), command, &socket),
                   asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr error) {
                       if (error || !socket) return loop.stop();
                       visit = std::make_shared<Visit>(clock, console, heard,
                                                       command.talk ? &spoken : nullptr, *socket,
                                                       [&](ExitCode how) {
                                                           exit = how;
                                                           loop.stop();
                                                       });
                       visit->start();
                   }));
    loop.run();
    if (!socket && !socket.error().message.empty()) return told(socket.error());
    if (!command.wav.empty())
        console.err << fmt::format("{:.1f} s are in {}\n",
                                   std::chrono::duration<double>(heard.length()).count(),
                                   command.wav);
    return exit;
}

}  // namespace

ExitCode listen_to_call(const Invocation& invocation, const ListenCommand& command,
                        Console& console) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const auto running = running_instances(loaded->config.state_dir);
    const auto address = choose_instance(running, loaded->config, command.instance);
    if (!address) {
        console.err << "agentbridge: " << address.error().message << "\n";
        return address.error().exit;
    }
    // Who speaks with the microphone hears the call too; a file only speaks.
    const bool speaker = !command.raw && command.wav.empty() && command.file.empty();
    const bool microphone = command.talk && command.file.empty();
    devices::DeviceOptions how;
    how.channels = loaded->config.channels;
    how.mic = loaded->config.mic;
    auto sound =
        devices::make_sound(speaker ? loaded->config.speaker : std::string("none"),
                            microphone ? loaded->config.microphone : std::string("none"), how);
    if (!sound) {
        console.err << "agentbridge: " << sound.error().message << "\n";
        return exit_code_for(sound.error());
    }
    for (const auto& note : {sound->note, sound->mic_note}) {
        if (!note.empty()) console.err << note << "\n";
    }
    if (microphone && !sound->microphone) {
        console.err << "agentbridge: there is no microphone; --file WAV speaks a sound file\n";
        sound->stop();
        return ExitCode::no_device;
    }
    const auto exit = visit(*address, command, *loaded, *sound, console);
    sound->stop();
    return exit;
}

}  // namespace bridge::app
