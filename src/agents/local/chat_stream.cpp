#include "agents/local/chat_stream.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <utility>

namespace bridge::agents::local {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestLine = 256 * 1024;
constexpr std::size_t kMostTools = 16;

const json::value* member(const json::value* from, std::string_view name) {
    const auto* object = from == nullptr ? nullptr : from->if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
}

std::string_view text_of(const json::value* value) {
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string_view{} : std::string_view(*text);
}

/// "error": {"message": "…"} of OpenAI, "error": "…" of Ollama.
std::string error_of(const json::value& event) {
    const auto* error = member(&event, "error");
    if (error == nullptr || error->is_null()) return {};
    auto text =
        std::string(error->is_string() ? text_of(error) : text_of(member(error, "message")));
    if (text.empty()) text = "an error without words";
    if (text.size() > 200) text.resize(200);
    for (auto& c : text)
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    return text;
}

}  // namespace

Result<std::string> ChatStream::take(std::string_view bytes) {
    std::string fresh;
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        rest_ += bytes.substr(0, end);
        if (rest_.size() > kLongestLine)
            return fail(Errc::too_large, "a line of the language model's answer is over 256 KiB");
        if (end == std::string_view::npos) break;
        bytes.remove_prefix(end + 1);
        // A whole answer at once is JSON over several lines: it is kept together.
        if (!events_ && !rest_.empty() && rest_.front() == '{') {
            rest_ += '\n';
            continue;
        }
        auto text = line(std::exchange(rest_, {}));
        if (!text) return text;
        fresh += *text;
    }
    return fresh;
}

Result<std::string> ChatStream::line(std::string_view text) {
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (text.substr(0, 5) != "data:") return std::string();  // comments, "event:", empty lines
    events_ = true;
    text.remove_prefix(5);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    if (text == "[DONE]") {
        complete_ = true;
        return std::string();
    }
    return text.empty() || complete_ ? std::string() : data(text);
}

Result<std::string> ChatStream::data(std::string_view text) {
    boost::system::error_code error;
    const auto event = json::parse(text, error);
    if (error) return fail(Errc::not_json, "the language model's server sent what is no JSON");
    if (auto words = error_of(event); !words.empty()) return fail(Errc::refused, words);
    const auto* choices = member(&event, "choices");
    const auto* list = choices == nullptr ? nullptr : choices->if_array();
    if (list == nullptr || list->empty()) return std::string();
    const auto* choice = &list->front();
    // Streamed pieces are "delta"s; an answer that came at once is a "message".
    const auto* piece = member(choice, "delta");
    if (piece == nullptr) piece = member(choice, "message");
    if (!text_of(member(choice, "finish_reason")).empty()) complete_ = true;
    const auto* calls = member(piece, "tool_calls");
    const auto* several = calls == nullptr ? nullptr : calls->if_array();
    if (several != nullptr) {
        std::int64_t place = 0;
        for (const auto& one : *several) {
            const auto* index = member(&one, "index");
            const auto at = index != nullptr && index->is_int64() ? index->as_int64() : place;
            ++place;
            if (!tools_.contains(at) && tools_.size() == kMostTools)
                return fail(Errc::too_large, "the language model wants over 16 tools at once");
            auto& tool = tools_[at];
            const auto* function = member(&one, "function");
            if (const auto id = text_of(member(&one, "id")); !id.empty()) tool.id = id;
            if (const auto name = text_of(member(function, "name")); !name.empty())
                tool.name = name;
            tool.arguments += text_of(member(function, "arguments"));
            if (tool.arguments.size() > kLongestLine)
                return fail(Errc::too_large, "a tool's arguments are over 256 KiB");
        }
    }
    return std::string(text_of(member(piece, "content")));
}

Result<std::string> ChatStream::finish() {
    auto last = std::exchange(rest_, {});
    if (!events_ && !last.empty() && last.front() == '{') {
        auto text = data(last);
        if (text && !complete_) return fail(Errc::protocol, "the answer ends in the middle");
        return text;
    }
    auto text = line(last);
    if (text && !complete_) return fail(Errc::protocol, "the answer ends in the middle");
    return text;
}

std::vector<call::ToolCall> ChatStream::tools() const {
    std::vector<call::ToolCall> out;
    for (const auto& [place, tool] : tools_) {
        if (tool.name.empty()) continue;
        out.push_back(tool);
        if (out.back().id.empty()) out.back().id = "call_" + std::to_string(place);
        if (out.back().arguments.empty()) out.back().arguments = "{}";
    }
    return out;
}

}  // namespace bridge::agents::local
