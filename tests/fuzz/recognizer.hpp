#pragma once
// A session at a service that understands speech, as the fuzzers drive it: each line of the input
// is a message of the service, or what happens on this side ("!sound", "!end"). Whatever the
// service says, what comes of it can be shown, kept and redacted.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "net/wire_text.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "transcribers/dialect.hpp"
#include "transcribers/redaction.hpp"

namespace bridge::fuzz {

inline void must_be_sound(const transcribers::Hearing& hearing) {
    must(hearing.utterance > 0, "utterances count from 1");
    must(hearing.begin.count() >= 0 && hearing.begin <= hearing.end, "it ends after its begin");
    must(net::valid_text(hearing.text, hearing.text.size()) == hearing.text, "its text is UTF-8");
    const auto is_part = [](const std::optional<float>& one) {
        return !one || (*one >= 0 && *one <= 1);
    };
    must(is_part(hearing.confidence), "confidence is 0 to 1");
    for (const auto& word : hearing.words) {
        must(word.begin <= word.end, "a word ends after its begin");
        must(net::valid_text(word.text, word.text.size()) == word.text, "a word is UTF-8");
        must(is_part(word.confidence), "a word's confidence is 0 to 1");
    }
}

inline void drive(transcribers::Dialect& dialect, std::string_view script) {
    static const auto rules = *transcribers::RedactionRules::make(true, {});
    transcribers::SideRedaction redaction(rules);
    static_cast<void>(dialect.opened());
    const std::array<std::int16_t, 160> silence{};
    while (!script.empty()) {
        const auto line = script.substr(0, script.find('\n'));
        script.remove_prefix(std::min(script.size(), line.size() + 1));
        if (line == "!sound") {
            if (dialect.takes_sound()) static_cast<void>(dialect.sound(silence));
            continue;
        }
        if (line == "!end") {
            static_cast<void>(dialect.finish());
            continue;
        }
        const auto replies = dialect.received(line, true);
        must(!replies.settled || replies.settled->count() >= 0, "time does not go backwards");
        for (const auto& heard : replies.heard) {
            must_be_sound(heard);
            call::TranscriptPiece piece;
            piece.number = heard.utterance;
            piece.final = heard.final;
            piece.begin = heard.begin;
            piece.end = heard.end;
            piece.text = heard.text;
            piece.words = heard.words;
            for (const auto& out : redaction.take(std::move(piece))) {
                for (const auto& span : out.spans)
                    must(span.begin <= span.until, "silence ends after its begin");
            }
        }
    }
    static_cast<void>(redaction.finish());
    static_cast<void>(dialect.finished());
}

/// With the service as the settings without anything special have it.
inline int drive_session(const transcribers::Service& service, const std::uint8_t* bytes,
                         std::size_t count) {
    drive(*service.session(service), text_of(bytes, count));
    return 0;
}

}  // namespace bridge::fuzz
