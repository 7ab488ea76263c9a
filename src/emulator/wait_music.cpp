#include "emulator/wait_music.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "emulator/exchange.hpp"
#include "emulator/interpreter.hpp"
#include "emulator/mulaw.hpp"
#include "emulator/phone_call.hpp"
#include "emulator/twiml.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLongest = 10UL * 60 * 8000;
constexpr std::size_t kSoundBytes = 20UL * 1024 * 1024;
constexpr int kMostDocuments = 10;

/// Tones of `hz` together, each at `level` of full scale.
Mulaw tones(std::initializer_list<double> hz, double level, milliseconds length) {
    Mulaw out(static_cast<std::size_t>(length.count()) * 8);
    for (std::size_t k = 0; k < out.size(); ++k) {
        double sum = 0;
        for (const double one : hz) {
            sum += std::sin(2 * std::numbers::pi * one * static_cast<double>(k) / 8000);
        }
        out[k] = mulaw_encode(static_cast<std::int16_t>(std::lrint(32767 * level * sum)));
    }
    return out;
}

Mulaw chords() {
    // Four chords of two seconds, each rising from silence and falling back to it. The tones lie
    // beside those of the telephone's keys.
    static constexpr double kChords[4][3] = {{262, 330, 392}, {220, 262, 330},
                                             {175, 220, 262}, {196, 247, 294}};
    constexpr std::size_t kChord = 16'000;
    Mulaw out;
    out.reserve(4 * kChord);
    for (const auto& chord : kChords) {
        for (std::size_t k = 0; k < kChord; ++k) {
            const double part = static_cast<double>(k) / kChord;
            double sum = 0;
            for (const double hz : chord) {
                sum += std::sin(2 * std::numbers::pi * hz * static_cast<double>(k) / 8000);
            }
            const double loud = std::sin(std::numbers::pi * part);
            out.push_back(mulaw_encode(static_cast<std::int16_t>(std::lrint(1000 * loud * sum))));
        }
    }
    return out;
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

tl::unexpected<WebhookFailure> refused(int code, std::string message) {
    return tl::unexpected(WebhookFailure{code, std::move(message)});
}

void append(Mulaw& out, const Mulaw& more, long times) {
    // 0: for ever, which is as long as it can be here.
    for (long k = 0; times == 0 || k < times; ++k) {
        if (more.empty() || out.size() >= kLongest) return;
        const auto size = std::min(more.size(), kLongest - out.size());
        out.insert(out.end(), more.begin(), more.begin() + static_cast<std::ptrdiff_t>(size));
    }
}

/// The sound at `url`.
asio::awaitable<tl::expected<Mulaw, WebhookFailure>> fetch_sound(std::shared_ptr<PhoneCall> call,
                                                                 std::string url) {
    auto& exchange = call->exchange();
    Webhook fetch;
    fetch.url = std::move(url);
    fetch.method = "GET";
    fetch.sign = false;
    fetch.response_bytes = kSoundBytes;
    const auto answer = co_await exchange.webhooks->send(std::move(fetch));
    if (!answer) co_return tl::unexpected(answer.error());
    const auto type = media_type(answer->response);
    auto sound = exchange.options.sound.decode(answer->response.body, type);
    if (!sound) co_return refused(12300, answer->url + " is no sound: " + sound.error().message);
    co_return *std::move(sound);
}

}  // namespace

bool is_own_music(const std::string& url) {
    const auto parsed = parse_url(url);
    if (!parsed) return false;
    return parsed->host == "twimlets.com" || parsed->host == "www.twimlets.com" ||
           parsed->host == "s3.amazonaws.com" || parsed->host == "api.twilio.com" ||
           parsed->host == "demo.twilio.com";
}

std::shared_ptr<const Mulaw> own_music() {
    static const auto music = std::make_shared<const Mulaw>(chords());
    return music;
}

std::shared_ptr<const Mulaw> ringback() {
    static const auto sound = [] {
        auto ring = tones({440, 480}, 0.05, milliseconds(2000));
        ring.resize(6 * 8000, kMulawSilence);
        return std::make_shared<const Mulaw>(std::move(ring));
    }();
    return sound;
}

std::shared_ptr<const Mulaw> own_beep() {
    static const auto beep =
        std::make_shared<const Mulaw>(tones({800}, 0.1, milliseconds(200)));
    return beep;
}

asio::awaitable<tl::expected<WaitMusic, WebhookFailure>> fetch_wait_music(
    std::shared_ptr<PhoneCall> call, Instruction from) {
    auto& exchange = call->exchange();
    WaitMusic music;
    std::set<std::string> seen;
    for (int documents = 0; documents < kMostDocuments; ++documents) {
        if (!seen.insert(from.url).second) {
            music.again = true;
            break;
        }
        Webhook webhook;
        webhook.url = from.url;
        webhook.method = from.method;
        webhook.fields = call->webhook_fields();
        webhook.scope = call->fault_scope();
        webhook.response_bytes = kSoundBytes;
        webhook.total = exchange.options.webhook_timeout;
        const auto answer = co_await exchange.webhooks->send(std::move(webhook));
        if (!answer) co_return tl::unexpected(answer.error());
        if (call->over()) break;
        const auto type = media_type(answer->response);
        if (type.rfind("audio/", 0) == 0) {
            auto sound = exchange.options.sound.decode(answer->response.body, type);
            if (!sound) {
                co_return refused(12300, answer->url + " is no sound: " + sound.error().message);
            }
            append(music.mulaw, *sound, 1);
            music.again = true;
            break;
        }
        if (type != "text/xml" && type != "application/xml" && type != "text/html") {
            co_return refused(12300, fmt::format("Invalid Content-Type: '{}' from {}", type,
                                                 answer->url));
        }
        const auto parsed = parse_twiml(answer->response.body);
        if (!parsed) co_return refused(parsed.error().code, parsed.error().message);
        std::string next;
        for (const auto& verb : parsed->response.children) {
            const auto times = number_attribute(verb, "loop", 1);
            if (verb.name == "Say") {
                const auto said = exchange.speech(trimmed(verb.text));
                if (said) append(music.mulaw, *said, times);
            } else if (verb.name == "Play") {
                auto url = resolve_url(answer->url, trimmed(verb.text));
                auto sound = co_await fetch_sound(call, std::move(url));
                if (!sound) co_return tl::unexpected(sound.error());
                append(music.mulaw, *sound, times);
            } else if (verb.name == "Pause") {
                const auto length = std::min(600L, number_attribute(verb, "length", 1));
                append(music.mulaw, Mulaw(static_cast<std::size_t>(length) * 8000, kMulawSilence),
                       1);
            } else if (verb.name == "Redirect") {
                const auto to = trimmed(verb.text);
                next = to.empty() ? answer->url : resolve_url(answer->url, to);
                from.method = method_attribute(verb, "method");
                break;
            }
        }
        if (next.empty()) break;
        from.url = next;
    }
    if (music.again && music.mulaw.empty()) music.again = false;
    co_return music;
}

}  // namespace bridge::emulator
