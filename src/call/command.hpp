#pragma once
// What a person asks of a call: by a key of the live view, by the control API, by `agentbridge
// calls`. The desk (desk.hpp) carries it out, whoever asks.

#include <optional>
#include <string>
#include <variant>

#include "call/call_input.hpp"

namespace bridge::call {

namespace command {

/// The microphone, and full loudness.
struct Focus {};
/// Without `on`: the other way round from now.
struct Mute {
    std::optional<bool> on;
};
struct Hold {
    std::optional<bool> on;
    HoldSound sound = HoldSound::music;
};
/// Calls that are not solo are silent while one is.
struct Solo {
    std::optional<bool> on;
};
/// How loud it is heard here, 0 to 100 %; `relative`: so much more, or less.
struct Volume {
    int percent = 100;
    bool relative = false;
};
/// 0-9 * # A-D, w waits half a second.
struct Digits {
    std::string keys;
    bool in_band = false;
};
/// Checked by whoever asks: E.164, sip: or client:.
struct Transfer {
    std::string to;
    /// The far end waits on hold, hearing `sound`, while the person here talks to the target first
    /// (warm_transfer.hpp); else it is dialled through at once.
    bool warm = false;
    HoldSound sound = HoldSound::music;
};
/// The far end and the target of a warm transfer, of either of the two calls, are put together.
struct Join {};
/// The far end stays here: of a warm transfer, of either of the two calls, until they are joined;
/// of a cold one until somebody answers.
struct CancelTransfer {};
struct Accept {};
struct Reject {};
struct HangUp {
    std::string reason = "hung up here";
};
struct Clear {};
/// This agent has the call; empty: the person here has it, and no agent hears it.
struct SetAgent {
    std::string name;
};
/// Without `mode`: the person here takes over from the agent, or hands back to it.
struct AgentTurn {
    std::optional<AgentMode> mode;
};

/// It is recorded from now on; or the recording pauses, goes on, or ends.
struct Record {
    RecordingStatus status;                   ///< recording, paused or stopped
    std::optional<RecordingNotice> notice{};  ///< when it begins; nothing: as is set up
};
/// What is said is taken down from now on; or not any more.
struct Transcribe {
    bool on = true;
};

}  // namespace command

using Command =
    std::variant<command::Focus, command::Mute, command::Hold, command::Solo, command::Volume,
                 command::Digits, command::Transfer, command::Join, command::CancelTransfer,
                 command::Accept, command::Reject, command::HangUp, command::Clear,
                 command::SetAgent, command::AgentTurn, command::Record, command::Transcribe>;

}  // namespace bridge::call
