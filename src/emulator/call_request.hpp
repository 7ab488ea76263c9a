#pragma once
// The parameters of a call's create and update requests, checked as Twilio checks them.

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "emulator/call_order.hpp"
#include "emulator/form.hpp"

namespace bridge::emulator {

/// For what Twilio refuses too, but under a code that we do not know for certain: the answer has
/// none.
inline constexpr int kNoCode = 0;

struct RestError {
    int status = 400;
    int code = 0;
    std::string message;
};

/// What a create asks for; who may call from which number is not looked at. Errors: 21201 21211
/// 21213 21212 21205 21218 21209 21206 21208 21234 32018 20001, and kNoCode.
tl::expected<CallOrder, RestError> read_call_create(const Fields& form);

/// What an update asks for; what it does not name is not changed.
struct CallUpdate {
    std::string status;  ///< "", canceled, completed
    std::optional<Instruction> redirect;
    std::optional<std::string> fallback_url, fallback_method;
    std::optional<std::string> status_callback, status_callback_method;
    std::optional<std::chrono::milliseconds> time_limit;
};
tl::expected<CallUpdate, RestError> read_call_update(const Fields& form);

}  // namespace bridge::emulator
