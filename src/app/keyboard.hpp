#pragma once
// Single keys from the terminal, as they are pressed: no line, no echo.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bridge::app {

struct Key {
    enum class Kind { character, tab, enter, backspace, escape };
    Kind kind = Kind::character;
    char character = 0;  ///< printable ASCII
    bool operator==(const Key&) const = default;
};

/// From the bytes of a terminal to keys. Arrows, function keys, pasted-text marks and letters
/// beyond ASCII are no keys of ours and vanish whole. An escape that nothing follows in the same
/// piece is the Esc key.
class KeyDecoder {
public:
    std::vector<Key> feed(std::string_view bytes);

private:
    enum class State { ground, escape, sequence, one_more };
    State state_ = State::ground;
};

/// Reads the terminal of `fd` (stdin) through a descriptor of its own, so that nothing changes for
/// whoever shares stdin. While it lives the terminal gives single keys; Ctrl-C and Ctrl-Z stay
/// signals. The terminal is put back as it was by the destructor, on a stop by Ctrl-Z, and when the
/// program crashes. In the background nothing is read and nothing changed; brought to the
/// foreground it goes on. At most one exists. Thread: the executor's.
class Keyboard {
public:
    using Handler = std::function<void(const Key&)>;
    /// Null: `fd` is no terminal, or cannot be used. `before_stop`: called before a Ctrl-Z stops
    /// the program, to clear the screen.
    static std::unique_ptr<Keyboard> open(boost::asio::any_io_executor executor, int fd,
                                          Handler on_key, std::function<void()> before_stop);
    ~Keyboard();
    Keyboard(const Keyboard&) = delete;
    Keyboard& operator=(const Keyboard&) = delete;

    /// Puts the terminal back at once, for an exit that runs no destructor.
    static void restore() noexcept;

private:
    struct State;
    explicit Keyboard(std::shared_ptr<State> state);
    const std::shared_ptr<State> state_;
};

}  // namespace bridge::app
