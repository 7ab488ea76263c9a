#pragma once
// Signs the upgrade request of a bot's socket as Twilio does, since many bots verify it
// (twilio.com/docs/usage/security).

#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace bridge::agents {

/// The value of X-Twilio-Signature for the bot at `url` (ws://… or wss://…). Twilio dials wss://
/// only and signs that, so this is what a bot computes, whatever stands between it and us.
std::string sign_upgrade(const Secret& auth_token, std::string_view url);

}  // namespace bridge::agents
