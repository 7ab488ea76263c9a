// Who listens to a call from outside and speaks into it, over real sockets: the whole bridge, the
// whole emulator, and clients of the control API.

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <random>

#include "audio/mulaw.hpp"
#include "audio/wav.hpp"
#include "net/websocket_client.hpp"
#include "whole_bridge.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto kToken = "the-token-of-this-test";
/// Of the persona `echo`, in ms.
constexpr double kEchoDelay = 200;

/// Codes of mu-law that stand for themselves: 0x7F is a second zero.
std::string noise(std::size_t length, unsigned seed) {
    std::minstd_rand random(seed);
    std::string out(length, '\0');
    for (auto& code : out) {
        do code = static_cast<char>(random() % 256);
        while (code == '\x7f');
    }
    return out;
}

std::vector<std::int16_t> decoded(std::string_view codes) {
    std::vector<std::int16_t> out;
    for (const auto code : codes)
        out.push_back(audio::decode_mulaw(static_cast<std::uint8_t>(code)));
    return out;
}

/// A voice that speaks every letter in 80 ms, and never twice in another way (as Flite's noise is).
Result<std::vector<std::int16_t>> voice(const std::string& text) {
    return decoded(noise(text.size() * 640, 99));
}

std::string encoded(std::span<const std::int16_t> samples) {
    std::string out;
    for (const auto sample : samples) out += static_cast<char>(audio::encode_mulaw(sample));
    return out;
}

/// A thread for the clients, apart from the bridge's.
class ClientLoop {
public:
    ClientLoop() : thread_([this] { loop.run(); }) {}
    ~ClientLoop() {
        work_.reset();
        loop.stop();
        thread_.join();
    }
    asio::io_context loop;

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(loop);
    std::thread thread_;
};

/// One client of the audio socket.
class Ear : public std::enable_shared_from_this<Ear> {
public:
    static std::shared_ptr<Ear> open(ClientLoop& on, net::WebSocketTarget target) {
        auto ear = std::make_shared<Ear>();
        spawn(on.loop.get_executor(), "test ear", connect(ear, std::move(target)));
        std::unique_lock lock(ear->mutex_);
        ear->changed_.wait_for(lock, 20s, [&] { return ear->ready_; });
        return ear;
    }
    void send(ClientLoop& on, std::string text) {
        asio::post(on.loop, [self = shared_from_this(), text = std::move(text)] {
            if (self->socket_) self->socket_->send(text);
        });
    }
    void speak(ClientLoop& on, std::string bytes) {
        asio::post(on.loop, [self = shared_from_this(), bytes = std::move(bytes)] {
            if (self->socket_) self->socket_->send_binary(bytes);
        });
    }
    void leave(ClientLoop& on, bool rudely) {
        asio::post(on.loop, [self = shared_from_this(), rudely] {
            if (!self->socket_) return;
            if (rudely) {
                self->socket_->abort();
            } else {
                self->socket_->close(1000, "done");
            }
        });
    }

    bool hears(std::size_t bytes) {
        return until([&] { return sound_.size() >= bytes; });
    }
    bool is_told(std::string_view part) {
        return until([&] {
            return std::any_of(texts_.begin(), texts_.end(), [&](const std::string& text) {
                return text.find(part) != std::string::npos;
            });
        });
    }
    bool until_over() {
        return until([&] { return end_.has_value(); });
    }
    std::string sound() {
        const std::scoped_lock lock(mutex_);
        return sound_;
    }
    std::vector<SteadyTime> arrivals() {
        const std::scoped_lock lock(mutex_);
        return arrivals_;
    }
    net::WebSocketEnd end() {
        const std::scoped_lock lock(mutex_);
        return end_.value_or(net::WebSocketEnd{});
    }
    int status = 101;  ///< what came instead of the 101

private:
    static asio::awaitable<void> connect(std::shared_ptr<Ear> ear, net::WebSocketTarget target) {
        const auto executor = co_await asio::this_coro::executor;
        auto connecting = net::WebSocketClient::connect(executor, std::move(target));
        auto socket = co_await std::move(connecting);
        if (socket) {
            ear->socket_ = *socket;
            ear->socket_->start(
                [ear](std::span<const net::WebSocketMessage> batch) { ear->take(batch); },
                [ear](const net::WebSocketEnd& end) {
                    const std::scoped_lock lock(ear->mutex_);
                    ear->end_ = end;
                    ear->socket_.reset();
                    ear->changed_.notify_all();
                });
        } else {
            ear->status = socket.error().http_status;
        }
        const std::scoped_lock lock(ear->mutex_);
        ear->ready_ = true;
        ear->changed_.notify_all();
    }
    void take(std::span<const net::WebSocketMessage> batch) {
        const auto now = std::chrono::steady_clock::now();
        const std::scoped_lock lock(mutex_);
        for (const auto& one : batch) {
            if (one.text) {
                texts_.emplace_back(one.payload);
            } else {
                sound_ += one.payload;
                arrivals_.push_back(now);
            }
        }
        changed_.notify_all();
    }
    bool until(const std::function<bool()>& enough) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 20s, enough);
    }

    std::shared_ptr<net::WebSocketClient> socket_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool ready_ = false;
    std::vector<std::string> texts_;
    std::string sound_;
    std::vector<SteadyTime> arrivals_;
    std::optional<net::WebSocketEnd> end_;
};

