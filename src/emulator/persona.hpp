#pragma once
// Seam: the person (or machine) on the emulated phone.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge::emulator {

/// 20 ms of mu-law.
using MulawFrame = std::array<std::uint8_t, 160>;

/// What the phone does when it rings.
struct Reaction {
    enum class Kind { answer, busy, no_answer, failed, reject } kind = Kind::answer;
    std::chrono::milliseconds after{300};  ///< ringing time before it does so
    std::string answered_by = "human";  ///< verdict of machine detection: human machine_start fax
                                        ///< unknown machine_end_beep …
};

/// Thread: the emulator's io thread. One object for one call.
class Persona {
public:
    enum class Speech { speaking, silent, hung_up };

    virtual ~Persona() = default;
    virtual Reaction reaction() const = 0;
    /// Fills the next 20 ms of what the phone sends (silence is 0xFF) and says what it is doing.
    /// Called in real time from the moment it answers.
    virtual Speech speak(MulawFrame& out) = 0;
    /// The next 20 ms of what the phone hears.
    virtual void hear(const MulawFrame& frame) = 0;
    /// A DTMF digit the phone receives.
    virtual void hear_digit(char digit) = 0;
    /// Digits it presses now, to be sent as dtmf messages; empty most of the time. Asked every 20
    /// ms.
    virtual std::string press() = 0;
};

/// Makes personas from what a user writes: "greeting", "echo", "tone:440", "busy", "no-answer",
/// "failed", "reject", "voicemail", "wav:FILE", "say:TEXT", with options after commas
/// ("wav:hello.wav,ring=2s,hangup=no").
class PersonaBook {
public:
    /// The emulator's own numbers (+12025550100 greeting, …0101 echo, …); any other number: the
    /// default persona.
    PersonaBook();
    /// `number` E.164, "sip:…", "client:…" or "default". Errors: bad_config with the list of kinds; not_found for a
    /// missing file.
    Result<> assign(const std::string& number, const std::string& description);
    Result<std::unique_ptr<Persona>> make(const std::string& number) const;
    /// From a description, as for an incoming call.
    static Result<std::unique_ptr<Persona>> make_from(const std::string& description);
    /// number → description, for `help` and the API.
    const std::map<std::string, std::string>& assignments() const { return assignments_; }

private:
    std::map<std::string, std::string> assignments_;
};

/// Speech for <Say>, mu-law at 8 kHz (Flite's voice slt), about −16 dBFS while it speaks. Ten
/// seconds of speech take some 150 ms to make; the last 64 texts are remembered. White space alone
/// is no sound. Errors: too_large (over 4096 characters), internal. Thread: any; one text at a
/// time.
Result<std::vector<std::uint8_t>> synthesize(const std::string& text);
/// A WAV (or other file libsndfile reads; .ulaw .ul .mulaw .pcmu: raw mu-law) as mu-law at 8 kHz,
/// channels mixed to one. Errors: not_found, bad_field, too_large (over an hour).
Result<std::vector<std::uint8_t>> load_audio(const std::string& path);
/// The same from bytes fetched by <Play>. `content_type` as the server gave it: audio/basic,
/// audio/x-mulaw and their like are taken as raw mu-law when the bytes have no header.
Result<std::vector<std::uint8_t>> decode_audio(std::string_view bytes,
                                               std::string_view content_type = {});

}  // namespace bridge::emulator
