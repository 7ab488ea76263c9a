#include "stores/call_texts.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <tuple>
#include <utility>

#include "stores/search_text.hpp"

namespace bridge::stores {
namespace {

namespace json = boost::json;
using call::TextMatch;

template <class Each>
void each_text(const call::StoredCall& call, const CallTexts& texts, const Each& each) {
    using Where = TextMatch::Where;
    for (const auto& piece : texts.pieces)
        each(SearchedText{Where::transcript, piece.text, piece.speaker, piece.begin});
    if (texts.pieces.empty()) {
        for (const auto& saying : texts.sayings)
            each(SearchedText{Where::transcript, saying.text, saying.speaker, std::nullopt});
    }
    for (const auto& message : texts.messages) each(SearchedText{Where::message, message});
    each(SearchedText{Where::number, call.to});
    each(SearchedText{Where::number, call.from});
    each(SearchedText{Where::reason, call.reason});
}

json::string json_text(std::string_view text) {
    return json::string(text.data(), text.size());
}

/// As the control API writes times.
std::string format_ended(std::chrono::system_clock::time_point time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(time - whole);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), ms.count());
}

/// As far as the document tells.
std::optional<std::chrono::system_clock::time_point> last_heard_of(const call::StoredCall& call) {
    boost::system::error_code error;
    const auto document = json::parse(call.document, error);
    const auto* object = error ? nullptr : document.if_object();
    const auto* age = object != nullptr ? object->if_contains("duration_ms") : nullptr;
    if (age == nullptr || !age->is_int64()) return std::nullopt;
    return call.created + std::chrono::milliseconds(age->get_int64());
}

void change_document(call::StoredCall& call, const json::object& changes) {
    boost::system::error_code error;
    auto document = json::parse(call.document, error);
    if (error || !document.is_object()) document = json::object();
    for (const auto& [key, value] : changes) document.as_object()[key] = value;
    call.document = json::serialize(document);
}

}  // namespace

std::string searched_body(const call::StoredCall& call, const CallTexts& texts) {
    std::string body;
    each_text(call, texts, [&](const SearchedText& text) {
        if (text.text.empty()) return;
        body += text.text;
        body += '\n';
    });
    return body;
}

std::vector<TextMatch> find_matches(const call::StoredCall& call, const CallTexts& texts,
                                    const std::vector<std::string>& wanted) {
    MatchFinder finder(wanted);
    each_text(call, texts, [&](const SearchedText& text) { finder.look(text); });
    return finder.take();
}

std::string format_words(const std::vector<call::TranscriptWord>& words) {
    if (words.empty()) return {};
    json::array out;
    for (const auto& word : words) {
        json::array one{json_text(word.text), word.begin.count(), word.end.count()};
        if (word.confidence) one.push_back(static_cast<double>(*word.confidence));
        out.push_back(std::move(one));
    }
    return json::serialize(out);
}

std::vector<call::TranscriptWord> parse_words(std::string_view text) {
    std::vector<call::TranscriptWord> words;
    if (text.empty()) return words;
    boost::system::error_code error;
    const auto value = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !value.is_array()) return words;
    for (const auto& entry : value.get_array()) {
        const auto* one = entry.if_array();
        if (one == nullptr || one->size() < 3 || !(*one)[0].is_string() || !(*one)[1].is_int64() ||
            !(*one)[2].is_int64())
            return {};
        call::TranscriptWord word;
        const auto& said = (*one)[0].get_string();
        word.text.assign(said.data(), said.size());
        word.begin = std::chrono::milliseconds((*one)[1].get_int64());
        word.end = std::chrono::milliseconds((*one)[2].get_int64());
        if (one->size() > 3 && (*one)[3].is_double())
            word.confidence = static_cast<float>((*one)[3].get_double());
        words.push_back(std::move(word));
    }
    return words;
}

void end_left_call(call::StoredCall& call, std::chrono::system_clock::time_point now) {
    using call::CallState;
    // Without this program's instructions an answered call ends; of the others nothing is known.
    if (!call::is_final(call.state))
        call.state =
            call.state == CallState::in_progress ? CallState::completed : CallState::failed;
    call.reason = "the program that had this call died before it was over";
    call.ended = std::max(call.created, std::min(now, last_heard_of(call).value_or(now)));
    change_document(call, {{"state", json_text(call::to_string(call.state))},
                           {"reason", call.reason},
                           {"ended", format_ended(*call.ended)},
                           {"streaming", false},
                           {"end_confirmed", false},
                           {"outcome_unknown", true}});
}

void settle_left_call(call::StoredCall& call, const CallSid& sid,
                      std::optional<call::CallState> state, std::string reason) {
    if (!sid.empty()) call.sid = sid;
    if (state) call.state = *state;
    call.reason = std::move(reason);
    change_document(call, {{"state", json_text(call::to_string(call.state))},
                           {"call_sid", call.sid.str()},
                           {"reason", call.reason},
                           {"end_confirmed", state.has_value()},
                           {"outcome_unknown", !state.has_value()}});
}

void clean(call::CallChange& change) {
    const auto mend = [](std::string& text) { text = clean_text(text); };
    auto& call = change.call;
    for (auto* text :
         {&call.to, &call.from, &call.reason, &call.instance, &call.document, &change.timeline})
        mend(*text);
    for (auto& event : change.events) mend(event.document);
    for (auto& saying : change.sayings) mend(saying.text);
    for (auto& message : change.messages) mend(message);
    for (auto& piece : change.pieces) {
        mend(piece.text);
        for (auto& word : piece.words) mend(word.text);
    }
}

bool is_said_before(const call::TranscriptPiece& left, const call::TranscriptPiece& right) {
    return std::tie(left.begin, left.speaker, left.number) <
           std::tie(right.begin, right.speaker, right.number);
}

}  // namespace bridge::stores
