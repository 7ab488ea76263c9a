// OpenAI's Realtime service as a recognizer: a session of the type "transcription", which listens
// and never answers. Mu-law goes there in base64; the service cuts what it hears into items by the
// pauses, tells when each began and ended, and later what was said in it. It tells no times of
// words. Sources: openai/openai-python, src/openai/types/realtime.

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <deque>

#include "audio/mulaw.hpp"
#include "base/base64.hpp"
#include "net/wire_text.hpp"
#include "transcribers/dialect.hpp"
#include "transcribers/dialect_fields.hpp"

namespace bridge::transcribers {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::size_t kMostItems = 32;  // under way at once: more are a fault of the service

milliseconds time_of(const json::object& event, std::string_view name) {
    constexpr std::int64_t kDay = 24LL * 3600 * 1000;
    return milliseconds(
        std::clamp<std::int64_t>(net::integer_field(event, name).value_or(0), 0, kDay));
}

/// How sure the service was, from the logarithms of its tokens' probabilities.
std::optional<float> confidence_of_tokens(const json::object& event) {
    const auto* list = net::array_field(event, "logprobs");
    if (list == nullptr || list->empty()) return std::nullopt;
    double sum = 0;
    for (const auto& entry : *list) {
        const auto* token = entry.if_object();
        const auto log = token == nullptr ? std::nullopt : net::number_field(*token, "logprob");
        if (!log) return std::nullopt;
        sum += *log;
    }
    return static_cast<float>(
        std::clamp(std::exp(sum / static_cast<double>(list->size())), 0.0, 1.0));
}

class OpenAi final : public Dialect {
public:
    explicit OpenAi(const Service& service)
        : key_(service.key), model_(service.model), language_(service.language) {}

    std::vector<Message> opened() override {
        json::object transcription{{"model", model_}};
        if (!language_.empty()) transcription["language"] = language_;
        json::object input{{"format", {{"type", "audio/pcmu"}}},
                           {"transcription", std::move(transcription)},
                           {"turn_detection",
                            {{"type", "server_vad"},
                             {"threshold", 0.5},
                             {"prefix_padding_ms", 300},
                             {"silence_duration_ms", 500}}}};
        json::object session{{"type", "transcription"},
                             {"audio", json::object{{"input", std::move(input)}}},
                             {"include", {"item.input_audio_transcription.logprobs"}}};
        return {Message{json::serialize(
            json::object{{"type", "session.update"}, {"session", std::move(session)}})}};
    }
    bool takes_sound() const override { return ready_; }

    Message sound(std::span<const std::int16_t> samples) override {
        std::vector<std::uint8_t> mulaw(samples.size());
        audio::encode_mulaw(samples, mulaw);
        heard_to_ += milliseconds(samples.size() / 8);
        return {R"({"type":"input_audio_buffer.append","audio":")" + encode_base64(mulaw) + "\"}"};
    }

    /// What was spoken last may have no pause after it yet.
    std::vector<Message> finish() override {
        ending_ = true;
        return {Message{R"({"type":"input_audio_buffer.commit"})"}};
    }
    bool finished() const override { return ending_ && committed_ && items_.empty(); }

    Replies received(std::string_view payload, bool text) override {
        Replies out;
        const auto event = text ? net::parse_object(payload) : std::nullopt;
        if (!event) return out;
        const auto type = net::text_field(*event, "type");
        constexpr std::string_view kWords = "conversation.item.input_audio_transcription.";
        if (type == "session.updated") {
            ready_ = true;
        } else if (type == "input_audio_buffer.speech_started") {
            item(*event).begin = time_of(*event, "audio_start_ms");
        } else if (type == "input_audio_buffer.speech_stopped") {
            item(*event).end = time_of(*event, "audio_end_ms");
        } else if (type == "input_audio_buffer.committed") {
            auto& known = item(*event);
            if (known.end <= known.begin) known.end = heard_to_;
            if (ending_) committed_ = true;
        } else if (type.starts_with(kWords)) {
            words(*event, type.substr(kWords.size()), out);
        } else if (type == "error") {
            failed(*event, out);
        }
        return out;
    }

private:
    struct Item {
        std::string id;
        milliseconds begin{0}, end{0};
        std::string text;
        std::uint64_t utterance = 0;  ///< 0: nothing was told of it yet
    };

