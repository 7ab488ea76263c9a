#include "app/keyboard.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr char kEscape = '\x1b';
/// The other programs of the terminal's session get its keys meanwhile; looked at again so often.
constexpr std::chrono::milliseconds kInBackground{500};

/// What a signal handler needs to put the terminal back. Written by the one Keyboard.
std::atomic<int> raw_fd{-1};  ///< the terminal that is set to single keys; -1: none is
termios cooked{};             ///< as it was

constexpr std::array kCrashes{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};
std::array<struct sigaction, kCrashes.size()> before_us{};

void on_crash(int number) {
    Keyboard::restore();
    // Whoever was to handle it does: it comes again as soon as this returns.
    for (std::size_t at = 0; at < kCrashes.size(); ++at) {
        if (kCrashes[at] == number) ::sigaction(number, &before_us[at], nullptr);
    }
    ::raise(number);
}

bool in_foreground(int fd) {
    return ::tcgetpgrp(fd) == ::getpgrp();
}

}  // namespace

std::vector<Key> KeyDecoder::feed(std::string_view bytes) {
    std::vector<Key> keys;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        const char byte = bytes[at];
        const auto code = static_cast<unsigned char>(byte);
        switch (state_) {
            case State::escape:
                if (byte == '[') {
                    state_ = State::sequence;
                } else {
                    // "ESC O A" of an application keypad, or Alt with a letter
                    state_ = byte == 'O' ? State::one_more : State::ground;
                }
                continue;
            case State::one_more:
                state_ = State::ground;
                continue;
            case State::sequence:
                if (code >= 0x40 && code <= 0x7e) state_ = State::ground;
                continue;
            case State::ground:
                break;
        }
        if (byte == kEscape) {
            if (at + 1 == bytes.size()) {
                keys.push_back({Key::Kind::escape, 0});
            } else {
                state_ = State::escape;
            }
        } else if (byte == '\t') {
            keys.push_back({Key::Kind::tab, 0});
        } else if (byte == '\r' || byte == '\n') {
            keys.push_back({Key::Kind::enter, 0});
        } else if (byte == '\b' || code == 0x7f) {
            keys.push_back({Key::Kind::backspace, 0});
        } else if (code >= 0x20 && code < 0x7f) {
            keys.push_back({Key::Kind::character, byte});
        }
    }
    return keys;
}

struct Keyboard::State : std::enable_shared_from_this<State> {
    State(asio::any_io_executor executor, int fd, Handler handler, std::function<void()> stops)
        : terminal(executor, fd),
          signals(executor, SIGTSTP, SIGCONT),
          pause(executor),
          on_key(std::move(handler)),
          before_stop(std::move(stops)) {}

    void raw() {
        const int fd = terminal.native_handle();
        if (raw_fd >= 0 || !in_foreground(fd) || ::tcgetattr(fd, &cooked) != 0) return;
        auto single = cooked;
        single.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        single.c_cc[VMIN] = 1;
        single.c_cc[VTIME] = 0;
        if (::tcsetattr(fd, TCSANOW, &single) == 0) raw_fd = fd;
    }

    void read() {
        terminal.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](
                                                                           error_code error) {
            if (error || !self->on_key) return;
            if (!in_foreground(self->terminal.native_handle())) {
                self->wait_for_foreground();
                return;
            }
            self->raw();
            std::array<char, 256> bytes{};
            const auto count = self->terminal.read_some(asio::buffer(bytes), error);
            if (error && error != asio::error::would_block && error != asio::error::interrupted &&
                error != asio::error::try_again)
                return;  // the terminal is gone
            for (const auto& key : self->decoder.feed({bytes.data(), error ? 0 : count})) {
                // A copy: the handler may destroy us.
                if (const auto tell = self->on_key) tell(key);
            }
            self->read();
        });
    }

    void wait_for_foreground() {
        pause.expires_after(kInBackground);
        pause.async_wait([self = shared_from_this()](error_code error) {
            if (!error && self->on_key) self->read();
        });
    }

    void wait_for_stop() {
        signals.async_wait([self = shared_from_this()](error_code error, int number) {
            if (error || !self->on_key) return;
            self->wait_for_stop();
            if (number == SIGCONT) {
                self->raw();
                return;
            }
            if (self->before_stop) self->before_stop();
            restore();
            ::raise(SIGSTOP);
        });
    }

    asio::posix::stream_descriptor terminal;
    asio::signal_set signals;
    asio::steady_timer pause;
    Handler on_key;
    std::function<void()> before_stop;
    KeyDecoder decoder;
};

std::unique_ptr<Keyboard> Keyboard::open(asio::any_io_executor executor, int fd, Handler on_key,
                                         std::function<void()> before_stop) {
    // The same terminal, opened anew: what we do to the descriptor (non-blocking) stays ours.
    std::array<char, 256> name{};
    if (::isatty(fd) != 1 || ::ttyname_r(fd, name.data(), name.size()) != 0) return nullptr;
    const int own = ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (own < 0) return nullptr;
    auto state = std::make_shared<State>(std::move(executor), own, std::move(on_key),
                                         std::move(before_stop));
    struct sigaction ours {};
    ours.sa_handler = on_crash;
    ::sigemptyset(&ours.sa_mask);
    for (std::size_t at = 0; at < kCrashes.size(); ++at)
        ::sigaction(kCrashes[at], &ours, &before_us[at]);
    state->raw();
    state->wait_for_stop();
    state->read();
    return std::unique_ptr<Keyboard>(new Keyboard(std::move(state)));
}

Keyboard::Keyboard(std::shared_ptr<State> state) : state_(std::move(state)) {}

Keyboard::~Keyboard() {
    state_->on_key = nullptr;
    state_->before_stop = nullptr;
    restore();
    error_code ignored;
    state_->signals.cancel(ignored);
    state_->pause.cancel();
    state_->terminal.cancel(ignored);
    state_->terminal.close(ignored);
    for (std::size_t at = 0; at < kCrashes.size(); ++at)
        ::sigaction(kCrashes[at], &before_us[at], nullptr);
}

void Keyboard::restore() noexcept {
    const int fd = raw_fd.exchange(-1);
    if (fd < 0) return;
    // Typed for us, and not to be taken for a command by the shell: TCSAFLUSH drops it. From the
    // background this would stop us.
    struct sigaction ignore {
    }, former{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGTTOU, &ignore, &former);
    ::tcsetattr(fd, TCSAFLUSH, &cooked);
    ::sigaction(SIGTTOU, &former, nullptr);
}

}  // namespace bridge::app
