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

constexpr std::size_t kHeardBytes = 10UL * 60 * 8000;
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

/// The last ten minutes of what the phone heard.
class HeardRecord {
public:
    void add(const MulawFrame& frame) {
        if (bytes_.size() < kHeardBytes) {
            bytes_.insert(bytes_.end(), frame.begin(), frame.end());
            return;
        }
        static_assert(kHeardBytes % std::tuple_size_v<MulawFrame> == 0);
        std::copy(frame.begin(), frame.end(),
                  bytes_.begin() + static_cast<std::ptrdiff_t>(oldest_));
        oldest_ = (oldest_ + frame.size()) % kHeardBytes;
    }
    std::vector<std::uint8_t> all() const {
        std::vector<std::uint8_t> in_order(bytes_);
        std::rotate(in_order.begin(), in_order.begin() + static_cast<std::ptrdiff_t>(oldest_),
                    in_order.end());
        return in_order;
    }

private:
    std::vector<std::uint8_t> bytes_;
    std::size_t oldest_ = 0;
};

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
    void interrupt() override;
    std::vector<std::uint8_t> heard() const override { return record_.all(); }

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
    /// Two lines that hear each other. Owned by both and by the coroutine that waits.
    struct Bridge {
        explicit Bridge(const asio::any_io_executor& executor)
            : wait(std::make_shared<Wait>(executor)) {}
        std::shared_ptr<Wait> wait;
        std::weak_ptr<Line> lines[2];
        std::shared_ptr<Line> other_of(const Line* line) const {
            auto first = lines[0].lock();
            return first.get() == line ? lines[1].lock() : first;
        }
    };

    std::shared_ptr<Wait> new_wait();
    /// Waits, then forgets the wait; also when the coroutine is destroyed.
    asio::awaitable<void> wait_here(std::shared_ptr<Wait> wait);
    asio::awaitable<void> play_sound(std::shared_ptr<Sound> sound);
    void end_waits();
    void end_bridge();
    void arm();
    void turn();
    void tick();
    void hear_next(MulawFrame& frame);
    void hear_sound(MulawFrame& frame);
    void hear_bridged(MulawFrame& frame);
    void press(char digit);
    void tell_hung_up();

    asio::any_io_executor executor_;
    Options options_;
    std::unique_ptr<Persona> persona_;
    Timer timer_;
    Timer::time_point next_tick_{};
    bool answered_ = false, ended_ = false, hung_up_ = false;
    std::function<void()> tell_hung_up_;

    std::vector<std::shared_ptr<Wait>> waits_;
    std::shared_ptr<Sound> sound_;
    std::shared_ptr<StreamClient> connected_;             ///< the <Connect>ed stream
    std::vector<std::shared_ptr<StreamClient>> streams_;  ///< all of them
    std::shared_ptr<Bridge> bridge_;
    std::deque<MulawFrame> from_other_;  ///< said by the bridged phone, not heard yet
    std::deque<char> digits_;            ///< pressed, not gathered yet
    std::shared_ptr<Wait> digit_wait_;
    DtmfDetector tones_;
    HeardRecord record_;
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
    if (const auto stream = connected_) stream->stop();
    end_waits();
}

void Line::end_waits() {
    end_bridge();
    for (const auto& wait : std::exchange(waits_, {})) wait->end();
}

void Line::end_bridge() {
    if (const auto bridge = std::exchange(bridge_, nullptr)) bridge->wait->end();
    from_other_.clear();
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
    if (now - next_tick_ > options_.frame_time * kMaxLateFrames) next_tick_ = now;
    while (!ended_ && next_tick_ <= now) {
        next_tick_ += options_.frame_time;
        tick();
    }
    if (!ended_) arm();
}

