#pragma once
// A small strict XML 1.0 reader for TwiML: elements, attributes, text, entities, CDATA, comments
// and the declaration. No document types: a TwiML document has none, and entities of one's own are
// a risk.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <optional>

#include <tl/expected.hpp>

namespace bridge::emulator {

struct XmlElement {
    std::string name;
    std::vector<std::pair<std::string, std::string>> attributes;  ///< in their order
    std::vector<XmlElement> children;
    std::string text;  ///< all character data inside, that of children included, in its order
    std::size_t line = 0;

    std::optional<std::string> attribute(std::string_view key) const;
    std::string attribute_or(std::string_view key, std::string otherwise) const;
};

struct XmlError {
    std::size_t line = 0, column = 0;
    std::string message;
};

/// The root element. `text` is UTF-8; nesting is limited to 64 levels.
tl::expected<XmlElement, XmlError> parse_xml(std::string_view text);

}  // namespace bridge::emulator
