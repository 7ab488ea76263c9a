#include "emulator/call_line.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>

#include "emulator/dtmf.hpp"
#include "emulator/mulaw.hpp"
#include "emulator/stream_client.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;
using Timer = asio::steady_timer;

constexpr std::size_t kMaxWaitingDigits = 64;
/// A machine that slept does not owe the call its sleep: behind by more, the clock starts anew.
constexpr int kMaxLateFrames = 500;
/// Frames a bridged phone may run ahead of the other: half the clocks' phase, or one stall.
constexpr std::size_t kMaxBridgedFrames = 25;

/// Something a coroutine waits for; ended by the line, by time, or by cancelling the coroutine.
struct Wait {
    explicit Wait(const asio::any_io_executor& executor) : timer(executor) {
        timer.expires_at(Timer::time_point::max());
    }
    void end() {
        over = true;
        timer.cancel();
    }
    Timer timer;
    bool over = false;
};

asio::awaitable<void> until_over(std::shared_ptr<Wait> wait) {
    if (wait->over) co_return;
    co_await wait->timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

bool is_silent(const MulawFrame& frame) {
    return std::all_of(frame.begin(), frame.end(),
                       [](std::uint8_t byte) { return (byte & 0x7FU) == 0x7FU; });
}

/// The sum of several voices. One voice alone stays as it is, byte for byte.
class Mix {
public:
    void add(const MulawFrame& voice) {
        if (is_silent(voice)) return;
        if (++voices_ == 1) {
            first_ = voice;
            return;
        }
        if (voices_ == 2) add_up(first_);
        add_up(voice);
    }
    /// Leaves `out` alone if nobody spoke.
    void to(MulawFrame& out) const {
        if (voices_ == 1) out = first_;
        if (voices_ < 2) return;
        std::transform(sum_.begin(), sum_.end(), out.begin(), [](int sample) {
            return mulaw_encode(static_cast<std::int16_t>(std::clamp(sample, -32768, 32767)));
        });
    }

private:
    void add_up(const MulawFrame& voice) {
        for (std::size_t k = 0; k < voice.size(); ++k) sum_[k] += mulaw_decode(voice[k]);
    }
    MulawFrame first_{};
    std::array<int, std::tuple_size_v<MulawFrame>> sum_{};
    int voices_ = 0;
};

/// The next 20 ms of a sound, silence where it has ended.
MulawFrame next_frame(const std::vector<std::uint8_t>& mulaw, std::size_t& at, bool again) {
    MulawFrame frame;
    frame.fill(kMulawSilence);
    std::size_t filled = 0;
    while (filled < frame.size() && !mulaw.empty()) {
        if (at >= mulaw.size()) {
            if (!again) break;
            at = 0;
        }
        const auto size = std::min(frame.size() - filled, mulaw.size() - at);
        std::copy_n(mulaw.begin() + static_cast<std::ptrdiff_t>(at), size,
                    frame.begin() + static_cast<std::ptrdiff_t>(filled));
        at += size;
        filled += size;
    }
    return frame;
}

class Line final : public CallLine, public std::enable_shared_from_this<Line> {
public:
    Line(asio::any_io_executor executor, std::unique_ptr<Persona> persona, Options options)
        : executor_(std::move(executor)),
          options_(options),
          persona_(std::move(persona)),
          timer_(executor_) {}
    ~Line() override { Line::end(); }

    void answered() override;
    void end() override;
    void on_persona_hung_up(std::function<void()> tell) override;

    asio::awaitable<void> play(std::vector<std::uint8_t> mulaw) override;
    asio::awaitable<void> pause(milliseconds time) override;
    asio::awaitable<void> play_digits(std::string digits) override;
    asio::awaitable<std::optional<char>> next_digit(milliseconds timeout) override;
    asio::awaitable<void> connect_stream(StreamRequest request,
                                         std::function<void(const StreamReport&)> report) override;
    void start_stream(StreamRequest request,
                      std::function<void(const StreamReport&)> report) override;
    bool stop_stream(const std::string& name) override;
    void misbehave(const StreamFaults& faults) override;
    void cut_streams() override;
    asio::awaitable<void> bridge(std::shared_ptr<CallLine> other,
                                 std::chrono::seconds limit) override;
    void enter(std::shared_ptr<Room> room) override;
    void leave_room() override;
    void mute(bool muted) override { muted_ = muted; }
    void set_aside(bool aside) override;
    void set_music(std::shared_ptr<const std::vector<std::uint8_t>> mulaw, bool again) override;
    void announce(const std::vector<std::uint8_t>& mulaw) override;
    void interrupt() override;
    std::shared_ptr<CallTrace> trace() const override { return trace_; }

private:
    /// What <Say>, <Play> and <Play digits> put on the line; digits are told to the persona as
    /// their tone begins.
    struct Sound {
        std::vector<std::uint8_t> mulaw;
        std::deque<std::pair<std::size_t, char>> digits;  ///< position in bytes, digit
        bool is_digits = false;
        std::size_t at = 0;
        std::shared_ptr<Wait> wait;
    };
    std::shared_ptr<Wait> new_wait();
    /// Waits, then forgets the wait; also when the coroutine is destroyed.
    asio::awaitable<void> wait_here(std::shared_ptr<Wait> wait);
    asio::awaitable<void> play_sound(std::shared_ptr<Sound> sound);
    void end_waits();
    void arm();
    void turn();
    void tick();
    void catch_up();
    std::vector<std::shared_ptr<Line>> others_in_room() const;
    bool in_room() const { return room_ && !aside_; }
    void tell_room(const MulawFrame& spoken);
    void hear_next(MulawFrame& frame);
    void hear_sound(MulawFrame& frame);
    void hear_room(MulawFrame& frame);
    void hear_announcement(MulawFrame& frame);
    void press(char digit);
    void tell_digit(char digit);
    std::int64_t now_ms() const { return static_cast<std::int64_t>(frames_) * 20; }
    void tell_hung_up();

    asio::any_io_executor executor_;
    Options options_;
    std::unique_ptr<Persona> persona_;
    Timer timer_;
    Timer::time_point next_tick_{};
    bool answered_ = false, ended_ = false, hung_up_ = false;
    bool ticking_ = false;
    std::size_t frames_ = 0;  ///< 20 ms each, since the answer
    std::function<void()> tell_hung_up_;

    std::vector<std::shared_ptr<Wait>> waits_;
    std::shared_ptr<Sound> sound_;
    std::shared_ptr<StreamClient> connected_;             ///< the <Connect>ed stream
    std::vector<std::shared_ptr<StreamClient>> streams_;  ///< all of them
    std::shared_ptr<Room> room_;
    std::shared_ptr<Wait> bridge_wait_;  ///< of the <Dial> that the room is for
    bool muted_ = false, aside_ = false;
    std::map<const Line*, std::deque<MulawFrame>> inbox_;  ///< said by the others, not heard yet
    std::shared_ptr<const std::vector<std::uint8_t>> music_;
    std::size_t music_at_ = 0;
    bool music_again_ = false;
    std::vector<std::uint8_t> announcement_;
    std::size_t announcement_at_ = 0;
    std::deque<char> digits_;            ///< pressed, not gathered yet
    std::shared_ptr<Wait> digit_wait_;
    DtmfDetector tones_;
    std::shared_ptr<CallTrace> trace_ = std::make_shared<CallTrace>();
};

void Line::answered() {
    if (answered_ || ended_) return;
    answered_ = true;
    next_tick_ = Timer::clock_type::now() + options_.frame_time;
    arm();
}

void Line::end() {
    if (ended_) return;
    ended_ = true;
    timer_.cancel();
    for (const auto& stream : std::exchange(streams_, {})) stream->stop();
    connected_.reset();
    end_waits();
}

void Line::interrupt() {
    if (const auto stream = std::exchange(connected_, nullptr)) stream->stop();
    end_waits();
}

void Line::end_waits() {
    leave_room();
    for (const auto& wait : std::exchange(waits_, {})) wait->end();
}

void Line::on_persona_hung_up(std::function<void()> tell) {
    tell_hung_up_ = std::move(tell);
    if (hung_up_) tell_hung_up();
}

// Posted, because whoever is told may end the line or let go of it.
void Line::tell_hung_up() {
    if (ended_ || !tell_hung_up_) return;
    asio::post(executor_, [line = weak_from_this()] {
        const auto self = line.lock();
        if (!self || self->ended_) return;
        if (const auto tell = std::exchange(self->tell_hung_up_, {})) tell();
    });
}

// The clock -------------------------------------------------------------------------------------

void Line::arm() {
    timer_.expires_at(next_tick_);
    timer_.async_wait([line = weak_from_this()](const boost::system::error_code& error) {
        if (error) return;
        if (const auto self = line.lock()) self->turn();
    });
}

// Deadlines are absolute: late frames are made up for in order, and the call never drifts.
void Line::turn() {
    const auto now = Timer::clock_type::now();
    if (now - next_tick_ > options_.frame_time * kMaxLateFrames) {
        const auto missed = (now - next_tick_) / options_.frame_time;
        next_tick_ += options_.frame_time * missed;
        frames_ += static_cast<std::size_t>(missed);
        if (options_.record_heard) {
            trace_->heard.skip(static_cast<std::size_t>(missed));
            trace_->said.skip(static_cast<std::size_t>(missed));
        }
    }
    while (!ended_ && next_tick_ <= now) {
        next_tick_ += options_.frame_time;
        tick();
    }
    if (!ended_) arm();
}

// Called by another line that runs in the same room and is ahead: ours is due, its timer merely
// comes later.
void Line::catch_up() {
    if (ended_ || !answered_ || ticking_ || next_tick_ > Timer::clock_type::now()) return;
    next_tick_ += options_.frame_time;
    tick();
}

void Line::tick() {
    const auto self = shared_from_this();
    ticking_ = true;
    MulawFrame spoken;
    spoken.fill(kMulawSilence);
    std::string pressed;
    bool hangs_up = false;
    if (!hung_up_) {
        hangs_up = persona_->speak(spoken) == Persona::Speech::hung_up;
        pressed = persona_->press();
    }
    if (hangs_up) spoken.fill(kMulawSilence);
    tell_room(spoken);

    MulawFrame frame;
    frame.fill(kMulawSilence);
    hear_next(frame);
    if (!hung_up_) persona_->hear(frame);
    if (options_.record_heard) {
        trace_->heard.add(frame);
        trace_->said.add(spoken);
    }

    for (const char digit : pressed) press(digit);
    const auto streams = streams_;  // a report may end the call and with it all of them
    for (const auto& stream : streams) stream->frame(spoken, frame);
    ++frames_;

    if (hangs_up) {
        hung_up_ = true;
        tell_hung_up();
    }
    ticking_ = false;
}

// What the phone hears ---------------------------------------------------------------------------

void Line::hear_next(MulawFrame& frame) {
    const bool digits = sound_ && sound_->is_digits && !connected_ && !in_room();
    if (connected_) {
        connected_->play(frame);
    } else if (in_room()) {
        hear_room(frame);
    } else if (sound_) {
        hear_sound(frame);
    } else if (music_) {
        frame = next_frame(*music_, music_at_, music_again_);
    }
    hear_announcement(frame);
    // Tones of <Play digits> are told by name; finding them in the sound too would count them
    // twice.
    if (digits) {
        tones_.reset();
    } else if (const auto digit = tones_.hear(frame); digit) {
        tell_digit(*digit);
    }
}

// Everybody speaks before anybody hears, and whoever is due and has not spoken yet is made to: the
// voices keep their places in time however late the timers come.
void Line::hear_room(MulawFrame& frame) {
    Mix mix;
    for (const auto& other : others_in_room()) {
        if (other->aside_) continue;
        if (inbox_[other.get()].empty()) other->catch_up();
        auto& said = inbox_[other.get()];
        if (said.empty()) continue;
        mix.add(said.front());
        said.pop_front();
    }
    mix.to(frame);
}

void Line::hear_announcement(MulawFrame& frame) {
    if (announcement_.empty()) return;
    Mix mix;
    mix.add(frame);
    mix.add(next_frame(announcement_, announcement_at_, false));
    mix.to(frame);
    if (announcement_at_ < announcement_.size()) return;
    announcement_.clear();
    announcement_at_ = 0;
}

void Line::hear_sound(MulawFrame& frame) {
    const auto sound = sound_;
    const std::size_t size = std::min(frame.size(), sound->mulaw.size() - sound->at);
    std::copy_n(sound->mulaw.begin() + static_cast<std::ptrdiff_t>(sound->at), size, frame.begin());
    sound->at += size;
    while (!sound->digits.empty() && sound->digits.front().first < sound->at) {
        tell_digit(sound->digits.front().second);
        sound->digits.pop_front();
    }
    if (sound->at < sound->mulaw.size()) return;
    // Over with its last frame, so that the next sound follows without a gap.
    sound_.reset();
    sound->wait->end();
}

void Line::tell_digit(char digit) {
    if (hung_up_) return;
    auto& heard = trace_->digits_heard;
    if (heard.size() >= CallTrace::kDigitsKept) heard.pop_front();
    heard.push_back({digit, now_ms()});
    persona_->hear_digit(digit);
}

void Line::press(char digit) {
    auto& pressed = trace_->digits_pressed;
    if (pressed.size() >= CallTrace::kDigitsKept) pressed.pop_front();
    pressed.push_back({digit, now_ms()});
    if (connected_) {
        connected_->press(digit);
        return;
    }
    if (in_room()) {
        for (const auto& other : others_in_room()) {
            if (!other->aside_) other->tell_digit(digit);
        }
        return;
    }
    if (digits_.size() < kMaxWaitingDigits) digits_.push_back(digit);
    if (digit_wait_) digit_wait_->end();
}

// Rooms ------------------------------------------------------------------------------------------

std::vector<std::shared_ptr<Line>> Line::others_in_room() const {
    std::vector<std::shared_ptr<Line>> others;
    if (!room_) return others;
    for (const auto& member : room_->members) {
        auto line = std::static_pointer_cast<Line>(member.lock());
        if (line && line.get() != this) others.push_back(std::move(line));
    }
    return others;
}

void Line::tell_room(const MulawFrame& spoken) {
    if (!in_room()) return;
    MulawFrame silence;
    silence.fill(kMulawSilence);
    for (const auto& other : others_in_room()) {
        if (other->aside_) continue;
        auto& inbox = other->inbox_[this];
        if (inbox.size() >= kMaxBridgedFrames) inbox.pop_front();
        inbox.push_back(muted_ ? silence : spoken);
    }
}

void Line::enter(std::shared_ptr<Room> room) {
    leave_room();
    if (ended_) return;
    room->members.push_back(weak_from_this());
    room_ = std::move(room);
}

void Line::leave_room() {
    if (const auto room = std::exchange(room_, nullptr)) {
        std::erase_if(room->members, [this](const std::weak_ptr<CallLine>& member) {
            const auto line = member.lock();
            return !line || line.get() == this;
        });
        for (const auto& member : room->members) {
            if (const auto line = std::static_pointer_cast<Line>(member.lock())) {
                line->inbox_.erase(this);
            }
        }
    }
    inbox_.clear();
    muted_ = aside_ = false;
    if (const auto wait = std::exchange(bridge_wait_, nullptr)) wait->end();
}

void Line::set_aside(bool aside) {
    if (aside_ == aside) return;
    aside_ = aside;
    // What was said before is not heard afterwards.
    inbox_.clear();
    for (const auto& other : others_in_room()) other->inbox_.erase(this);
}

void Line::set_music(std::shared_ptr<const std::vector<std::uint8_t>> mulaw, bool again) {
    music_ = std::move(mulaw);
    music_at_ = 0;
    music_again_ = again;
}

void Line::announce(const std::vector<std::uint8_t>& mulaw) {
    constexpr std::size_t kMost = 10UL * 60 * 8000;
    if (announcement_.size() + mulaw.size() > kMost) return;
    announcement_.insert(announcement_.end(), mulaw.begin(), mulaw.end());
}

// Waits ------------------------------------------------------------------------------------------

std::shared_ptr<Wait> Line::new_wait() {
    auto wait = std::make_shared<Wait>(executor_);
    waits_.push_back(wait);
    return wait;
}

asio::awaitable<void> Line::wait_here(std::shared_ptr<Wait> wait) {
    struct Forget {
        std::vector<std::shared_ptr<Wait>>& waits;
        std::shared_ptr<Wait> wait;
        ~Forget() { waits.erase(std::remove(waits.begin(), waits.end(), wait), waits.end()); }
    };
    const Forget forget{waits_, wait};
    co_await until_over(wait);
}

asio::awaitable<void> Line::play(std::vector<std::uint8_t> mulaw) {
    auto sound = std::make_shared<Sound>();
    sound->mulaw = std::move(mulaw);
    co_await play_sound(sound);
}

asio::awaitable<void> Line::play_digits(std::string digits) {
    auto sound = std::make_shared<Sound>();
    sound->is_digits = true;
    for (const char digit : digits) {
        if (is_dtmf_digit(digit)) sound->digits.emplace_back(sound->mulaw.size(), digit);
        const auto tone = dtmf_tones({&digit, 1});
        sound->mulaw.insert(sound->mulaw.end(), tone.begin(), tone.end());
    }
    co_await play_sound(sound);
}

asio::awaitable<void> Line::play_sound(std::shared_ptr<Sound> sound) {
    const auto self = shared_from_this();
    if (ended_ || sound->mulaw.empty()) co_return;
    if (sound_) sound_->wait->end();
    sound->wait = new_wait();
    sound_ = sound;
    struct Silence {
        Line& line;
        std::shared_ptr<Sound> sound;
        ~Silence() {
            if (line.sound_ == sound) line.sound_.reset();
        }
    };
    const Silence silence{*this, sound};
    co_await wait_here(sound->wait);
}

asio::awaitable<void> Line::pause(milliseconds time) {
    const auto self = shared_from_this();
    if (ended_ || time <= milliseconds::zero()) co_return;
    auto wait = new_wait();
    wait->timer.expires_after(time);
    co_await wait_here(std::move(wait));
}

asio::awaitable<std::optional<char>> Line::next_digit(milliseconds timeout) {
    const auto self = shared_from_this();
    if (ended_) co_return std::nullopt;
    if (digits_.empty() && timeout > milliseconds::zero()) {
        auto wait = new_wait();
        wait->timer.expires_after(timeout);
        digit_wait_ = wait;
        struct Stop {
            Line& line;
            std::shared_ptr<Wait> wait;
            ~Stop() {
                if (line.digit_wait_ == wait) line.digit_wait_.reset();
            }
        };
        const Stop stop{*this, wait};
        co_await wait_here(wait);
    }
    if (digits_.empty() || ended_) co_return std::nullopt;
    const char digit = digits_.front();
    digits_.pop_front();
    co_return digit;
}

// Streams ----------------------------------------------------------------------------------------

void Line::start_stream(StreamRequest request, std::function<void(const StreamReport&)> report) {
    if (ended_) return;
    auto stream = std::make_shared<StreamClient>(executor_, std::move(request), std::move(report),
                                                 options_.frame_time);
    streams_.push_back(stream);
    stream->start([line = weak_from_this(), over = stream.get()] {
        const auto self = line.lock();
        if (!self) return;
        std::erase_if(self->streams_, [over](const auto& known) { return known.get() == over; });
    });
}

bool Line::stop_stream(const std::string& name) {
    const auto found = std::find_if(streams_.begin(), streams_.end(), [&](const auto& stream) {
        return stream->request().name == name || stream->request().stream_sid == name;
    });
    if (found == streams_.end()) return false;
    const auto stream = *found;
    stream->stop();
    return true;
}

void Line::misbehave(const StreamFaults& faults) {
    const auto streams = streams_;
    for (const auto& stream : streams) stream->misbehave(faults);
}

void Line::cut_streams() {
    const auto streams = streams_;
    for (const auto& stream : streams) stream->cut("the tunnel is gone");
}

asio::awaitable<void> Line::connect_stream(StreamRequest request,
                                           std::function<void(const StreamReport&)> report) {
    const auto self = shared_from_this();
    if (ended_) co_return;
    auto wait = new_wait();
    auto stream = std::make_shared<StreamClient>(executor_, std::move(request), std::move(report),
                                                 options_.frame_time);
    auto& playouts = trace_->playouts;
    if (playouts.size() >= CallTrace::kPlayoutsKept) playouts.pop_front();
    playouts.push_back(stream->playout());
    streams_.push_back(stream);
    connected_ = stream;
    struct Disconnect {
        Line& line;
        std::shared_ptr<StreamClient> stream;
        ~Disconnect() {
            if (line.connected_ == stream) line.connected_.reset();
            std::erase(line.streams_, stream);
            stream->stop();
        }
    };
    const Disconnect disconnect{*this, stream};
    stream->start([weak = std::weak_ptr<Wait>(wait)] {
        if (const auto over = weak.lock()) over->end();
    });
    co_await wait_here(std::move(wait));
}

// <Dial> -----------------------------------------------------------------------------------------

asio::awaitable<void> Line::bridge(std::shared_ptr<CallLine> other, std::chrono::seconds limit) {
    const auto self = shared_from_this();
    const auto line = std::dynamic_pointer_cast<Line>(other);
    if (ended_ || !line || line->ended_ || line == self) co_return;
    auto room = std::make_shared<Room>();
    auto wait = std::make_shared<Wait>(executor_);
    enter(room);
    line->enter(room);
    bridge_wait_ = line->bridge_wait_ = wait;
    wait->timer.expires_after(limit);
    struct Part {
        std::shared_ptr<Line> lines[2];
        std::shared_ptr<Room> room;
        ~Part() {
            for (const auto& each : lines) {
                if (each->room_ == room) each->leave_room();
            }
        }
    };
    const Part part{{self, line}, room};
    co_await until_over(wait);
}

}  // namespace

std::shared_ptr<CallLine> CallLine::make(asio::any_io_executor executor,
                                         std::unique_ptr<Persona> persona, Options options) {
    return std::make_shared<Line>(std::move(executor), std::move(persona), options);
}

}  // namespace bridge::emulator