struct Ears : CallControl {
    /// A phone that says these codes, over and over.
    std::string says(const std::string& codes) {
        const auto path = folder_ / ("says" + std::to_string(++scripts_) + ".wav");
        auto file = audio::WavWriter::create(path, audio::kSampleRate);
        EXPECT_TRUE(file && (*file)->write(decoded(codes)));
        return "wav:" + path.string() + ",hangup=no";
    }
    void begin(std::vector<std::pair<std::string, std::string>> personas, std::size_t workers = 1) {
        start(std::move(personas), [workers](BridgeOptions& options) {
            options.workers = workers;
            options.control.token = Secret{kToken};
            options.control.synthesize = voice;
        });
    }
    net::WebSocketTarget address(const std::string& call, const std::string& query) {
        net::WebSocketTarget target;
        target.url =
            "ws" + bridge_->control_url().substr(4) + "/api/v1/calls/" + call + "/audio?" + query;
        target.headers.set("Authorization", std::string("Bearer ") + kToken);
        return target;
    }
    std::shared_ptr<Ear> listen(const CallId& call, const std::string& query) {
        return Ear::open(clients_, address(call.str(), query));
    }
    net::HttpCall request(std::string method, const std::string& path, std::string body = {},
                          const std::string& type = "application/json") {
        net::HttpCall call;
        call.method = std::move(method);
        call.url = bridge_->control_url() + "/api/v1" + path;
        call.headers.set("Authorization", std::string("Bearer ") + kToken);
        if (!body.empty()) call.headers.set("Content-Type", type);
        call.body = std::move(body);
        return call;
    }
    std::string heard(const CallId& call) {
        const auto sid = snapshot(call).sid;
        net::HttpCall get;
        get.url = twilio_->base_url() + "/emulator/v1/calls/" + sid.str() + "/heard.wav";
        const auto answer = ask(std::move(get));
        EXPECT_EQ(answer.status, 200);
        auto sound = audio::read_wav(answer.body);
        return sound ? encoded(sound->samples) : std::string();
    }
    std::string metric(const std::string& name) {
        const auto all = render_metrics(bridge_->metrics());
        const auto at = all.find("\n" + name + " ");
        if (at == std::string::npos) return {};
        const auto from = at + name.size() + 2;
        return all.substr(from, all.find('\n', from) - from);
    }
    bool metric_is(const std::string& name, const std::string& value,
                   std::chrono::seconds limit = 20s) {
        const auto until = std::chrono::steady_clock::now() + limit;
        while (metric(name) != value) {
            if (std::chrono::steady_clock::now() > until) return false;
            std::this_thread::sleep_for(10ms);
        }
        return true;
    }
    void hang_up(const CallId& call) { post(call, input::HangUp{"test"}); }

    ClientLoop clients_;
};

/// Talks for as long as the sound is: 20 ms every 20 ms.
void talk(ClientLoop& clients, Ear& ear, const std::string& sound, std::size_t frame_bytes) {
    auto due = std::chrono::steady_clock::now();
    for (std::size_t at = 0; at + frame_bytes <= sound.size(); at += frame_bytes) {
        ear.speak(clients, sound.substr(at, frame_bytes));
        std::this_thread::sleep_until(due += 20ms);
    }
}

/// How many of the frames of `said` are in `heard`, in their order.
std::size_t frames_found(const std::string& said, const std::string& heard) {
    std::size_t found = 0, from = 0;
    for (std::size_t at = 0; at + 160 <= said.size(); at += 160) {
        const auto there = heard.find(said.substr(at, 160), from);
        if (there == std::string::npos) continue;
        ++found;
        from = there + 160;
    }
    return found;
}

