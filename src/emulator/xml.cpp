#include "emulator/xml.hpp"

#include <algorithm>
#include <cstdint>

namespace bridge::emulator {
namespace {

constexpr std::size_t kMaxDepth = 64;

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool starts_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           static_cast<unsigned char>(c) >= 0x80;
}

bool continues_name(char c) {
    return starts_name(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

bool is_xml_char(std::uint32_t code) {
    if (code == 0x9 || code == 0xA || code == 0xD) return true;
    return (code >= 0x20 && code <= 0xD7FF) || (code >= 0xE000 && code <= 0xFFFD) ||
           (code >= 0x10000 && code <= 0x10FFFF);
}

void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | (code >> 6U));
        put(0x80 | (code & 0x3FU));
    } else if (code < 0x10000) {
        put(0xE0 | (code >> 12U));
        put(0x80 | ((code >> 6U) & 0x3FU));
        put(0x80 | (code & 0x3FU));
    } else {
        put(0xF0 | (code >> 18U));
        put(0x80 | ((code >> 12U) & 0x3FU));
        put(0x80 | ((code >> 6U) & 0x3FU));
        put(0x80 | (code & 0x3FU));
    }
}

/// Where the first byte stands that is not UTF-8 or not allowed in XML; npos: nowhere.
std::size_t first_illegal(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        std::size_t more = 0;
        std::uint32_t code = lead;
        std::uint32_t least = 0;
        if (lead >= 0xF0 && lead < 0xF8) {
            more = 3, code = lead & 0x07U, least = 0x10000;
        } else if (lead >= 0xE0 && lead < 0xF0) {
            more = 2, code = lead & 0x0FU, least = 0x800;
        } else if (lead >= 0xC0 && lead < 0xE0) {
            more = 1, code = lead & 0x1FU, least = 0x80;
        } else if (lead >= 0x80) {
            return i;
        }
        if (i + more >= text.size() && more > 0) return i;
        for (std::size_t k = 1; k <= more; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if ((next & 0xC0U) != 0x80U) return i;
            code = (code << 6U) | (next & 0x3FU);
        }
        if (code < least || !is_xml_char(code)) return i;
        i += more + 1;
    }
    return std::string_view::npos;
}

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    /// Throws XmlError; parse_xml turns it into its result.
    XmlElement document() {
        if (const auto bad = first_illegal(text_); bad != std::string_view::npos) {
            at_ = bad;
            stop("a byte that is not UTF-8, or a control character");
        }
        if (text_.substr(0, 3) == "\xEF\xBB\xBF") at_ = 3;
        if (looking_at("<?xml") && at_ + 5 < text_.size() && is_space(text_[at_ + 5])) {
            skip_past("?>", "the XML declaration is not closed");
        }
        between_elements();
        if (!looking_at("<")) {
            stop(at_ == text_.size() ? "the document is empty" : "text outside the root element");
        }
        auto root = element(0);
        between_elements();
        if (at_ != text_.size()) stop("content after the root element");
        return root;
    }

