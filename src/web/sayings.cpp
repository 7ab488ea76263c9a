#include "web/sayings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "audio/frame.hpp"
#include "audio/resample.hpp"
#include "audio/wav.hpp"
#include "web/answers.hpp"
#include "web/fields.hpp"
#include "web/problem.hpp"
#include "web/timeline_json.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Pcm = std::vector<std::int16_t>;

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

/// "audio/wav", or what else it is called.
bool is_wav(std::string_view type) {
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    std::string lower(type);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower == "audio/wav" || lower == "audio/x-wav" || lower == "audio/wave" ||
           lower == "audio/vnd.wave";
}

Result<Pcm> telephone_sound(const std::string& file) {
    auto sound = audio::read_wav(file);
    if (!sound) return tl::unexpected(sound.error());
    if (sound->sample_rate == audio::kSampleRate) return std::move(sound->samples);
    return audio::resample(sound->samples, sound->sample_rate, audio::kSampleRate);
}

net::HttpResponse busy(const Error& error) {
    return problem(409, "busy", error.message);
}

}  // namespace

bool Sayings::is_play(const net::HttpRequest& head) {
    return head.method == "POST" && head.path().starts_with("/api/v1/calls/") &&
           head.path().ends_with("/play");
}

Sayings::Answer Sayings::say(std::shared_ptr<Sayings> self, CallId id, net::HttpRequest request) {
    auto fields = read_fields(request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    auto text = fields->wanted_text("text");
    const auto interrupt = fields->flag("interrupt").value_or(false);
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    if (text.find_first_not_of(" \t\r\n") == std::string::npos)
        co_return problem(422, "bad_field", "text: there is none", "text");
    if (characters(text) > kMostCharacters)
        co_return problem(
            422, "bad_field",
            fmt::format("text: at most {} characters at once; say it in parts", kMostCharacters),
            "text");
    if (!self->synthesize_)
        co_return problem(409, "wrong_state", "this program has no voice to say it with");
    auto speak = [synthesize = self->synthesize_, text = std::move(text)] {
        return synthesize(text);
    };
    auto speaking = offload(self->pool_, self->executor_, std::move(speak), asio::use_awaitable);
    auto sound = co_await std::move(speaking);
    if (!sound && sound.error().code == Errc::refused) co_return busy(sound.error());
    if (!sound && sound.error().code == Errc::cancelled) co_return problem_of(sound.error());
    if (!sound) co_return problem(422, "bad_field", "text: " + sound.error().message, "text");
    co_return co_await hand_in(self, std::move(id), std::move(*sound), interrupt);
}

Sayings::Answer Sayings::play(std::shared_ptr<Sayings> self, CallId id, net::HttpRequest request) {
    if (!is_wav(request.headers.find("Content-Type").value_or("")))
        co_return problem(415, "not_wav", "send a WAV file as Content-Type: audio/wav");
    if (request.body.size() > kMostBytes)
        co_return problem(413, "too_large", "at most 20 MiB are played at once");
    auto read = [file = std::move(request.body)] { return telephone_sound(file); };
    auto reading = offload(self->pool_, self->executor_, std::move(read), asio::use_awaitable);
    auto sound = co_await std::move(reading);
    if (!sound && sound.error().code == Errc::refused) co_return busy(sound.error());
    if (!sound && sound.error().code == Errc::cancelled) co_return problem_of(sound.error());
    if (!sound) co_return problem(422, "bad_audio", sound.error().message);
    co_return co_await hand_in(self, std::move(id), std::move(*sound), false);
}

Sayings::Answer Sayings::hand_in(std::shared_ptr<Sayings> self, CallId id, Pcm samples,
                                 bool interrupt) {
    using Number = Told<Result<std::uint64_t>>;
    const auto length_ms = samples.size() / audio::kSamplesPerMs;
    auto told = std::make_shared<Number>(self->executor_);
    self->calls_.visit(
        id, [told, id, interrupt,
             samples = std::make_shared<const Pcm>(std::move(samples))](call::Call* call) {
            if (!call) {
                Number::post(told, fail(Errc::not_found, fmt::format("there is no call {}", id)));
                return;
            }
            call->accept(call::input::Say{samples, interrupt, [told](Result<std::uint64_t> number) {
                                              Number::post(told, std::move(number));
                                          }});
        });
    auto number = co_await Number::wait(told);
    if (!number) co_return no_answer();
    if (!*number && number->error().code == Errc::too_large) co_return busy(number->error());
    if (!*number) co_return problem_of(number->error());
    co_return answer_json(202, json::object{{"utterance", **number}, {"length_ms", length_ms}});
}

Sayings::Answer Sayings::timeline(std::shared_ptr<Sayings> self, std::string name) {
    struct Seen {
        std::shared_ptr<const call::Timeline> timeline;
        std::chrono::milliseconds now;
    };
    using Shown = Told<std::optional<Seen>>;
    std::optional<Seen> seen;
    auto id = self->calls_.find(name);
    if (id) {
        auto told = std::make_shared<Shown>(self->executor_);
        self->calls_.visit(*id, [told](call::Call* call) {
            std::optional<Seen> now;
            if (call)
                now = Seen{std::make_shared<const call::Timeline>(call->timeline()),
                           call->snapshot().age};
            Shown::post(told, std::move(now));
        });
        auto answer = co_await Shown::wait(told);
        if (!answer) co_return no_answer();
        seen = std::move(*answer);
    }
    if (!seen) {
        auto kept = self->calls_.timelines().find(name);
        if (!kept.timeline) co_return no_call(name);
        id = kept.call;
        seen = Seen{std::move(kept.timeline), kept.length};
    }
    co_return answer_json_text(200, timeline_text(*id, *seen->timeline, seen->now));
}

}  // namespace bridge::web