TEST_F(Ears, EachHearsItsOwnPhoneBitForBitOnWhateverThread) {
    std::vector<std::string> said;
    std::vector<std::pair<std::string, std::string>> personas;
    for (unsigned i = 0; i < 4; ++i) {
        said.push_back(noise(8000 * 8, i + 1));
        personas.emplace_back("+1202555012" + std::to_string(i), says(said.back()));
    }
    begin(std::move(personas), 3);
    std::vector<CallId> calls;
    std::vector<std::shared_ptr<Ear>> mulaw, pcm;
    for (unsigned i = 0; i < 4; ++i) {
        calls.push_back(dial("+1202555012" + std::to_string(i)));
        mulaw.push_back(listen(calls.back(), "format=mulaw&side=far"));
        pcm.push_back(listen(calls.back(), "format=pcm16&side=far"));
    }
    for (unsigned i = 0; i < 4; ++i) {
        ASSERT_TRUE(mulaw[i]->hears(16000)) << i;
        ASSERT_TRUE(pcm[i]->hears(32000)) << i;
        const auto codes = mulaw[i]->sound().substr(8000, 4000);
        EXPECT_NE(said[i].find(codes), std::string::npos) << "call " << i;
        const auto bytes = pcm[i]->sound().substr(16000, 8000);
        std::vector<std::int16_t> samples(4000);
        std::memcpy(samples.data(), bytes.data(), bytes.size());
        EXPECT_NE(said[i].find(encoded(samples)), std::string::npos) << "call " << i;
        EXPECT_EQ(snapshot(calls[i]).listeners, 2U);
    }
    for (const auto& call : calls) hang_up(call);
    for (const auto& ear : mulaw) {
        EXPECT_TRUE(ear->is_told("\"end\""));
        EXPECT_TRUE(ear->until_over());
        EXPECT_EQ(ear->end().code, 1000);
    }
    EXPECT_TRUE(metric_is("agentbridge_listeners", "0"));
}

TEST_F(Ears, WhatIsSaidReachesThePhone) {
    begin({{kPhone, "silence,hangup=no"}}, 2);
    const auto call = dial();
    const auto mouth = listen(call, "format=mulaw&side=both&talk=1");
    const auto other = listen(call, "format=mulaw&side=near");
    mouth->send(clients_, R"({"type":"talk","on":true})");
    ASSERT_TRUE(mouth->is_told(R"("type":"talk","on":true)"));
    const auto said = noise(8000 * 3, 7);
    talk(clients_, *mouth, said, 160);
    const auto frames = said.size() / 160;
    EXPECT_TRUE(hears_us(call, frames * 9 / 10));
    EXPECT_GE(frames_found(said, heard(call)), frames * 9 / 10);
    EXPECT_GE(frames_found(said, other->sound()), frames * 9 / 10);
    EXPECT_EQ(frames_found(said, mouth->sound()), 0U) << "nobody hears itself";
    EXPECT_TRUE(metric_is("agentbridge_talkers", "1"));
    mouth->leave(clients_, true);
    EXPECT_TRUE(metric_is("agentbridge_talkers", "0", 2s)) << "its mouth is closed at once";
    EXPECT_EQ(snapshot(call).talkers, 0U);
    hang_up(call);
}

TEST_F(Ears, ThoseWhoDoNotReadAreCutOffAndCostTheCallNothing) {
    begin({{kPhone, says(noise(8000 * 30, 3))}});
    const auto call = dial();
    const auto reader = listen(call, "format=mulaw&side=far");
    asio::io_context loop;
    std::vector<asio::ip::tcp::socket> idle;
    const auto url = bridge_->control_url();
    const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    for (int i = 0; i < 50; ++i) {
        auto& socket = idle.emplace_back(loop);
        socket.connect({asio::ip::make_address("127.0.0.1"), port});
        asio::write(socket,
                    asio::buffer("GET /api/v1/calls/" + call.str() +
                                 "/audio HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
                                 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                 "Authorization: Bearer " +
                                 kToken + "\r\n\r\n"));
    }
    EXPECT_TRUE(metric_is("agentbridge_listeners", "51"));
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(metric_is("agentbridge_listeners_cut_off_total", "50"));
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_LT(took, 6500ms);
    EXPECT_GT(took, 3500ms);
    EXPECT_TRUE(metric_is("agentbridge_listeners", "1"));
    const auto now = snapshot(call);
    EXPECT_EQ(now.media.lost_ms, 0U);
    EXPECT_EQ(now.listeners, 1U);
    ASSERT_TRUE(reader->hears(8000 * 4));
    hang_up(call);
}

