#pragma once
// The audio side of one emulated call, as the TwiML interpreter sees it: the phone's owner (a
// persona) at one end, whatever TwiML says at the other, in real time, 20 ms at a time, all in
// mu-law.
//
//   persona.speak() ─▶ CallLine ─▶ media streams (inbound track) · gather · room · said.wav
//   say/play · stream's playout FIFO · room · music ─▶ CallLine ─▶ persona.hear() · heard.wav

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emulator/call_trace.hpp"
#include "emulator/faults.hpp"
#include "emulator/persona.hpp"

namespace bridge::emulator {

namespace asio = boost::asio;

/// What is to go wrong with a stream.
struct StreamFaults {
    std::optional<Fault> socket, pace, tunnel;
    bool cut_off = false;  ///< the server's address leads nowhere at present
    /// Asked for each media message; empty: nothing is wrong.
    std::function<std::optional<Fault>()> next_frame;
    /// Told when the tunnel is to die, and for how long.
    std::function<void(std::chrono::milliseconds)> tunnel_dies;
    std::uint64_t seed = 0;
};

/// One <Stream> of TwiML, or one created by REST.
struct StreamRequest {
    std::string url;            ///< already absolute; not yet checked
    bool bidirectional = true;  ///< <Connect>; false: <Start> or REST
    std::string stream_sid;     ///< MZ…
    std::string account_sid, call_sid;
    std::string name;                     ///< defaults to the StreamSid
    std::string track = "inbound_track";  ///< inbound_track outbound_track both_tracks
    std::map<std::string, std::string> parameters;
    std::string signature;  ///< X-Twilio-Signature of the upgrade; empty: not sent
    std::string ca_file;
    StreamFaults faults;
};

/// What happened on a stream, for status callbacks, the ledger and the debugger.
struct StreamReport {
    std::string event;   ///< stream-started stream-stopped stream-error
    int error_code = 0;  ///< 31920, 31951, … with stream-error, and for warnings
    std::string error;
    bool warning = false;      ///< a debugger entry only (31950, 31951, 31931): the stream goes on
    std::uint64_t frames = 0;  ///< with the last one: 20 ms slices the stream has lasted
};

class CallLine;

/// Phones that hear each other, each all but itself: two in a <Dial>, more in a <Conference>. Lines
/// come and go by themselves.
struct Room {
    std::vector<std::weak_ptr<CallLine>> members;
};

/// Thread: the emulator's io thread. Destroying it ends everything.
class CallLine {
public:
    struct Options {
        /// How long 20 ms of the call take; tests shorten it. The times of `pause`, `next_digit`
        /// and `bridge` are real time all the same.
        std::chrono::milliseconds frame_time{20};
        bool record_heard = true;  ///< keep what the phone heard and said (bounded: an hour)
    };
    static std::shared_ptr<CallLine> make(asio::any_io_executor executor,
                                          std::unique_ptr<Persona> persona, Options options);
    virtual ~CallLine() = default;

    /// The call was answered: the persona's clock starts.
    virtual void answered() = 0;
    /// The call is over, whoever ended it: streams get `stop` and are closed, every wait below
    /// returns.
    virtual void end() = 0;
    /// Called once when the persona hangs up.
    virtual void on_persona_hung_up(std::function<void()> tell) = 0;

    /// Each of these returns early when the call ends or `interrupt` is called.
    /// Plays mu-law to the phone.
    virtual asio::awaitable<void> play(std::vector<std::uint8_t> mulaw) = 0;
    virtual asio::awaitable<void> pause(std::chrono::milliseconds time) = 0;
    /// Sends DTMF tones to the phone ("w" waits half a second) and tells the persona each digit.
    virtual asio::awaitable<void> play_digits(std::string digits) = 0;
    /// The next key the persona presses; nothing after `timeout`. Keys pressed before wait in a
    /// queue.
    virtual asio::awaitable<std::optional<char>> next_digit(std::chrono::milliseconds timeout) = 0;
    /// <Connect><Stream>: returns when the stream is over, for whatever reason.
    virtual asio::awaitable<void> connect_stream(
        StreamRequest request, std::function<void(const StreamReport&)> report) = 0;
    /// <Start><Stream> and REST: returns at once.
    virtual void start_stream(StreamRequest request,
                              std::function<void(const StreamReport&)> report) = 0;
    /// By name or StreamSid. False: no such stream.
    virtual bool stop_stream(const std::string& name) = 0;
    /// Faults for the streams that are up.
    virtual void misbehave(const StreamFaults& faults) = 0;
    /// The connections of all streams are cut: nobody says goodbye.
    virtual void cut_streams() = 0;
    /// <Dial>: the two phones hear each other until one line ends or `limit` passes.
    virtual asio::awaitable<void> bridge(std::shared_ptr<CallLine> other,
                                         std::chrono::seconds limit) = 0;

    /// Comes into a room and leaves the one before. Neither muted nor set aside at first.
    virtual void enter(std::shared_ptr<Room> room) = 0;
    /// Leaves the room, if it is in one; a `bridge` returns.
    virtual void leave_room() = 0;
    /// In a room: the others do not hear it.
    virtual void mute(bool muted) = 0;
    /// In a room: it neither hears the others nor is heard (on hold, or before the start).
    virtual void set_aside(bool aside) = 0;
    /// What the phone hears when there is nothing else, mu-law; null: silence.
    virtual void set_music(std::shared_ptr<const std::vector<std::uint8_t>> mulaw, bool again) = 0;
    /// Mixed into what the phone hears, whatever that is: a beep, an announcement.
    virtual void announce(const std::vector<std::uint8_t>& mulaw) = 0;

    /// New TwiML arrived: ends the current wait above (a connected stream gets `stop`), not the
    /// call.
    virtual void interrupt() = 0;

    /// What has been kept of the call so far.
    virtual std::shared_ptr<CallTrace> trace() const = 0;
};

}  // namespace bridge::emulator
