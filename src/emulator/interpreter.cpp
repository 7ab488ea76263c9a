#include "emulator/interpreter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "emulator/exchange.hpp"
#include "emulator/sid.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

XmlElement one_verb(const char* name, std::string text) {
    XmlElement verb;
    verb.name = name;
    verb.text = std::move(text);
    XmlElement response;
    response.name = "Response";
    response.children.push_back(std::move(verb));
    return response;
}

}  // namespace

std::string media_type(const net::HttpResponse& response) {
    const auto header = response.headers.find("Content-Type");
    if (!header) return {};
    auto type = std::string(header->substr(0, header->find(';')));
    type.erase(std::remove(type.begin(), type.end(), ' '), type.end());
    std::transform(type.begin(), type.end(), type.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return type;
}

long number_attribute(const XmlElement& element, const char* name, long otherwise) {
    const auto text = element.attribute(name);
    if (!text || text->empty() || text->size() > 9 ||
        text->find_first_not_of("0123456789") != std::string::npos) {
        return otherwise;
    }
    return std::stol(*text);
}

std::string method_attribute(const XmlElement& element, const char* name) {
    const auto text = element.attribute_or(name, "POST");
    return text == "GET" || text == "get" ? "GET" : "POST";
}

Interpreter::Interpreter(std::shared_ptr<PhoneCall> call)
    : call_(std::move(call)), exchange_(call_->exchange()) {}

asio::awaitable<void> Interpreter::run(std::shared_ptr<PhoneCall> call, Instruction first) {
    Interpreter interpreter(std::move(call));
    co_await interpreter.follow(std::move(first));
}

asio::awaitable<void> Interpreter::whisper(std::shared_ptr<PhoneCall> call, Instruction first) {
    Interpreter interpreter(std::move(call));
    interpreter.whispers_ = true;
    co_await interpreter.follow(std::move(first));
}

bool Interpreter::done() const {
    return call_->interrupted() || hang_up_ || next_.has_value();
}

void Interpreter::complain(int code, const std::string& message) {
    exchange_.debugger.error(code, message, call_->sid());
}

void Interpreter::warn(int code, const std::string& message) {
    exchange_.debugger.warning(code, message, call_->sid());
}

std::string Interpreter::absolute(const std::string& text) const {
    return document_.url.empty() ? text : resolve_url(document_.url, text);
}

asio::awaitable<void> Interpreter::follow(Instruction instruction) {
    constexpr int kTrialDocuments = 10;
    constexpr int kHastyDocuments = 50;  // a document that redirects to itself would never end
    int hasty = 0;
    while (!call_->over()) {
        if (whispers_ && call_->interrupted()) co_return;
        if (auto other = call_->take_redirect()) instruction = *std::move(other);
        if (exchange_.account.trial && ++documents_ > kTrialDocuments) {
            complain(10002, "A trial account may follow ten actions and redirects in one call.");
            co_return;
        }
        next_.reset();
        const auto begun = steady_clock::now();
        auto document = co_await fetch(instruction);
        if (call_->over()) co_return;
        if (call_->interrupted()) continue;
        if (!document) {
            co_await apologize();
            if (!call_->over() && call_->interrupted()) continue;
            co_return;
        }
        document_ = *std::move(document);
        co_await run_document();
        if (call_->over()) co_return;
        hasty = steady_clock::now() - begun < milliseconds(100) ? hasty + 1 : 0;
        if (hasty > kHastyDocuments) {
            complain(11215, "Too many redirects: fifty documents and none took any time.");
            co_return;
        }
        if (call_->interrupted()) continue;
        if (hang_up_ || !next_) co_return;
        instruction = *next_;
    }
}

asio::awaitable<void> Interpreter::apologize() {
    if (!call_->answered()) call_->answer();
    co_await speak("We are sorry. An application error has occurred. Goodbye.");
}

std::optional<Interpreter::Document> Interpreter::read(const std::string& twiml, std::string url,
                                                       std::string method) {
    auto parsed = parse_twiml(twiml);
    if (!parsed) {
        complain(parsed.error().code, parsed.error().message);
        return std::nullopt;
    }
    for (const auto& warning : parsed->warnings) warn(warning.code, warning.message);
    return Document{std::move(parsed->response), std::move(url), std::move(method)};
}

asio::awaitable<std::optional<Interpreter::Document>> Interpreter::fetch(Instruction instruction) {
    if (!instruction.twiml.empty()) co_return read(instruction.twiml, {}, "POST");
    const auto known = exchange_.debugger.entries().empty()
                           ? std::string{}
                           : exchange_.debugger.entries().back().sid;
    auto document = co_await request(instruction);
    if (document || call_->interrupted()) co_return document;
    const auto& order = call_->order();
    if (order.fallback_url.empty() || order.fallback_url == instruction.url) co_return std::nullopt;
    auto fallback = Instruction{order.fallback_url, order.fallback_method, {}, instruction.extra};
    const auto& entries = exchange_.debugger.entries();
    if (!entries.empty() && entries.back().sid != known) {
        fallback.extra.emplace_back("ErrorCode", std::to_string(entries.back().code));
    }
    fallback.extra.emplace_back("ErrorUrl", instruction.url);
    co_return co_await request(std::move(fallback));
}

asio::awaitable<std::optional<Interpreter::Document>> Interpreter::request(
    Instruction instruction) {
    const auto fault = exchange_.faults.take(Switch::voice, call_->fault_scope());
    if (fault && fault->is("delay")) co_await call_->ended().wait_for(fault->time());
    if (call_->over()) co_return std::nullopt;
    if (fault && fault->is("lost")) {
        complain(11205, "HTTP connection failure: " + instruction.url + " (a fault)");
        co_return std::nullopt;
    }
    Webhook webhook;
    webhook.url = instruction.url;
    webhook.method = instruction.method;
    webhook.fields = call_->webhook_fields();
    for (auto& field : instruction.extra) webhook.fields.push_back(std::move(field));
    if (!call_->record().answered_by.empty()) {
        webhook.fields.emplace_back("MachineDetectionDuration",
                                    std::to_string(call_->record().detection_time.count()));
    }
    webhook.total = exchange_.account.trial
                        ? std::min(milliseconds(5000), exchange_.options.webhook_timeout)
                        : exchange_.options.webhook_timeout;
    webhook.scope = call_->fault_scope();
    if (fault && fault->is("twice")) {
        auto first = webhook;
        co_await exchange_.webhooks->send(std::move(first));
    }
    auto answer = co_await exchange_.webhooks->send(std::move(webhook));
    if (!answer) {
        complain(answer.error().code, answer.error().message);
        co_return std::nullopt;
    }
    const auto type = media_type(answer->response);
    if (type == "text/xml" || type == "application/xml" || type == "text/html") {
        co_return read(answer->response.body, answer->url, answer->method);
    }
    if (type == "text/plain") {
        co_return Document{one_verb("Say", answer->response.body), answer->url, answer->method};
    }
    if (type.rfind("audio/", 0) == 0) {
        co_return Document{one_verb("Play", answer->url), answer->url, answer->method};
    }
    complain(12300, fmt::format("Invalid Content-Type: '{}' from {}", type, answer->url));
    co_return std::nullopt;
}

asio::awaitable<void> Interpreter::run_document() {
    bool first = true;
    for (const auto& verb : document_.response.children) {
        if (done()) co_return;
        if (!is_voice_verb(verb.name)) continue;
        if (verb.name == "Reject") {
            if (!first || call_->answered()) {
                warn(12200, "<Reject> works only as the first verb of a call not answered yet.");
                continue;
            }
            // Which status a plain rejection leaves behind is not documented; busy is for "busy".
            const bool busy = verb.attribute_or("reason", "rejected") == "busy";
            call_->finish(busy ? "busy" : "no-answer", busy ? 486 : 603);
            co_return;
        }
        if (verb.name == "Pause" && !call_->answered()) {
            // Before the first other verb a pause lets the phone ring on.
            co_await call_->ended().wait_for(
                exchange_.scaled(seconds(number_attribute(verb, "length", 1))));
            continue;
        }
        const bool later = verb.name == "Redirect" ||
                           (verb.name == "Dial" && verb.attribute("answerOnBridge") == "true");
        if (!later) call_->answer();
        co_await run_verb(verb);
        first = false;
    }
}

asio::awaitable<void> Interpreter::run_verb(const XmlElement& verb) {
    if (verb.name == "Say") return say(verb);
    if (verb.name == "Play") return play(verb);
    if (verb.name == "Pause") return pause(verb);
    if (verb.name == "Gather") return gather(verb);
    if (verb.name == "Connect") return connect(verb);
    if (verb.name == "Dial") return dial(verb);
    if (verb.name == "Start" || verb.name == "Record") return run_restricted(verb);
    return run_at_once(verb);
}

asio::awaitable<void> Interpreter::run_restricted(const XmlElement& verb) {
    const bool refused = co_await refused_on_trial(verb.name);
    if (refused) co_return;
    if (verb.name == "Start") {
        start(verb);
    } else {
        complain_unknown(verb);
    }
}

asio::awaitable<void> Interpreter::run_at_once(const XmlElement& verb) {
    if (verb.name == "Hangup") {
        hang_up_ = true;
    } else if (verb.name == "Redirect") {
        redirect(verb);
    } else if (verb.name == "Stop") {
        stop(verb);
    } else {
        complain_unknown(verb);
    }
    co_return;
}

void Interpreter::complain_unknown(const XmlElement& verb) {
    complain(12200, fmt::format("line {}: this emulator does not run <{}>; it goes on with the "
                                "next verb",
                                verb.line, verb.name));
}

asio::awaitable<bool> Interpreter::refused_on_trial(std::string what) {
    if (!exchange_.account.trial) co_return false;
    warn(10002, "<" + what + "> is not available on trial accounts.");
    co_await speak("The " + what + " verb is not available on trial accounts.");
    co_return true;
}

asio::awaitable<void> Interpreter::speak(std::string text) {
    auto audio = exchange_.speech(text);
    if (!audio) {
        complain(12400, "Speech could not be made: " + audio.error().message);
        co_return;
    }
    co_await call_->line().play(*std::move(audio));
}

asio::awaitable<void> Interpreter::say(const XmlElement& verb) {
    const auto text = trimmed(verb.text);
    if (text.empty()) {
        warn(13520, fmt::format("line {}: <Say> has no text", verb.line));
        co_return;
    }
    if (const auto audio = exchange_.speech(text); !audio || audio->empty()) {
        co_await speak(text);  // says why; again and again would say it for ever
        co_return;
    }
    const auto times = number_attribute(verb, "loop", 1);  // 0: for ever
    for (long i = 0; (times == 0 || i < times) && !done() && !keys_interrupt_; ++i) {
        co_await speak(text);
    }
}

asio::awaitable<void> Interpreter::play(const XmlElement& verb) {
    if (const auto digits = verb.attribute("digits"); digits && !digits->empty()) {
        co_await call_->line().play_digits(*digits);
        co_return;
    }
    Webhook fetch;
    fetch.url = absolute(trimmed(verb.text));
    fetch.method = "GET";
    fetch.sign = false;
    fetch.response_bytes = 20 * 1024 * 1024;
    const auto answer = co_await exchange_.webhooks->send(std::move(fetch));
    if (!answer) {
        complain(answer.error().code, answer.error().message);
        co_return;
    }
    const auto type = media_type(answer->response);
    auto audio = exchange_.options.sound.decode(answer->response.body, type);
    if (!audio) {
        complain(12300, fmt::format("<Play>: '{}' from {} is no audio: {}", type, answer->url,
                                    audio.error().message));
        co_return;
    }
    const auto times = number_attribute(verb, "loop", 1);
    if (audio->empty()) co_return;
    for (long i = 0; (times == 0 || i < times) && !done() && !keys_interrupt_; ++i) {
        co_await call_->line().play(*audio);
    }
}

asio::awaitable<void> Interpreter::pause(const XmlElement& verb) {
    const auto length = seconds(number_attribute(verb, "length", 1));
    co_await call_->line().pause(exchange_.scaled(length));
}

void Interpreter::redirect(const XmlElement& verb) {
    next_ = Instruction{absolute(trimmed(verb.text)), method_attribute(verb, "method"), {}, {}};
}

void Interpreter::go_to_action(const XmlElement& verb, const std::string& otherwise, Fields extra) {
    const auto action = verb.attribute_or("action", "");
    const auto url = action.empty() ? otherwise : absolute(trimmed(action));
    next_ = Instruction{url, method_attribute(verb, "method"), {}, std::move(extra)};
}

}  // namespace bridge::emulator
