#pragma once
// What was asked of a call, by a REST create, an owned number's settings or a <Dial>.

#include <chrono>
#include <memory>
#include <set>
#include <string>

#include "emulator/form.hpp"
#include "emulator/persona.hpp"

namespace bridge::emulator {

/// Where the next TwiML comes from: a URL, or the document itself.
struct Instruction {
    std::string url;
    std::string method = "POST";
    std::string twiml;
    Fields extra;  ///< added to the request: Digits, DialCallStatus, …
};

struct MachineDetection {
    std::string mode;  ///< "", Enable, DetectMessageEnd
    std::chrono::milliseconds timeout{30'000};
    bool async = false;
    std::string callback, callback_method = "POST";
};

struct CallOrder {
    std::string to, from;
    std::string direction = "outbound-api";  ///< inbound outbound-api outbound-dial
    std::string parent_call_sid, phone_number_sid;
    std::string forwarded_from;
    Instruction first;
    std::string fallback_url, fallback_method = "POST";
    std::string status_callback, status_callback_method = "POST";
    std::set<std::string> status_events{"completed"};  ///< initiated ringing answered completed
    std::string send_digits;
    std::chrono::milliseconds ring_timeout{60'000};
    std::chrono::milliseconds time_limit{14'400'000};
    MachineDetection machine_detection;
    std::string persona;  ///< a description; empty: the book's persona for the phone's number
};

}  // namespace bridge::emulator