TEST_F(Ears, OnlyWhoMayAndForWhatThereIs) {
    begin({{kPhone, "silence,hangup=no"}});
    const auto call = dial();
    const auto with = [&](const std::string& name, const std::string& query,
                          const std::string& header = {}, const std::string& value = {}) {
        auto target = address(name, query);
        if (!header.empty()) target.headers.set(header, value);
        return Ear::open(clients_, std::move(target))->status;
    };
    EXPECT_EQ(with(call.str(), "", "Authorization", "Bearer other"), 401);
    EXPECT_EQ(with(call.str(), "", "Origin", "http://elsewhere.example"), 403);
    EXPECT_EQ(with(call.str(), "", "Origin", bridge_->control_url()), 101);
    EXPECT_EQ(with("c_nothing", ""), 404);
    EXPECT_EQ(with(call.str(), "format=mp3"), 422);
    EXPECT_EQ(with(call.str(), "side=left"), 422);
    EXPECT_EQ(with(call.str(), "talk=perhaps"), 422);
    EXPECT_EQ(with(snapshot(call).sid.str(), "format=pcm16&side=near&talk=1"), 101);
    const auto probe = listen(call, "");
    probe->send(clients_, R"({"type":"ping","id":17})");
    EXPECT_TRUE(probe->is_told(R"({"type":"pong","id":17})"));
    hang_up(call);
    ASSERT_TRUE(ended());
    EXPECT_TRUE(probe->until_over());
    EXPECT_EQ(with(call.str(), ""), 409);
}

