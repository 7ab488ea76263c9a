#pragma once
// Our own way to the terminal. Sound libraries print to file descriptor 2 when they look for
// devices; where they cannot be kept from it, it is sent elsewhere meanwhile
// (devices/quiet_libraries.hpp). What we have to say must not be lost with it.

#include <ostream>
#include <streambuf>
#include <string_view>

namespace bridge {

/// Keeps a second descriptor for what 2 is now; not inherited by programs we start. Once, first
/// thing in main. Without it (tests, or no descriptors left) everything goes to 2.
void keep_own_stderr() noexcept;
/// The kept descriptor, or 2.
int own_stderr() noexcept;
/// All of it, however many writes it takes; what a closed terminal refuses is gone. Thread: any.
void write_own_stderr(std::string_view text) noexcept;

/// A stream on it, without a buffer of its own beyond one expression's: like std::cerr. Thread: one
/// at a time.
class OwnStderrStream final : public std::ostream {
public:
    OwnStderrStream() : std::ostream(&buffer_) {}

private:
    class Buffer final : public std::streambuf {
        std::streamsize xsputn(const char* text, std::streamsize count) override {
            write_own_stderr({text, static_cast<std::size_t>(count)});
            return count;
        }
        int_type overflow(int_type c) override {
            if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
            const char one = traits_type::to_char_type(c);
            write_own_stderr({&one, 1});
            return c;
        }
    };
    Buffer buffer_;
};

}  // namespace bridge
