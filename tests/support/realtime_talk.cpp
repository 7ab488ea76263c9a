#include "tests/support/realtime_talk.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <utility>

#include "audio/mulaw.hpp"
#include "audio/tone.hpp"
#include "base/base64.hpp"

namespace bridge::test {
namespace {

namespace json = boost::json;

constexpr std::size_t kLargestAppend = std::size_t{15} * 1024 * 1024;
constexpr int kLoud = 2000;
constexpr std::uint64_t kSpeechMs = 60;

std::vector<std::uint8_t> tone(double hz, std::chrono::milliseconds length) {
    std::vector<std::int16_t> samples(static_cast<std::size_t>(length.count()) * 8);
    audio::Tone(hz, 0.25).fill(samples);
    std::vector<std::uint8_t> mulaw(samples.size());
    audio::encode_mulaw(samples, mulaw);
    return mulaw;
}

std::int64_t number_at(const json::object& object, std::string_view key, std::int64_t otherwise) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_int64()) return otherwise;
    return value->get_int64();
}

}  // namespace

RealtimeTalk::RealtimeTalk(Clock& clock, const RealtimeServiceOptions& options,
                           RealtimeScript& script, int number)
    : clock_(clock), options_(options), script_(script), number_(number) {}

RealtimeTalk::~RealtimeTalk() {
    clock_.cancel(timer_);
}

void RealtimeTalk::start(net::Upgrade upgrade, bool known) {
    descriptor_ = upgrade.socket.native_handle();
    const bool beta_header = upgrade.head.headers.find("OpenAI-Beta") == "realtime=v1";
    net::WebSocketLimits limits;
    limits.message_bytes = kLargestAppend * 2;
    limits.outbox_bytes = std::size_t{16} * 1024 * 1024;
    socket_ = net::ServerWebSocket::accept(std::move(upgrade), limits);
    const std::weak_ptr<RealtimeTalk> weak = weak_from_this();
    socket_->start(
        [weak](std::span<const net::WebSocketMessage> batch) {
            const auto self = weak.lock();
            if (!self) return;
            for (const auto& message : batch) {
                if (!message.text) {
                    self->close(1003, "text only");
                    return;
                }
                self->handle(message.payload);
            }
        },
        [weak](const net::WebSocketEnd& end) {
            const auto self = weak.lock();
            if (!self) return;
            self->over_ = true;
            self->end_ = end;
            self->clock_.cancel(self->timer_);
        });
    if (options_.mute) return;
    if (beta_header != options_.beta) {
        refuse({"invalid_beta",
                beta_header ? "The older shape is not spoken here."
                            : "Missing header: 'OpenAI-Beta: realtime=v1'.",
                "OpenAI-Beta"},
               {});
        close(4000, "invalid_request_error");
        return;
    }
    const auto code = known ? options_.refuse_code : std::string("model_not_found");
    if (!code.empty()) {
        refuse({code, "The service refuses: " + code, ""}, {});
        close(4000, "invalid_request_error");
        return;
    }
    json::object session{{"id", fresh("sess")},
                         {"object", "realtime.session"},
                         {"model", options_.model},
                         {"voice", settings_.voice}};
    if (!options_.beta) session["type"] = "realtime";
    send({{"type", "session.created"}, {"session", std::move(session)}});
}

std::string RealtimeTalk::fresh(std::string_view what) {
    return std::string(what) + "_" + std::to_string(number_) + "_" + std::to_string(++last_id_);
}

std::string_view RealtimeTalk::name(std::string_view current, std::string_view older) const {
    return options_.beta ? older : current;
}

std::size_t RealtimeTalk::count(std::string_view type) const {
    return static_cast<std::size_t>(std::count_if(
        events_.begin(), events_.end(),
        [type](const json::object& event) { return text_at(event, "type") == type; }));
}

void RealtimeTalk::send(const json::object& event) {
    if (over_ || !socket_) return;
    auto whole = event;
    whole["event_id"] = fresh("event");
    socket_->send(json::serialize(whole));
}

