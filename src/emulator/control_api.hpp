#pragma once
// Scripting the emulator: /emulator/v1. No credentials, but only from this machine, and never from
// a web page of another site. JSON in and out; errors are {"error": code, "message": sentence} with
// 400, 404, 405 or 409.
//
//   POST /emulator/v1/incoming-call   {"from"?: "+1202…", "to"?: "+1500…", "persona"?: "say:Hello"}
//       Somebody (the persona; without one, the book's for `from`) rings an owned number (the first
//       one if `to` is missing; `from` is +12025550100 if missing).
//       201 {"sid": "CA…", "from", "to", "persona", "voice_url"} · 400 bad number or persona ·
//       404 "to" is not owned · 409 the number has no VoiceUrl
//   GET  /emulator/v1/ledger
//       {"calls": [{"sid", "parent_sid", "to", "from", "direction", "status", "created",
//       "answered",
//                   "ended", "call_seconds": 12.345, "billed_seconds": 60,
//                   "streams": [{"sid", "bidirectional", "opened", "closed"}]}],
//        "open": 0, "call_seconds": 12.345, "billed_seconds": 60}
//       Times are ISO 8601 UTC or null.
//   GET  /emulator/v1/debugger
//       {"entries": [{"sid": "NO…", "code": 12100, "level": "error"|"warning", "message",
//                     "call_sid": "CA…"|null, "time"}]}, oldest first; ?call_sid=CA… keeps one
//                     call's
//   GET  /emulator/v1/calls/{sid}/heard.wav   what the phone heard, WAV with mu-law at 8 kHz
//   GET  /emulator/v1/personas
//       {"personas": {"default": "greeting", "+12025550101": "echo", …}}
//   PUT  /emulator/v1/personas/{number}       {"persona": "busy"}; number is E.164 or "default"
//       200 {"number", "persona"}
//   GET  /emulator/v1/faults
//       {"create": "429:2000ms*3", "socket": "ok", …, "seed": 0,
//        "numbers": {"+12025550142": {"socket": "drop@2000ms", …}}, "calls": {"CA…": {…}}}
//   PUT  /emulator/v1/faults                  all of that or a part; what it does not name stays.
//       200 as GET · 400 with what may be written · 404 a call that is not there. What is wrong
//       with a stream begins at once on the streams that are up.
//   DELETE /emulator/v1/faults                nothing is wrong any more; 200 as GET
//       The vocabulary is in faults.hpp.
//   GET  /emulator/v1/vocabulary              personas and faults to choose from (vocabulary.hpp)
//   GET  /emulator/v1                         {"name", "account_sid", "numbers": ["+1…"], "open":
//   0}

#include <memory>

#include "emulator/exchange.hpp"
#include "net/http_message.hpp"

namespace bridge::emulator {

/// Thread: the emulator's.
class ControlApi {
public:
    explicit ControlApi(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
    net::HttpResponse handle(const net::HttpRequest& request);

private:
    net::HttpResponse incoming_call(const std::string& body);
    net::HttpResponse ledger() const;
    net::HttpResponse debugger(const std::string& call_sid) const;
    /// What there is of one call: `what` empty, heard.wav, said.wav or playout.
    net::HttpResponse call(const std::string& sid, const std::string& what,
                           const std::string& stream_sid) const;
    net::HttpResponse about(const PhoneCall& call) const;
    net::HttpResponse personas() const;
    net::HttpResponse assign_persona(const std::string& number, const std::string& body);
    net::HttpResponse change_faults(const std::string& body);

    std::shared_ptr<Exchange> exchange_;
};

/// True if the request may have come from a page of another site: it has an Origin that is not of
/// this machine.
bool from_foreign_page(const net::HttpRequest& request);

}  // namespace bridge::emulator
