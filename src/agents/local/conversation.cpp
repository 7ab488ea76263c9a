#include "agents/local/conversation.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <utility>

namespace bridge::agents::local {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostMessages = 80;
constexpr std::size_t kMostText = 48 * 1024;  // small models take some 8,000 words
constexpr std::size_t kLongestMessage = 8 * 1024;

}  // namespace

Conversation::Message& Conversation::add(Role role, std::string_view text) {
    messages_.push_back({role, std::string(text.substr(0, kLongestMessage)), {}, {}, ++last_});
    forget_oldest();
    return messages_.back();
}

/// From the front, and never so that a tool's result stands without the reply that asked for it.
void Conversation::forget_oldest() {
    std::size_t text = 0;
    for (const auto& one : messages_) text += one.text.size();
    while (messages_.size() > 2 && (messages_.size() > kMostMessages || text > kMostText)) {
        do {
            text -= messages_.front().text.size();
            messages_.pop_front();
        } while (messages_.size() > 1 && messages_.front().role == Role::tool);
    }
}

void Conversation::caller(std::string_view text) {
    reply_open_ = false;
    if (!messages_.empty() && messages_.back().role == Role::caller &&
        messages_.back().text.size() + text.size() < kLongestMessage) {
        messages_.back().text.append(" ").append(text);
        return;
    }
    add(Role::caller, text);
}

void Conversation::note(std::string_view text) {
    add(Role::note, text);
}

std::deque<Conversation::Message>::iterator Conversation::find(std::uint64_t number) {
    return std::find_if(messages_.begin(), messages_.end(),
                        [&](const Message& one) { return one.number == number; });
}

std::uint64_t Conversation::reply(std::string_view more) {
    if (!std::exchange(reply_open_, true)) last_reply_ = add(Role::reply, {}).number;
    const auto found = find(last_reply_);
    if (found != messages_.end() && found->text.size() + more.size() <= kLongestMessage)
        found->text += more;
    return last_reply_;
}

void Conversation::end_reply(std::vector<call::ToolCall> tools) {
    if (!tools.empty()) {
        const auto found = find(reply({}));
        if (found != messages_.end()) found->tools = std::move(tools);
    }
    reply_open_ = false;
}

void Conversation::cut_reply(std::uint64_t number, std::string_view heard) {
    if (number == last_reply_) reply_open_ = false;
    const auto found = find(number);
    if (found == messages_.end()) return;
    if (heard.empty() && found->tools.empty()) {
        messages_.erase(found);
    } else {
        found->text = heard;
    }
}

void Conversation::tool_result(const call::ToolResult& result) {
    auto text = result.failed ? "It failed: " + result.output : result.output;
    add(Role::tool, text).tool_id = result.id;
}

bool Conversation::owes_answer() const {
    for (auto one = messages_.rbegin(); one != messages_.rend(); ++one)
        if (one->role != Role::note) return one->role == Role::caller || one->role == Role::tool;
    return false;
}

std::string Conversation::request(const std::string& model,
                                  const std::vector<call::ToolSpec>& tools) const {
    json::array messages;
    if (!instructions_.empty())
        messages.push_back({{"role", "system"}, {"content", instructions_}});
    for (const auto& one : messages_) {
        json::object message;
        message["role"] = one.role == Role::caller  ? "user"
                          : one.role == Role::note  ? "system"
                          : one.role == Role::reply ? "assistant"
                                                    : "tool";
        message["content"] = one.text;
        if (one.role == Role::tool) message["tool_call_id"] = one.tool_id;
        json::array calls;
        for (const auto& tool : one.tools)
            calls.push_back({{"id", tool.id},
                             {"type", "function"},
                             {"function", {{"name", tool.name}, {"arguments", tool.arguments}}}});
        if (!calls.empty()) message["tool_calls"] = std::move(calls);
        messages.push_back(std::move(message));
    }
    json::object body;
    body["model"] = model;
    body["stream"] = true;
    body["messages"] = std::move(messages);
    json::array functions;
    for (const auto& tool : tools) {
        boost::system::error_code error;
        auto parameters = json::parse(tool.parameters, error);
        if (error) parameters = json::object{{"type", "object"}, {"properties", json::object{}}};
        functions.push_back({{"type", "function"},
                             {"function",
                              {{"name", tool.name},
                               {"description", tool.description},
                               {"parameters", std::move(parameters)}}}});
    }
    if (!functions.empty()) body["tools"] = std::move(functions);
    return json::serialize(body);
}

std::string first_part(const std::string& text, double part) {
    if (part >= 1.0) return text;
    const auto most = static_cast<std::size_t>(
        std::lround(std::max(0.0, part) * static_cast<double>(text.size())));
    const auto space = text.rfind(' ', most);
    return space == std::string::npos || most == 0 ? std::string() : text.substr(0, space);
}

}  // namespace bridge::agents::local