void RealtimeTalk::refuse(const Refusal& refusal, std::string_view event_id) {
    refusals_.push_back(refusal);
    if (script_.log) {
        script_.log({{"session", number_},
                     {"refused", json::object{{"code", refusal.code},
                                              {"message", refusal.message},
                                              {"param", refusal.param}}}});
    }
    json::object error{{"type", "invalid_request_error"},
                       {"code", refusal.code},
                       {"message", refusal.message},
                       {"param", refusal.param}};
    error["event_id"] = event_id.empty() ? json::value(nullptr) : json::value(event_id);
    send({{"type", "error"}, {"error", std::move(error)}});
}

void RealtimeTalk::fail(const std::string& code) {
    send({{"type", "error"},
          {"error", json::object{{"type", "server_error"},
                                 {"code", code},
                                 {"message", "The service says " + code + "."}}}});
}

void RealtimeTalk::handle(std::string_view text) {
    if (options_.mute) return;
    json::error_code error;
    const auto value = json::parse(text, error);
    if (error || !value.is_object()) {
        refuse({"invalid_json", "Not a JSON object.", ""}, {});
        return;
    }
    const auto& event = value.get_object();
    const auto type = text_at(event, "type");
    const auto id = text_at(event, "event_id");
    if (id.size() > 512 || (event.contains("event_id") && id.empty())) {
        refuse({"invalid_value", "Invalid 'event_id'.", "event_id"}, {});
        return;
    }
    if (type == "input_audio_buffer.append") {
        append(event, id);
        return;
    }
    events_.push_back(event);
    if (script_.log) script_.log({{"session", number_}, {"got", event}});
    dispatch(event, type);
}

void RealtimeTalk::dispatch(const json::object& event, std::string_view type) {
    const auto id = text_at(event, "event_id");
    if (type == "session.update") return session_update(event, id);
    if (type == "conversation.item.create") return item_create(event, id);
    if (type == "conversation.item.truncate") return truncate(event, id);
    if (type == "response.create") return response_create(event, id);
    if (type == "response.cancel") return response_cancel(event, id);
    if (type == "input_audio_buffer.commit") {
        if (heard_.size() / 8 < committed_ms_ + 100) {
            return refuse({"input_audio_buffer_commit_empty", "Less than 100 ms.", ""}, id);
        }
        return commit(fresh("item"));
    }
    if (type == "input_audio_buffer.clear") {
        committed_ms_ = heard_.size() / 8;
        return send({{"type", "input_audio_buffer.cleared"}});
    }
    refuse({"invalid_value", "Unknown event type: '" + std::string(type) + "'.", "type"}, id);
}

void RealtimeTalk::session_update(const json::object& event, std::string_view id) {
    const auto* session = object_at(event, "session");
    if (session == nullptr) {
        return refuse({"missing_required_parameter", "Missing 'session'.", "session"}, id);
    }
    if (auto wrong = take_settings(*session, options_.beta, settings_)) return refuse(*wrong, id);
    send({{"type", "session.updated"}, {"session", *session}});
}

void RealtimeTalk::append(const json::object& event, std::string_view id) {
    const auto audio = text_at(event, "audio");
    if (!settings_.taken || !settings_.mulaw) {
        return refuse({"invalid_value", "The session has no mu-law yet.", "audio"}, id);
    }
    if (audio.size() > kLargestAppend) {
        return refuse({"string_above_max_length", "More than 15 MiB.", "audio"}, id);
    }
    std::vector<std::uint8_t> mulaw(base64_capacity(audio.size()));
    const auto bytes = decode_base64(audio, mulaw.data());
    if (!bytes || *bytes == 0) return refuse({"invalid_value", "Not base64.", "audio"}, id);
    mulaw.resize(*bytes);
    heard_.insert(heard_.end(), mulaw.begin(), mulaw.end());
    if (options_.vad && settings_.vad) listen(mulaw);
}