    /// The one the event is about; a new one begins where the last one ended.
    Item& item(const json::object& event) {
        const auto id = net::text_field(event, "item_id");
        const auto found = std::find_if(items_.begin(), items_.end(),
                                        [&](const Item& one) { return one.id == id; });
        if (found != items_.end()) return *found;
        if (items_.size() == kMostItems) items_.pop_front();
        items_.push_back({std::string(id.substr(0, 200)), last_end_, last_end_, {}, 0});
        return items_.back();
    }

    void words(const json::object& event, std::string_view what, Replies& out) {
        auto& known = item(event);
        if (what == "delta") {
            known.text += net::valid_text(net::text_field(event, "delta"),
                                          kMostText - std::min(kMostText, known.text.size()));
            if (!known.text.empty()) out.heard.push_back(hearing(known));
            return;
        }
        if (what != "completed" && what != "failed") return;
        if (what == "completed") {
            known.text = net::valid_text(net::text_field(event, "transcript"), kMostText);
            if (!known.text.empty() || known.utterance != 0) {
                auto whole = hearing(known);
                whole.final = true;
                whole.confidence = confidence_of_tokens(event);
                out.heard.push_back(std::move(whole));
            }
        }
        last_end_ = std::max(last_end_, known.end);
        const auto id = known.id;
        std::erase_if(items_, [&](const Item& one) { return one.id == id; });
        // Sound of an item that is not understood yet may be needed again.
        out.settled = items_.empty() ? last_end_ : std::min(last_end_, items_.front().begin);
    }

    Hearing hearing(Item& known) {
        if (known.utterance == 0) known.utterance = ++utterances_;
        Hearing out;
        out.utterance = known.utterance;
        out.begin = known.begin;
        out.end = std::max(known.end, known.begin);
        out.text = known.text;
        return out;
    }

    void failed(const json::object& event, Replies& out) {
        const auto* error = net::object_field(event, "error");
        if (error == nullptr) return;
        // There was nothing left to commit.
        if (ending_ && net::text_field(*error, "code").starts_with("input_audio_buffer_commit")) {
            committed_ = true;
            return;
        }
        // Before the session stands it is about what the session is to be; later most are passing.
        if (!ready_)
            out.failure =
                Replies::Failure{true, net::quoted(net::text_field(*error, "message"), key_)};
    }

    const Secret key_;
    const std::string model_, language_;
    bool ready_ = false, ending_ = false, committed_ = false;
    std::deque<Item> items_;  ///< not understood for good yet
    milliseconds last_end_{0}, heard_to_{0};
    std::uint64_t utterances_ = 0;
};

}  // namespace

Service openai_service(const ServiceOptions& options) {
    Service out;
    out.name = "openai";
    out.people = "OpenAI";
    out.url = options.url.empty() ? "wss://api.openai.com/v1/realtime" : options.url;
    if (out.url.find("intent=") == std::string::npos) {
        out.url += out.url.find('?') == std::string::npos ? '?' : '&';
        out.url += "intent=transcription";
    }
    out.key_header = "Authorization: Bearer ";
    out.key_setting = "OPENAI_API_KEY";
    out.key = options.key;
    out.ca_file = options.ca_file;
    out.model = options.model.empty() ? "gpt-4o-mini-transcribe" : options.model;
    out.language = options.language;
    // It names no limit; this is a careful choice, not a measured one.
    out.fastest = 2;
    out.session = [](const Service& service) -> std::unique_ptr<Dialect> {
        return std::make_unique<OpenAi>(service);
    };
    return out;
}

}  // namespace bridge::transcribers
