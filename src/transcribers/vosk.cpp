// A Vosk server (ws://host:2700): binary frames of 16-bit samples, each answered by exactly one
// text: a guess ({"partial": …}) or, after a pause, what was said ({"text": …, "result": […]}). The
// end is a text that must be {"eof" : 1} to the byte. Source: alphacep/vosk-server,
// websocket/asr_server.py and websocket-cpp/asr_server.cpp.

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>

#include "audio/frame.hpp"
#include "net/wire_text.hpp"
#include "transcribers/dialect.hpp"
#include "transcribers/dialect_fields.hpp"

namespace bridge::transcribers {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

/// Frames that may wait for their answer: more would only fill buffers of the network.
constexpr std::size_t kWindow = 10;

class Vosk final : public Dialect {
public:
    /// The C++ server takes no configuration and needs none; the Python one would leave the times
    /// of the words out.
    std::vector<Message> opened() override {
        return {Message{R"({"config":{"sample_rate":8000,"words":true}})"}};
    }
    bool takes_sound() const override { return unanswered_.size() < kWindow; }

    Message sound(std::span<const std::int16_t> samples) override {
        Message out{{}, false};
        out.payload.reserve(samples.size() * 2);
        for (const auto sample : samples) {
            const auto bits = static_cast<std::uint16_t>(sample);
            out.payload += static_cast<char>(bits & 0xFF);
            out.payload += static_cast<char>(bits >> 8);
        }
        sent_ += samples.size();
        unanswered_.push_back(sent_);
        return out;
    }

    std::vector<Message> finish() override {
        unanswered_.push_back(sent_);
        ending_ = true;
        return {Message{R"({"eof" : 1})"}};
    }
    bool finished() const override { return ending_ && unanswered_.empty(); }

    Replies received(std::string_view payload, bool) override {
        Replies out;
        auto heard_to = milliseconds(sent_ / audio::kSamplesPerMs);
        if (!unanswered_.empty()) {
            heard_to = milliseconds(unanswered_.front() / audio::kSamplesPerMs);
            unanswered_.erase(unanswered_.begin());
        }
        const auto object = net::parse_object(payload);
        if (!object) return out;
        if (const auto partial = net::text_field(*object, "partial"); !partial.empty()) {
            guess(net::valid_text(partial, kMostText), heard_to, out);
        } else if (object->if_contains("partial") == nullptr) {
            understood(*object, heard_to, out);
        }
        return out;
    }

private:
    void guess(std::string text, milliseconds heard_to, Replies& out) {
        if (!speaking_) begin_ = heard_before_;
        speaking_ = true;
        heard_before_ = heard_to;
        Hearing hearing;
        hearing.utterance = utterance_;
        hearing.begin = begin_;
        hearing.end = heard_to;
        hearing.text = std::move(text);
        out.heard.push_back(std::move(hearing));
    }

    void understood(const json::object& object, milliseconds heard_to, Replies& out) {
        const auto* best = &object;
        if (const auto* list = net::array_field(object, "alternatives")) {
            if (list->empty() || !list->front().is_object()) return;
            best = &list->front().get_object();
        }
        Hearing hearing;
        hearing.utterance = utterance_;
        hearing.final = true;
        hearing.begin = speaking_ ? begin_ : heard_before_;
        hearing.end = heard_to;
        hearing.text = net::valid_text(net::text_field(*best, "text"), kMostText);
        add_words(*best, hearing);
        heard_before_ = heard_to;
        speaking_ = false;
        out.settled = heard_to;
        if (hearing.text.empty()) return;
        ++utterance_;
        out.heard.push_back(std::move(hearing));
    }

    static void add_words(const json::object& best, Hearing& hearing) {
        const auto* list = net::array_field(best, "result");
        if (list == nullptr) return;
        float sum = 0;
        std::size_t sure = 0;
        for (const auto& entry : *list) {
            const auto* word = entry.if_object();
            if (word == nullptr || hearing.words.size() == kMostWords) break;
            auto text = net::valid_text(net::text_field(*word, "word"), 200);
            if (text.empty()) continue;
            const auto begin = seconds_of(*word, "start");
            call::TranscriptWord made{std::move(text), begin, end_of(*word, begin), std::nullopt};
            if (const auto conf = net::number_field(*word, "conf")) {
                made.confidence = static_cast<float>(std::clamp(*conf, 0.0, 1.0));
                sum += *made.confidence;
                ++sure;
            }
            hearing.words.push_back(std::move(made));
        }
        if (hearing.words.empty()) return;
        hearing.begin = hearing.words.front().begin;
        hearing.end = std::max(hearing.begin, hearing.words.back().end);
        if (sure > 0) hearing.confidence = sum / static_cast<float>(sure);
    }

    std::uint64_t sent_ = 0;                 ///< samples
    std::vector<std::uint64_t> unanswered_;  ///< samples up to the end of each frame
    milliseconds heard_before_{0};           ///< what the last answer was about
    milliseconds begin_{0};                  ///< of the utterance that is guessed at
    bool speaking_ = false, ending_ = false;
    std::uint64_t utterance_ = 1;
};

}  // namespace

Service vosk_service(const ServiceOptions& options) {
    Service out;
    out.name = "vosk";
    out.people = "the Vosk server";
    out.url = options.url.empty() ? "ws://127.0.0.1:2700" : options.url;
    out.key_setting = "AGENTBRIDGE_TRANSCRIBER_URL";
    out.ca_file = options.ca_file;
    out.chunk_samples = 1600;  // 200 ms, as its own examples send
    out.session = [](const Service&) -> std::unique_ptr<Dialect> {
        return std::make_unique<Vosk>();
    };
    return out;
}

}  // namespace bridge::transcribers