private:
    [[noreturn]] void stop(std::string message) const {
        const auto before = text_.substr(0, at_);
        const auto line =
            static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
        const auto newline = before.rfind('\n');
        const auto column = newline == std::string_view::npos ? at_ + 1 : at_ - newline;
        throw XmlError{line, column, std::move(message)};
    }

    bool looking_at(std::string_view what) const { return text_.substr(at_, what.size()) == what; }

    void skip_spaces() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }

    void skip_past(std::string_view what, const char* otherwise) {
        const auto end = text_.find(what, at_);
        if (end == std::string_view::npos) stop(otherwise);
        at_ = end + what.size();
    }

    void comment() {
        at_ += 4;
        const auto end = text_.find("--", at_);
        if (end == std::string_view::npos) stop("a comment is not closed");
        at_ = end;
        if (!looking_at("-->")) stop("'--' inside a comment");
        at_ += 3;
    }

    void instruction() {
        const auto target = text_.substr(at_ + 2, 3);
        const bool declaration = target.size() == 3 && (target[0] | 0x20) == 'x' &&
                                 (target[1] | 0x20) == 'm' && (target[2] | 0x20) == 'l' &&
                                 at_ + 5 < text_.size() && !continues_name(text_[at_ + 5]);
        if (declaration) stop("the XML declaration must be the first thing in the document");
        skip_past("?>", "a processing instruction is not closed");
    }

    void between_elements() {
        for (;;) {
            skip_spaces();
            if (looking_at("<!--")) {
                comment();
            } else if (looking_at("<?")) {
                instruction();
            } else if (looking_at("<!DOCTYPE")) {
                stop("a document type declaration is not allowed");
            } else {
                return;
            }
        }
    }

    std::string name(const char* what) {
        const auto start = at_;
        if (at_ >= text_.size() || !starts_name(text_[at_])) stop(what);
        while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
        return std::string(text_.substr(start, at_ - start));
    }

    void reference(std::string& out) {
        const auto end = text_.find(';', at_);
        const auto entity = end == std::string_view::npos ? std::string_view{}
                                                          : text_.substr(at_ + 1, end - at_ - 1);
        if (entity == "amp") {
            out += '&';
        } else if (entity == "lt") {
            out += '<';
        } else if (entity == "gt") {
            out += '>';
        } else if (entity == "quot") {
            out += '"';
        } else if (entity == "apos") {
            out += '\'';
        } else if (entity.size() >= 2 && entity[0] == '#') {
            append_utf8(out, character(entity.substr(1)));
        } else {
            stop("'&' must be written as '&amp;'");
        }
        at_ = end + 1;
    }

    std::uint32_t character(std::string_view digits) const {
        const bool hex = digits[0] == 'x';
        if (hex) digits.remove_prefix(1);
        std::uint32_t code = 0;
        for (const char c : digits) {
            std::uint32_t value = 99;
            if (c >= '0' && c <= '9') value = static_cast<std::uint32_t>(c - '0');
            if (hex && c >= 'a' && c <= 'f') value = static_cast<std::uint32_t>(c - 'a') + 10;
            if (hex && c >= 'A' && c <= 'F') value = static_cast<std::uint32_t>(c - 'A') + 10;
            if (value == 99 || code > 0x10FFFF) stop("a character reference is not a number");
            code = code * (hex ? 16 : 10) + value;
        }
        if (digits.empty() || !is_xml_char(code)) stop("a character reference XML does not allow");
        return code;
    }

    std::string attribute_value() {
        if (!looking_at("\"") && !looking_at("'")) stop("an attribute's value is not in quotes");
        const char quote = text_[at_++];
        std::string value;
        for (;;) {
            if (at_ >= text_.size()) stop("an attribute's value is not closed");
            const char c = text_[at_];
            if (c == quote) break;
            if (c == '<') stop("'<' in an attribute must be written as '&lt;'");
            if (c == '&') {
                reference(value);
            } else {
                value += is_space(c) ? ' ' : c;
                ++at_;
            }
        }
        ++at_;
        return value;
    }

    XmlElement element(std::size_t depth) {
        if (depth >= kMaxDepth) stop("elements are nested too deeply");
        XmlElement out;
        out.line = static_cast<std::size_t>(std::count(
                       text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n')) +
                   1;
        ++at_;
        out.name = name("an element's name was expected after '<'");
        for (;;) {
            const auto before = at_;
            skip_spaces();
            if (looking_at("/>")) {
                at_ += 2;
                return out;
            }
            if (looking_at(">")) {
                ++at_;
                content(out, depth);
                return out;
            }
            if (before == at_) stop("white space was expected before an attribute");
            auto key = name("an attribute's name was expected");
            if (out.attribute(key)) stop("attribute '" + key + "' comes twice");
            skip_spaces();
            if (!looking_at("=")) stop("attribute '" + key + "' has no value");
            ++at_;
            skip_spaces();
            auto value = attribute_value();
            out.attributes.emplace_back(std::move(key), std::move(value));
        }
    }

    void content(XmlElement& parent, std::size_t depth) {
        for (;;) {
            if (at_ >= text_.size()) stop("element '" + parent.name + "' is not closed");
            if (looking_at("</")) {
                const auto start = at_;
                at_ += 2;
                const auto closing = name("an element's name was expected after '</'");
                skip_spaces();
                if (closing != parent.name || !looking_at(">")) {
                    at_ = start;
                    stop("'</" + closing + "' does not close '<" + parent.name + ">'");
                }
                ++at_;
                return;
            }
            if (looking_at("<!--")) {
                comment();
            } else if (looking_at("<![CDATA[")) {
                const auto start = at_ + 9;
                skip_past("]]>", "a CDATA section is not closed");
                parent.text += text_.substr(start, at_ - 3 - start);
            } else if (looking_at("<?")) {
                instruction();
            } else if (looking_at("<!")) {
                stop("a declaration inside an element");
            } else if (looking_at("<")) {
                auto child = element(depth + 1);
                parent.text += child.text;
                parent.children.push_back(std::move(child));
            } else if (looking_at("&")) {
                reference(parent.text);
            } else if (looking_at("]]>")) {
                stop("']]>' outside a CDATA section");
            } else {
                parent.text += text_[at_++];
            }
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::optional<std::string> XmlElement::attribute(std::string_view key) const {
    for (const auto& [name_, value] : attributes) {
        if (name_ == key) return value;
    }
    return std::nullopt;
}

std::string XmlElement::attribute_or(std::string_view key, std::string otherwise) const {
    auto value = attribute(key);
    return value ? *std::move(value) : std::move(otherwise);
}

tl::expected<XmlElement, XmlError> parse_xml(std::string_view text) {
    try {
        return Reader(text).document();
    } catch (XmlError& error) {
        return tl::unexpected<XmlError>(std::move(error));
    }
}

}  // namespace bridge::emulator
