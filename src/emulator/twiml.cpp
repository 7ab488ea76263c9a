#include "emulator/twiml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace bridge::emulator {
namespace {

using Words = std::set<std::string_view>;

struct Vocabulary {
    Words attributes;
    Words children;
};

/// Elements of voice TwiML with the attributes and children each may have.
const std::map<std::string_view, Vocabulary>& vocabulary() {
    static const Words kAmd{"machineDetection",
                            "machineDetectionTimeout",
                            "machineDetectionSpeechThreshold",
                            "machineDetectionSpeechEndThreshold",
                            "machineDetectionSilenceTimeout",
                            "amdStatusCallback",
                            "amdStatusCallbackMethod"};
    static const Words kCallback{"url", "method", "statusCallback", "statusCallbackEvent",
                                 "statusCallbackMethod"};
    const auto with = [](Words base, const Words& more, const Words& again = {}) {
        base.insert(more.begin(), more.end());
        base.insert(again.begin(), again.end());
        return base;
    };
    static const std::map<std::string_view, Vocabulary> kVocabulary{
        {"Response", {{}, {}}},
        {"Say", {{"voice", "language", "loop"}, {}}},
        {"Play", {{"loop", "digits"}, {}}},
        {"Pause", {{"length"}, {}}},
        {"Hangup", {{}, {}}},
        {"Reject", {{"reason"}, {}}},
        {"Redirect", {{"method"}, {}}},
        {"Gather",
         {{"input", "action", "method", "timeout", "speechTimeout", "numDigits", "finishOnKey",
           "hints", "language", "speechModel", "enhanced", "profanityFilter", "bargeIn",
           "actionOnEmptyResult", "partialResultCallback", "partialResultCallbackMethod",
           "maxSpeechTime", "debug"},
          {"Say", "Play", "Pause"}}},
        {"Record",
         {{"action", "method", "timeout", "finishOnKey", "maxLength", "playBeep", "trim",
           "transcribe", "transcribeCallback", "recordingStatusCallback",
           "recordingStatusCallbackMethod", "recordingStatusCallbackEvent"},
          {}}},
        {"Dial",
         {{"action", "method", "timeout", "timeLimit", "callerId", "answerOnBridge", "hangupOnStar",
           "record", "recordingStatusCallback", "recordingStatusCallbackMethod",
           "recordingStatusCallbackEvent", "recordingTrack", "trim", "ringTone", "sequential",
           "referUrl", "referMethod"},
          {"Number", "Conference", "Client", "Sip", "Queue", "Sim", "Application"}}},
        {"Number", {with(kCallback, kAmd, {"sendDigits", "byoc"}), {}}},
        {"Connect",
         {{"action", "method"},
          {"Stream", "ConversationRelay", "VirtualAgent", "Conversation", "Room", "Autopilot"}}},
        {"Start", {{"action", "method"}, {"Stream", "Recording", "Transcription", "Siprec"}}},
        {"Stop", {{}, {"Stream", "Recording", "Transcription", "Siprec"}}},
        {"Stream",
         {{"url", "name", "track", "statusCallback", "statusCallbackMethod", "connectorName"},
          {"Parameter"}}},
        {"Parameter", {{"name", "value"}, {}}},
    };
    return kVocabulary;
}

void compare(const XmlElement& element, std::vector<TwimlComplaint>& warnings) {
    const auto known = vocabulary().find(element.name);
    if (known == vocabulary().end()) return;
    const auto warn = [&](std::string message, std::size_t line) {
        warnings.push_back({12200, true, fmt::format("line {}: {}", line, message)});
    };
    for (const auto& [name, value] : element.attributes) {
        if (known->second.attributes.count(name) == 0) {
            warn(fmt::format("<{}> has no attribute '{}'", element.name, name), element.line);
        }
    }
    for (const auto& child : element.children) {
        // SSML inside <Say> is spoken as plain text, without a word about it.
        if (element.name == "Say") continue;
        const bool allowed = element.name == "Response"
                                 ? is_voice_verb(child.name)
                                 : known->second.children.count(child.name) > 0;
        if (!allowed) {
            warn(fmt::format("<{}> is not allowed in <{}> (names are case sensitive)", child.name,
                             element.name),
                 child.line);
        }
        compare(child, warnings);
    }
}

}  // namespace

bool is_voice_verb(std::string_view name) {
    static const Words kVerbs{"Say",    "Play", "Pause",   "Hangup", "Reject", "Redirect", "Gather",
                              "Record", "Dial", "Connect", "Start",  "Stop",   "Enqueue",  "Leave",
                              "Refer",  "Pay",  "Prompt",  "Echo",   "Queue",  "Sms"};
    return kVerbs.count(name) > 0;
}

tl::expected<TwimlDocument, TwimlComplaint> parse_twiml(std::string_view text) {
    auto root = parse_xml(text);
    if (!root) {
        return tl::unexpected(TwimlComplaint{
            12100, false,
            fmt::format("Document parse failure: line {}, column {}: {}", root.error().line,
                        root.error().column, root.error().message)});
    }
    if (root->name != "Response") {
        return tl::unexpected(TwimlComplaint{
            12100, false,
            fmt::format("Document parse failure: line {}: the root element is <{}>, not <Response>",
                        root->line, root->name)});
    }
    TwimlDocument document;
    compare(*root, document.warnings);
    document.response = *std::move(root);
    return document;
}

}  // namespace bridge::emulator
