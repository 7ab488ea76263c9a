#pragma once
// What an emulator can be told at its start.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "emulator/call_line.hpp"
#include "emulator/faults.hpp"
#include "emulator/persona.hpp"

namespace bridge::emulator {

using Mulaw = std::vector<std::uint8_t>;

/// Where sound comes from; tests put lines and voices of their own here.
struct Sound {
    std::function<std::shared_ptr<CallLine>(asio::any_io_executor, std::unique_ptr<Persona>,
                                            CallLine::Options)>
        make_line = &CallLine::make;
    std::function<Result<Mulaw>(const std::string& text)> say = &synthesize;
    std::function<Result<Mulaw>(std::string_view bytes, std::string_view content_type)> decode =
        &decode_audio;
};

struct EmulatorOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8010;               ///< 0: any free port
    std::string account_sid;                 ///< made if empty
    Secret auth_token;                       ///< made if empty
    std::map<std::string, Secret> api_keys;  ///< SK… → secret, for REST only
    bool trial = false;                      ///< an account of type Trial, with its limits

    std::vector<std::string> numbers;  ///< owned besides +15005550006
    bool any_from = false;             ///< any E.164 number may be the caller
    std::string voice_url;             ///< of every owned number, until REST changes it
    std::string voice_method = "POST";

    std::string ledger_file;  ///< appended; empty: memory only
    std::string ca_file;      ///< PEM trusted for https webhooks and wss streams
    std::string base_url;     ///< what it calls itself; empty: http://host:port

    PersonaBook personas;
    FaultBook faults;  ///< from the start; personas add theirs
    Sound sound;
    /// 20 ms of a call, for the lines; smaller runs media faster than real time.
    std::chrono::milliseconds frame_time{20};
    bool record_heard = true;
    /// Multiplies ringing, Timeout, TimeLimit, detection of machines, <Pause> and the waits of
    /// <Gather> and <Dial>; 1 is real time. Sound follows `frame_time` instead.
    double time_scale = 1.0;
    /// One call a second leaves the queue, as for a new Twilio account; off: at once.
    bool one_call_per_second = false;
    /// Hard limit of one webhook, in real time.
    std::chrono::milliseconds webhook_timeout{15'000};
};

}  // namespace bridge::emulator