/// Loud for a while is speech, and silence of the length that was asked for is its end.
void RealtimeTalk::listen(const std::vector<std::uint8_t>& mulaw) {
    const bool loud = std::any_of(mulaw.begin(), mulaw.end(), [](std::uint8_t byte) {
        return std::abs(int{audio::decode_mulaw(byte)}) > kLoud;
    });
    const auto now = heard_.size() / 8;
    const auto length = mulaw.size() / 8;
    voiced_ms_ = loud ? voiced_ms_ + length : 0;
    silent_ms_ = loud ? 0 : silent_ms_ + length;
    if (!speech_ && voiced_ms_ >= kSpeechMs) {
        const auto back = voiced_ms_ + settings_.prefix_ms;
        speech_started(now > back ? now - back : 0);
    } else if (speech_ && silent_ms_ >= settings_.silence_ms) {
        speech_stopped(now);
    }
}

void RealtimeTalk::speech_started(std::uint64_t at_ms) {
    speech_ = true;
    speech_item_ = fresh("item");
    send({{"type", "input_audio_buffer.speech_started"},
          {"audio_start_ms", at_ms},
          {"item_id", speech_item_}});
    if (settings_.interrupt_response) cancel_making("turn_detected");
}

void RealtimeTalk::speech_stopped(std::uint64_t at_ms) {
    speech_ = false;
    send({{"type", "input_audio_buffer.speech_stopped"},
          {"audio_end_ms", at_ms},
          {"item_id", speech_item_}});
    commit(speech_item_);
    // "This may fail to create a response if the model is already responding": it says nothing.
    if (settings_.create_response && !making_) answer();
}

void RealtimeTalk::commit(std::string_view item) {
    const std::string id(item);
    committed_ms_ = heard_.size() / 8;
    send({{"type", "input_audio_buffer.committed"},
          {"item_id", id},
          {"previous_item_id",
           item_order_.empty() ? json::value(nullptr) : json::value(item_order_.back())}});
    add_item(id, {"message", "user", {}, {}},
             {{"type", "message"},
              {"role", "user"},
              {"content", json::array{json::object{{"type", "input_audio"}}}}});
    if (!settings_.transcription) return;
    ++utterances_;
    std::string words = "Words of the caller, number " + std::to_string(utterances_) + ".";
    if (!script_.caller_says.empty()) {
        words = script_.caller_says.front();
        script_.caller_says.pop_front();
    }
    const auto half = words.size() / 2;
    constexpr auto kType = "conversation.item.input_audio_transcription.";
    for (const auto& part : {words.substr(0, half), words.substr(half)}) {
        send({{"type", std::string(kType) + "delta"},
              {"item_id", id},
              {"content_index", 0},
              {"delta", part}});
    }
    send({{"type", std::string(kType) + "completed"},
          {"item_id", id},
          {"content_index", 0},
          {"transcript", words}});
}

void RealtimeTalk::add_item(const std::string& id, Item item, json::object shown) {
    items_[id] = std::move(item);
    item_order_.push_back(id);
    shown["id"] = id;
    shown["object"] = "realtime.item";
    send({{"type", name("conversation.item.added", "conversation.item.created")}, {"item", shown}});
    if (!options_.beta) send({{"type", "conversation.item.done"}, {"item", std::move(shown)}});
}

void RealtimeTalk::item_create(const json::object& event, std::string_view id) {
    const auto* item = object_at(event, "item");
    if (item == nullptr) {
        return refuse({"missing_required_parameter", "Missing 'item'.", "item"}, id);
    }
    if (auto wrong = check_item(*item, options_.beta)) return refuse(*wrong, id);
    const std::string call(text_at(*item, "call_id"));
    const auto type = text_at(*item, "type");
    if (type == "function_call_output") {
        const auto found = calls_.find(call);
        if (found == calls_.end() || found->second) {
            return refuse({"invalid_tool_call_output",
                           "Tool call ID '" + call + "' not found in conversation or answered.",
                           "item.call_id"},
                          id);
        }
        found->second = true;
    }
    if (type == "function_call") calls_.emplace(call, false);
    add_item(fresh("item"), {std::string(type), std::string(text_at(*item, "role")), {}, {}},
             *item);
}