TEST_F(Ears, SaysAndPlaysByRequest) {
    begin({{kPhone, "silence,hangup=no"}}, 2);
    const auto call = dial();
    const auto ear = listen(call, "format=mulaw&side=near");
    const auto path = "/calls/" + call.str();
    const auto said = ask(request("POST", path + "/say", R"({"text":"One moment, please."})"));
    ASSERT_EQ(said.status, 202) << said.body;
    EXPECT_EQ(json::parse(said.body).at("utterance").as_int64(), 1);
    const auto words = encoded(*voice("One moment, please."));
    EXPECT_EQ(json::parse(said.body).at("length_ms").as_int64(),
              static_cast<std::int64_t>(words.size() / 8));
    const auto played = noise(8000 * 2, 9);
    const auto file = folder_ / "played.wav";
    {
        auto writer = audio::WavWriter::create(file, audio::kSampleRate);
        ASSERT_TRUE(writer && (*writer)->write(decoded(played)));
    }
    std::ifstream in(file, std::ios::binary);
    const std::string wav((std::istreambuf_iterator<char>(in)), {});
    const auto answer = ask(request("POST", path + "/play", wav, "audio/wav"));
    ASSERT_EQ(answer.status, 202) << answer.body;
    EXPECT_EQ(json::parse(answer.body).at("length_ms").as_int64(), 2000);
    const auto limit = std::chrono::steady_clock::now() + 20s;
    auto at_phone = heard(call);
    while (frames_found(played, at_phone) < 100 && std::chrono::steady_clock::now() < limit)
        at_phone = heard(call);
    EXPECT_EQ(frames_found(played, at_phone), 100U);
    EXPECT_EQ(frames_found(words, at_phone), words.size() / 160);
    EXPECT_GE(frames_found(played, ear->sound()), 95U) << "in step with the phone";

    EXPECT_EQ(ask(request("POST", path + "/say", R"({"text":" "})")).status, 422);
    EXPECT_EQ(
        ask(request("POST", path + "/say", R"({"text":")" + std::string(2001, 'a') + "\"}")).status,
        422);
    EXPECT_EQ(ask(request("POST", path + "/play", "{}")).status, 415);
    EXPECT_EQ(ask(request("POST", path + "/play", "no sound", "audio/wav")).status, 422);
    EXPECT_EQ(ask(request("POST", path + "/say", std::string(70'000, ' '))).status, 413);
    EXPECT_EQ(ask(request("POST", path + "/play", std::string(21 << 20, ' '), "audio/wav")).status,
              413);
    hang_up(call);
    ASSERT_TRUE(ended());
    const auto timeline = ask(request("GET", path + "/timeline"));
    ASSERT_EQ(timeline.status, 200) << timeline.body;
    const auto seen = json::parse(timeline.body);
    EXPECT_EQ(seen.at("call").as_string(), call.str());
    EXPECT_EQ(seen.at("dropped_events").as_int64(), 0);
    std::size_t heard_to_the_end = 0;
    for (const auto& one : seen.at("events").as_array())
        heard_to_the_end += one.at("lane").as_string() == "mark" ? 1 : 0;
    EXPECT_EQ(heard_to_the_end, 2U) << timeline.body;
    EXPECT_GE(seen.at("samples").at("at_ms").as_array().size(), 2U);
}

TEST_F(Ears, WhatThePhoneSaysIsHeardSoon) {
    std::mutex mutex;
    std::vector<SteadyTime> came;
    struct Stamps final : audio::AudioSink {
        Stamps(std::mutex& guard, std::vector<SteadyTime>& into) : mutex(guard), times(into) {}
        void write(const audio::AudioFrame&) override {
            const std::scoped_lock lock(mutex);
            times.push_back(std::chrono::steady_clock::now());
        }
        std::mutex& mutex;
        std::vector<SteadyTime>& times;
    };
    start({{kPhone, says(noise(8000 * 20, 5))}}, [&](BridgeOptions& options) {
        options.control.token = Secret{kToken};
        options.listener = [&](const CallId&) { return std::make_shared<Stamps>(mutex, came); };
    });
    const auto call = dial();
    const auto ear = listen(call, "format=mulaw&side=far");
    ASSERT_TRUE(ear->hears(160 * 250));
    hang_up(call);
    ASSERT_TRUE(ended());
    auto arrivals = ear->arrivals();
    const std::scoped_lock lock(mutex);
    std::vector<double> late;
    // Each arrival belongs to the last frame before it.
    for (const auto at : arrivals) {
        const auto next = std::upper_bound(came.begin(), came.end(), at);
        if (next != came.begin())
            late.push_back(std::chrono::duration<double, std::milli>(at - *(next - 1)).count());
    }
    std::sort(late.begin(), late.end());
    ASSERT_GE(late.size(), 200U);
    const auto p95 = late[late.size() * 95 / 100];
    RecordProperty("phone_to_listener_p95_us", static_cast<int>(p95 * 1000));
    EXPECT_LT(p95, 20.0);
}

TEST_F(Ears, WhatIsSaidIsHeardByThePhoneSoon) {
    begin({{kPhone, "echo"}});
    const auto call = dial();
    const auto mouth = listen(call, "format=mulaw&side=far&talk=1");
    mouth->send(clients_, R"({"type":"talk","on":true})");
    ASSERT_TRUE(mouth->is_told(R"("type":"talk","on":true)"));
    const auto said = noise(160 * 250, 11);
    std::vector<SteadyTime> spoken;
    auto due = std::chrono::steady_clock::now();
    for (std::size_t at = 0; at < said.size(); at += 160) {
        spoken.push_back(std::chrono::steady_clock::now());
        mouth->speak(clients_, said.substr(at, 160));
        std::this_thread::sleep_until(due += 20ms);
    }
    ASSERT_TRUE(mouth->hears(mouth->sound().size() + 160 * 25));
    const auto sound = mouth->sound();
    const auto arrivals = mouth->arrivals();
    std::vector<double> round_trips;
    for (std::size_t i = 0; i < spoken.size(); ++i) {
        const auto there = sound.find(said.substr(i * 160, 160));
        if (there == std::string::npos) continue;
        // It is there with the message that brings its last sample.
        const auto back = arrivals.at((there + 159) / 160);
        round_trips.push_back(std::chrono::duration<double, std::milli>(back - spoken[i]).count());
    }
    ASSERT_GE(round_trips.size(), 225U);
    std::sort(round_trips.begin(), round_trips.end());
    const auto p50 = round_trips[round_trips.size() / 2];
    const auto p95 = round_trips[round_trips.size() * 95 / 100];
    RecordProperty("talker_phone_listener_p50_ms", static_cast<int>(p50));
    RecordProperty("talker_phone_listener_p95_ms", static_cast<int>(p95));
    EXPECT_LT(p95 - kEchoDelay, 200.0) << "beyond the phone's own delay";
    hang_up(call);
}

}  // namespace
}  // namespace bridge::app
