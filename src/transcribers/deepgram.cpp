// Deepgram's streaming recognition (wss://api.deepgram.com/v1/listen): mu-law in binary messages,
// control and results as JSON. An utterance comes in parts; each is guessed at until it is final,
// and the last one says that the speaker paused (speech_final), or a message of its own does
// (UtteranceEnd). Source: deepgram/deepgram-api-specs, asyncapi.yml.

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <numeric>

#include "audio/mulaw.hpp"
#include "net/wire_text.hpp"
#include "transcribers/dialect.hpp"
#include "transcribers/dialect_fields.hpp"

namespace bridge::transcribers {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

/// Of one utterance: more means that the service forgets to end it.
constexpr std::size_t kMostParts = 64;

std::optional<float> confidence_of(const json::object& object) {
    const auto value = net::number_field(object, "confidence");
    if (!value) return std::nullopt;
    return static_cast<float>(std::clamp(*value, 0.0, 1.0));
}

bool flag(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains({name.data(), name.size()});
    return value != nullptr && value->is_bool() && value->get_bool();
}

/// One part of an utterance.
struct Part {
    milliseconds begin{0}, end{0};
    std::string text;
    std::optional<float> confidence;
    std::vector<call::TranscriptWord> words;
};

std::vector<call::TranscriptWord> words_of(const json::object& alternative) {
    std::vector<call::TranscriptWord> out;
    const auto* list = net::array_field(alternative, "words");
    if (list == nullptr) return out;
    for (const auto& entry : *list) {
        const auto* word = entry.if_object();
        if (word == nullptr || out.size() == kMostWords) break;
        auto text = net::text_field(*word, "punctuated_word");
        if (text.empty()) text = net::text_field(*word, "word");
        if (text.empty()) continue;
        const auto begin = seconds_of(*word, "start");
        out.push_back(
            {net::valid_text(text, 200), begin, end_of(*word, begin), confidence_of(*word)});
    }
    return out;
}

Part part_of(const json::object& results) {
    Part part;
    part.begin = seconds_of(results, "start");
    part.end = part.begin + seconds_of(results, "duration");
    const auto* channel = net::object_field(results, "channel");
    const auto* list = channel == nullptr ? nullptr : net::array_field(*channel, "alternatives");
    if (list == nullptr || list->empty() || !list->front().is_object()) return part;
    const auto& best = list->front().get_object();
    part.text = net::valid_text(net::text_field(best, "transcript"), kMostText);
    if (part.text.empty()) return part;
    part.confidence = confidence_of(best);
    part.words = words_of(best);
    if (!part.words.empty()) {
        part.begin = part.words.front().begin;
        part.end = std::max(part.begin, part.words.back().end);
    }
    return part;
}

class Deepgram final : public Dialect {
public:
    explicit Deepgram(Secret key) : key_(std::move(key)) {}

    std::vector<Message> opened() override { return {}; }
    bool takes_sound() const override { return true; }

    Message sound(std::span<const std::int16_t> samples) override {
        Message out{std::string(samples.size(), '\0'), false};
        std::transform(
            samples.begin(), samples.end(), out.payload.begin(),
            [](std::int16_t sample) { return static_cast<char>(audio::encode_mulaw(sample)); });
        return out;
    }

    std::optional<Message> keep_alive() override { return Message{R"({"type":"KeepAlive"})"}; }
    std::vector<Message> finish() override { return {Message{R"({"type":"CloseStream"})"}}; }
    bool finished() const override { return finished_; }

    Replies received(std::string_view payload, bool text) override {
        Replies out;
        const auto object = text ? net::parse_object(payload) : std::nullopt;
        if (!object) return out;
        const auto type = net::text_field(*object, "type");
        if (type == "Results") {
            results(*object, out);
        } else if (type == "UtteranceEnd") {
            close(out);
        } else if (type == "Metadata") {  // the last word, after CloseStream
            close(out);
            finished_ = true;
        } else if (type == "Error") {
            auto what = net::text_field(*object, "description");
            if (what.empty()) what = net::text_field(*object, "message");
            out.failure = Replies::Failure{false, net::quoted(what, key_)};
        }
        return out;
    }

private:
    void results(const json::object& object, Replies& out) {
        auto part = part_of(object);
        const bool final = flag(object, "is_final");
        const auto end = seconds_of(object, "start") + seconds_of(object, "duration");
        if (!part.text.empty()) {
            auto hearing = joined(part);
            if (final) parts_.push_back(std::move(part));
            if (parts_.size() == kMostParts) return close(out);
            // The whole utterance is told again when it is over.
            if (!final || !flag(object, "speech_final")) out.heard.push_back(std::move(hearing));
        }
        if (final && (flag(object, "speech_final") || flag(object, "from_finalize"))) close(out);
        if (final && parts_.empty()) out.settled = end;
    }

    /// The parts that are certain, and one that may not be.
    Hearing joined(const Part& last) const {
        Hearing out;
        out.utterance = utterance_;
        out.begin = parts_.empty() ? last.begin : parts_.front().begin;
        out.end = std::max(out.begin, last.end);
        float sum = 0;
        std::size_t count = 0;
        const auto add = [&](const Part& part) {
            if (!out.text.empty()) out.text += ' ';
            out.text += part.text;
            out.words.insert(out.words.end(), part.words.begin(), part.words.end());
            if (!part.confidence) return;
            const auto weight = std::max<std::size_t>(part.words.size(), 1);
            sum += *part.confidence * static_cast<float>(weight);
            count += weight;
        };
        for (const auto& part : parts_) add(part);
        if (parts_.empty() || &last != &parts_.back()) add(last);
        if (count > 0) out.confidence = sum / static_cast<float>(count);
        return out;
    }

    void close(Replies& out) {
        if (parts_.empty()) return;
        auto whole = joined(parts_.back());
        whole.final = true;
        out.settled = whole.end;
        out.heard.push_back(std::move(whole));
        parts_.clear();
        ++utterance_;
    }

    const Secret key_;
    std::vector<Part> parts_;  ///< of the utterance, those that are final
    std::uint64_t utterance_ = 1;
    bool finished_ = false;
};

}  // namespace

Service deepgram_service(const ServiceOptions& options) {
    Service out;
    out.name = "deepgram";
    out.people = "Deepgram";
    out.url = options.url.empty() ? "wss://api.deepgram.com/v1/listen" : options.url;
    out.url += out.url.find('?') == std::string::npos ? '?' : '&';
    out.url += "encoding=mulaw&sample_rate=8000&channels=1&model=";
    out.url += net::percent_encoded(options.model.empty() ? "nova-3" : options.model);
    if (!options.language.empty()) out.url += "&language=" + net::percent_encoded(options.language);
    out.url +=
        "&interim_results=true&endpointing=300&utterance_end_ms=1000&vad_events=true"
        "&smart_format=true";
    out.key_header = "Authorization: Token ";
    out.key_setting = "DEEPGRAM_API_KEY";
    out.key = options.key;
    out.ca_file = options.ca_file;
    out.fastest = 1.25;  // its limit for sound that comes late
    out.session = [](const Service& service) -> std::unique_ptr<Dialect> {
        return std::make_unique<Deepgram>(service.key);
    };
    return out;
}

}  // namespace bridge::transcribers