void RealtimeTalk::truncate(const json::object& event, std::string_view id) {
    const std::string item(text_at(event, "item_id"));
    const auto found = items_.find(item);
    if (found == items_.end()) {
        return refuse({"item_not_found", "Item '" + item + "' not found.", "item_id"}, id);
    }
    if (found->second.role != "assistant" || found->second.sound.empty()) {
        return refuse({"invalid_value", "Only an assistant's sound can be truncated.", "item_id"},
                      id);
    }
    const auto end_ms = number_at(event, "audio_end_ms", -1);
    const auto length = static_cast<std::int64_t>(found->second.sound.size() / 8);
    if (number_at(event, "content_index", -1) != 0 || end_ms < 0) {
        return refuse({"invalid_value", "Invalid content_index or audio_end_ms.", ""}, id);
    }
    if (end_ms > length) {
        return refuse({"invalid_value",
                       "Audio content of " + std::to_string(length) +
                           "ms is already shorter than " + std::to_string(end_ms) + "ms",
                       "audio_end_ms"},
                      id);
    }
    found->second.truncated_ms = end_ms;
    send({{"type", "conversation.item.truncated"},
          {"item_id", item},
          {"content_index", 0},
          {"audio_end_ms", end_ms}});
}

void RealtimeTalk::response_create(const json::object& event, std::string_view id) {
    if (const auto* response = object_at(event, "response")) {
        if (auto wrong = check_response(*response, options_.beta)) return refuse(*wrong, id);
    }
    if (making_) {
        return refuse(
            {"conversation_already_has_active_response",
             "Conversation already has an active response in progress: " + making_->id + ".", ""},
            id);
    }
    answer();
}

void RealtimeTalk::response_cancel(const json::object& event, std::string_view id) {
    const auto wanted = text_at(event, "response_id");
    if (!making_ || (!wanted.empty() && wanted != making_->id)) {
        return refuse(
            {"response_cancel_not_active", "Cancellation failed: no active response.", ""}, id);
    }
    cancel_making("client_cancelled");
}

void RealtimeTalk::close(std::uint16_t code, std::string_view reason) {
    if (socket_) socket_->close(code, reason);
}

void RealtimeTalk::expire() {
    fail("session_expired");
    close(1001, "session expired");
}

