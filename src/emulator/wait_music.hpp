#pragma once
// What is heard on hold and before a conference begins: a soft tune of our own in place of
// Twilio's, or what a waitUrl, HoldUrl or AnnounceUrl leads to.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <tl/expected.hpp>

#include "emulator/call_order.hpp"
#include "emulator/options.hpp"
#include "emulator/webhook_sender.hpp"

namespace bridge::emulator {

class PhoneCall;

struct WaitMusic {
    Mulaw mulaw;
    bool again = false;  ///< it begins anew at its end
};

/// Twilio's own addresses of hold music, for which our tune is played.
bool is_own_music(const std::string& url);
/// Eight seconds of soft chords at about −30 dBFS, without a seam at the end.
std::shared_ptr<const Mulaw> own_music();
/// 200 ms at 440 and 480 Hz together, two seconds of it in every six: what a caller hears while
/// the other phone rings.
std::shared_ptr<const Mulaw> ringback();
/// 200 ms of 800 Hz: somebody came or went.
std::shared_ptr<const Mulaw> own_beep();

/// A sound file plays again and again. A TwiML document may hold Say, Play, Pause and Redirect; it
/// begins anew only if it redirects to itself, and what follows its last verb is silence. Ten
/// minutes at most. Errors: those of webhooks and of TwiML (12100, 12300).
asio::awaitable<tl::expected<WaitMusic, WebhookFailure>> fetch_wait_music(
    std::shared_ptr<PhoneCall> call, Instruction from);

}  // namespace bridge::emulator
