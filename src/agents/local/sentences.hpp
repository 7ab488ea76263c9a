#pragma once
// Cuts a text that is still growing into sentences, so that the first can be spoken while the rest
// is still being thought of.

#include <string>
#include <string_view>
#include <vector>

namespace bridge::agents::local {

class Sentences {
public:
    /// Takes more of the text and returns the sentences that are complete now.
    std::vector<std::string> add(std::string_view more);
    /// What is left when the text is over; may be empty.
    std::string rest();

private:
    std::string text_;
};

/// All sentences of a text.
std::vector<std::string> sentences_of(std::string_view text);

/// Text as it can be read out: no markup, no emoji, no line breaks; at most 1000 characters.
std::string speakable(std::string_view text);

}  // namespace bridge::agents::local
