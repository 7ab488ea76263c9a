#pragma once
// What can go wrong, as a code a program can test and one sentence a person can act on.

#include <string>
#include <system_error>
#include <utility>

namespace bridge {

enum class Errc {
    bad_field = 1,    ///< a field of outside text is missing or has a value we cannot use
    not_json,         ///< text that should be JSON is not
    unknown_event,    ///< a message type we do not know
    too_large,        ///< over a stated limit
    bad_signature,    ///< a signature is missing or wrong
    refused,          ///< the other side, or our own policy, said no
    not_found,        ///< no such call, file, device, resource
    unreachable,      ///< no connection could be made; nothing was sent
    timed_out,        ///< no answer in time; it is unknown what the other side did
    connection_lost,  ///< the connection broke after something was sent
    protocol,         ///< the peer broke its protocol
    unauthorized,     ///< credentials were refused
    bad_config,       ///< a setting is missing or wrong
    no_device,        ///< an audio device that was asked for does not exist
    device_failed,    ///< the audio device or sound server refused or died
    io,               ///< file or system call failed
    cancelled,        ///< stopped on request
    exists,           ///< it is already there
    internal,         ///< our own mistake
};

const std::error_category& bridge_category() noexcept;
inline std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), bridge_category()};
}

/// `message` is one sentence: what happened, where, with the value that was wrong, and what to do.
struct Error {
    std::error_code code;
    std::string message;
};

}  // namespace bridge

template <>
struct std::is_error_code_enum<bridge::Errc> : std::true_type {};