void Line::tick() {
    MulawFrame spoken;
    spoken.fill(kMulawSilence);
    std::string pressed;
    bool hangs_up = false;
    if (!hung_up_) {
        hangs_up = persona_->speak(spoken) == Persona::Speech::hung_up;
        pressed = persona_->press();
    }
    if (hangs_up) spoken.fill(kMulawSilence);

    MulawFrame frame;
    frame.fill(kMulawSilence);
    hear_next(frame);
    if (!hung_up_) persona_->hear(frame);
    if (options_.record_heard) record_.add(frame);

    for (const char digit : pressed) press(digit);
    if (bridge_) {
        if (const auto other = bridge_->other_of(this)) {
            if (other->from_other_.size() >= kMaxBridgedFrames) other->from_other_.pop_front();
            other->from_other_.push_back(spoken);
        }
    }
    const auto streams = streams_;  // a report may end the call and with it all of them
    for (const auto& stream : streams) stream->frame(spoken, frame);

    if (hangs_up) {
        hung_up_ = true;
        tell_hung_up();
    }
}

// What the phone hears ---------------------------------------------------------------------------

void Line::hear_next(MulawFrame& frame) {
    const bool digits = sound_ && sound_->is_digits && !connected_ && !bridge_;
    if (connected_) {
        connected_->play(frame);
    } else if (bridge_) {
        hear_bridged(frame);
    } else if (sound_) {
        hear_sound(frame);
    }
    // Tones of <Play digits> are told by name; finding them in the sound too would count them
    // twice.
    if (digits) {
        tones_.reset();
    } else if (const auto digit = tones_.hear(frame); digit && !hung_up_) {
        persona_->hear_digit(*digit);
    }
}

void Line::hear_bridged(MulawFrame& frame) {
    if (from_other_.empty()) return;
    frame = from_other_.front();
    from_other_.pop_front();
}

void Line::hear_sound(MulawFrame& frame) {
    const auto sound = sound_;
    const std::size_t size = std::min(frame.size(), sound->mulaw.size() - sound->at);
    std::copy_n(sound->mulaw.begin() + static_cast<std::ptrdiff_t>(sound->at), size, frame.begin());
    sound->at += size;
    while (!sound->digits.empty() && sound->digits.front().first < sound->at) {
        if (!hung_up_) persona_->hear_digit(sound->digits.front().second);
        sound->digits.pop_front();
    }
    if (sound->at < sound->mulaw.size()) return;
    // Over with its last frame, so that the next sound follows without a gap.
    sound_.reset();
    sound->wait->end();
}

void Line::press(char digit) {
    if (connected_) {
        connected_->press(digit);
        return;
    }
    if (bridge_) {
        if (const auto other = bridge_->other_of(this); other && !other->hung_up_) {
            other->persona_->hear_digit(digit);
        }
        return;
    }
    if (digits_.size() < kMaxWaitingDigits) digits_.push_back(digit);
    if (digit_wait_) digit_wait_->end();
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
    auto stream = std::make_shared<StreamClient>(executor_, std::move(request), std::move(report));
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
    auto stream = std::make_shared<StreamClient>(executor_, std::move(request), std::move(report));
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
    end_bridge();
    line->end_bridge();
    auto bridge = std::make_shared<Bridge>(executor_);
    bridge->lines[0] = self;
    bridge->lines[1] = line;
    bridge_ = line->bridge_ = bridge;
    bridge->wait->timer.expires_after(limit);
    struct Part {
        std::shared_ptr<Line> lines[2];
        std::shared_ptr<Bridge> bridge;
        ~Part() {
            for (const auto& each : lines) {
                if (each->bridge_ == bridge) each->end_bridge();
            }
        }
    };
    const Part part{{self, line}, bridge};
    co_await until_over(bridge->wait);
}

}  // namespace

std::shared_ptr<CallLine> CallLine::make(asio::any_io_executor executor,
                                         std::unique_ptr<Persona> persona, Options options) {
    return std::make_shared<Line>(std::move(executor), std::move(persona), options);
}

}  // namespace bridge::emulator
