#pragma once
// Runs the TwiML of one call: fetches documents, walks their verbs, follows actions and redirects,
// until nothing is left to do, the call ends, or REST hands it other TwiML.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emulator/call_order.hpp"
#include "emulator/conference.hpp"
#include "emulator/phone_call.hpp"
#include "emulator/twiml.hpp"

namespace bridge::emulator {

/// Thread: the emulator's.
class Interpreter {
public:
    /// Returns when the TwiML is through; hanging up then is the caller's part.
    static asio::awaitable<void> run(std::shared_ptr<PhoneCall> call, Instruction first);
    /// What a callee hears before it is connected. Returns early, with the redirect still waiting,
    /// if REST gives the callee other TwiML.
    static asio::awaitable<void> whisper(std::shared_ptr<PhoneCall> call, Instruction first);

private:
    explicit Interpreter(std::shared_ptr<PhoneCall> call);

    struct Document {
        XmlElement response;
        std::string url;  ///< relative URLs are resolved against it; empty for inline TwiML
        std::string method;
    };

    asio::awaitable<void> follow(Instruction instruction);
    asio::awaitable<std::optional<Document>> fetch(Instruction instruction);
    asio::awaitable<std::optional<Document>> request(Instruction instruction);
    std::optional<Document> read(const std::string& twiml, std::string url, std::string method);
    asio::awaitable<void> apologize();

    asio::awaitable<void> run_document();
    asio::awaitable<void> run_verb(const XmlElement& verb);
    /// Verbs that a trial account does not have.
    asio::awaitable<void> run_restricted(const XmlElement& verb);
    asio::awaitable<void> run_at_once(const XmlElement& verb);
    void complain_unknown(const XmlElement& verb);
    asio::awaitable<void> say(const XmlElement& verb);
    asio::awaitable<void> play(const XmlElement& verb);
    asio::awaitable<void> pause(const XmlElement& verb);
    void redirect(const XmlElement& verb);
    asio::awaitable<void> gather(const XmlElement& verb);
    asio::awaitable<void> connect(const XmlElement& verb);
    void start(const XmlElement& verb);
    void stop(const XmlElement& verb);
    asio::awaitable<void> dial(const XmlElement& verb);
    asio::awaitable<void> dial_phones(const XmlElement& verb);
    asio::awaitable<void> dial_conference(const XmlElement& verb, const XmlElement& noun);
    ParticipantOrder participant_order(const XmlElement& noun);

    struct Prompts;
    static asio::awaitable<void> run_prompts(Interpreter* self, const XmlElement* gather,
                                             std::shared_ptr<Prompts> prompts);
    struct DialBoard;
    static asio::awaitable<void> ring_leg(std::shared_ptr<PhoneCall> leg,
                                          std::shared_ptr<DialBoard> board);
    std::vector<CallOrder> dial_orders(const XmlElement& verb);
    /// True if the two have heard each other.
    asio::awaitable<bool> talk_to(std::shared_ptr<PhoneCall> leg, const XmlElement& verb,
                                  const CallOrder& order);

    asio::awaitable<void> speak(std::string text);
    /// "The <Stream> verb is not available …": what a trial account's caller hears instead.
    asio::awaitable<bool> refused_on_trial(std::string what);
    bool stream_order(const XmlElement& stream, bool bidirectional, StreamOrder& order);
    /// Sets the next document to an action URL with what the verb found out.
    void go_to_action(const XmlElement& verb, const std::string& otherwise, Fields extra);
    /// `text` resolved against the document.
    std::string absolute(const std::string& text) const;
    void complain(int code, const std::string& message);
    void warn(int code, const std::string& message);
    /// True if the document is not to be gone on with.
    bool done() const;

    std::shared_ptr<PhoneCall> call_;
    Exchange& exchange_;
    Document document_;
    std::optional<Instruction> next_;  ///< another document, asked for by the last verb
    bool hang_up_ = false;
    bool whispers_ = false;
    bool keys_interrupt_ = false;  ///< a key has ended the prompts of a <Gather>
    int documents_ = 0;
};

/// A whole number attribute, or `otherwise` when it is missing or no number.
long number_attribute(const XmlElement& element, const char* name, long otherwise);
/// The Content-Type without its parameters, in lower case.
std::string media_type(const net::HttpResponse& response);
/// "GET" or "POST".
std::string method_attribute(const XmlElement& element, const char* name);

}  // namespace bridge::emulator