void RealtimeTalk::drop() {
    if (!over_ && descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
}

void RealtimeTalk::go_on() {
    if (!making_) return;
    making_->released = true;
    more();
}

void RealtimeTalk::answer() {
    if (making_) return;
    RealtimeAnswer next;
    if (!script_.answers.empty()) {
        next = std::move(script_.answers.front());
        script_.answers.pop_front();
    }
    begin(std::move(next));
}

void RealtimeTalk::begin(RealtimeAnswer answer) {
    ++answers_;
    making_.emplace();
    auto& making = *making_;
    making.id = fresh("resp");
    making.answer = std::move(answer);
    making.sound = tone(making.answer.hz, making.answer.length);
    making.pieces = static_cast<int>(
        (making.answer.length + options_.piece - std::chrono::milliseconds(1)) / options_.piece);
    send({{"type", "response.created"},
          {"response", json::object{{"id", making.id},
                                    {"object", "realtime.response"},
                                    {"status", "in_progress"},
                                    {"output", json::array{}}}}});
    if (making.pieces > 0) {
        making.item = fresh("item");
        json::object shown{{"type", "message"}, {"role", "assistant"}, {"content", json::array{}}};
        add_item(making.item, {"message", "assistant", {}, {}}, shown);
        shown["id"] = making.item;
        send({{"type", "response.output_item.added"},
              {"response_id", making.id},
              {"output_index", 0},
              {"item", std::move(shown)}});
    }
    more();
}

void RealtimeTalk::more() {
    clock_.cancel(std::exchange(timer_, Clock::kNoTimer));
    while (making_ && making_->sent < making_->pieces) {
        if (making_->sent == making_->answer.hold_after && !making_->released) return;
        send_piece();
        if (options_.pace.count() > 0) {
            timer_ = clock_.after(options_.pace, [this] { more(); });
            return;
        }
    }
    if (!making_) return;
    if (making_->answer.hold_after >= making_->pieces && !making_->released) return;
    if (making_->pieces > 0) finish_message();
    finish(making_->answer.fail.empty() ? "completed" : "failed", making_->answer.fail);
}

void RealtimeTalk::send_piece() {
    auto& making = *making_;
    const auto bytes = static_cast<std::size_t>(options_.piece.count()) * 8;
    const auto from = std::min(making.sound.size(), static_cast<std::size_t>(making.sent) * bytes);
    const auto size = std::min(bytes, making.sound.size() - from);
    const auto sound = std::span(making.sound).subspan(from, size);
    const auto& text = making.answer.text;
    const auto pieces = static_cast<std::size_t>(making.pieces);
    const auto piece = static_cast<std::size_t>(making.sent);
    const auto at = text.size() * piece / pieces, to = text.size() * (piece + 1) / pieces;
    json::object common{{"response_id", making.id},
                        {"item_id", making.item},
                        {"output_index", 0},
                        {"content_index", 0}};
    auto words = common;
    words["type"] =
        name("response.output_audio_transcript.delta", "response.audio_transcript.delta");
    words["delta"] = text.substr(at, to - at);
    send(words);
    common["type"] = name("response.output_audio.delta", "response.audio.delta");
    common["delta"] = encode_base64(sound);
    send(common);
    auto& item = items_[making.item];
    item.sound.insert(item.sound.end(), sound.begin(), sound.end());
    ++making.sent;
}

void RealtimeTalk::finish_message() {
    json::object common{{"response_id", making_->id},
                        {"item_id", making_->item},
                        {"output_index", 0},
                        {"content_index", 0}};
    auto words = common;
    words["type"] = name("response.output_audio_transcript.done", "response.audio_transcript.done");
    words["transcript"] = making_->answer.text;
    common["type"] = name("response.output_audio.done", "response.audio.done");
    send(common);
    send(words);
    send({{"type", "response.output_item.done"},
          {"response_id", making_->id},
          {"output_index", 0},
          {"item", json::object{{"id", making_->item},
                                {"type", "message"},
                                {"role", "assistant"},
                                {"status", "completed"}}}});
}

void RealtimeTalk::finish(std::string_view status, std::string_view reason) {
    const auto making = std::move(*making_);
    json::array output;
    if (status == "completed") {
        for (const auto& call : making.answer.calls) {
            const auto call_id = fresh("call");
            calls_.emplace(call_id, false);
            const json::object item{{"id", fresh("item")},   {"type", "function_call"},
                                    {"status", "completed"}, {"call_id", call_id},
                                    {"name", call.name},     {"arguments", call.arguments}};
            send({{"type", "response.function_call_arguments.done"},
                  {"response_id", making.id},
                  {"call_id", call_id},
                  {"name", call.name},
                  {"arguments", call.arguments}});
            send({{"type", "response.output_item.done"},
                  {"response_id", making.id},
                  {"output_index", output.size()},
                  {"item", item}});
            output.push_back(item);
        }
    }
    making_.reset();
    json::object details{{"type", status}};
    if (status == "cancelled") details["reason"] = reason;
    if (status == "failed") {
        details["error"] = json::object{{"type", "server_error"},
                                        {"code", reason},
                                        {"message", "It failed: " + std::string(reason) + "."}};
    }
    send({{"type", "response.done"},
          {"response", json::object{{"id", making.id},
                                    {"object", "realtime.response"},
                                    {"status", status},
                                    {"status_details", std::move(details)},
                                    {"output", std::move(output)}}}});
    send({{"type", "rate_limits.updated"},
          {"rate_limits", json::array{json::object{{"name", "tokens"},
                                                   {"limit", 40000},
                                                   {"remaining", 39000},
                                                   {"reset_seconds", 0.5}}}}});
}

void RealtimeTalk::cancel_making(std::string_view reason) {
    if (!making_) return;
    clock_.cancel(std::exchange(timer_, Clock::kNoTimer));
    for (int i = 0; i < making_->answer.late && making_->sent < making_->pieces; ++i) send_piece();
    finish("cancelled", reason);
}

}  // namespace bridge::test
