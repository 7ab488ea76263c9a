#include "transcribers/spoken_digits.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace bridge::transcribers {
namespace {

using Named = std::pair<std::string_view, std::string_view>;

/// English, German, Spanish and French.
constexpr std::array kDigits = std::to_array<Named>({
    {"zero", "0"},   {"oh", "0"},    {"o", "0"},      {"one", "1"},   {"two", "2"},
    {"three", "3"},  {"four", "4"},  {"five", "5"},   {"six", "6"},   {"seven", "7"},
    {"eight", "8"},  {"nine", "9"},  {"null", "0"},   {"eins", "1"},  {"zwei", "2"},
    {"zwo", "2"},    {"drei", "3"},  {"vier", "4"},   {"fünf", "5"},  {"sechs", "6"},
    {"sieben", "7"}, {"acht", "8"},  {"neun", "9"},   {"cero", "0"},  {"uno", "1"},
    {"dos", "2"},    {"tres", "3"},  {"cuatro", "4"}, {"cinco", "5"}, {"seis", "6"},
    {"siete", "7"},  {"ocho", "8"},  {"nueve", "9"},  {"zéro", "0"},  {"un", "1"},
    {"deux", "2"},   {"trois", "3"}, {"quatre", "4"}, {"cinq", "5"},  {"sept", "7"},
    {"huit", "8"},   {"neuf", "9"},
});
constexpr std::array kTeens = std::to_array<Named>({
    {"ten", "10"},
    {"eleven", "11"},
    {"twelve", "12"},
    {"thirteen", "13"},
    {"fourteen", "14"},
    {"fifteen", "15"},
    {"sixteen", "16"},
    {"seventeen", "17"},
    {"eighteen", "18"},
    {"nineteen", "19"},
});
constexpr std::array kTens = std::to_array<Named>({
    {"twenty", "2"},
    {"thirty", "3"},
    {"forty", "4"},
    {"fifty", "5"},
    {"sixty", "6"},
    {"seventy", "7"},
    {"eighty", "8"},
    {"ninety", "9"},
});
/// Between the digits of one number.
constexpr std::array<std::string_view, 22> kFillers{
    "uh", "um",  "er",   "erm",    "eh",    "ah", "hm",  "mm",  "and",  "then", "dash",
    "ok", "yes", "okay", "hyphen", "space", "äh", "ähm", "und", "dann", "y",    "et"};
constexpr std::size_t kMostFillers = 2;  // on end

template <class List>
std::string_view look_up(const List& list, std::string_view word) {
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&](const auto& entry) { return entry.first == word; });
    return found == list.end() ? std::string_view() : found->second;
}

bool in_word(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) != 0 || byte >= 0x80;
}

/// Reads the words of a text one by one, and gathers the runs.
class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    std::vector<DigitRun> read() {
        std::size_t at = 0;
        while (at < text_.size()) {
            if (!in_word(text_[at])) {
                ++at;
                continue;
            }
            const auto begin = at;
            while (at < text_.size() && in_word(text_[at])) ++at;
            word(begin, at);
        }
        if (!run_.groups.empty()) {
            run_.reaches_end = true;
            runs_.push_back(std::move(run_));
        }
        return std::move(runs_);
    }

private:
    void word(std::size_t begin, std::size_t end) {
        std::string low(text_.substr(begin, end - begin));
        for (auto& c : low) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        const bool number = std::all_of(low.begin(), low.end(),
                                        [](unsigned char c) { return std::isdigit(c) != 0; });
        if (number) return add(low, begin, end);
        if (low == "double" || low == "triple") {
            times_ = low == "double" ? 2 : 3;
            times_begin_ = begin;
            return;
        }
        if (const auto digit = look_up(kDigits, low); !digit.empty())
            return unit(digit, begin, end);
        if (const auto teen = look_up(kTeens, low); !teen.empty()) return add(teen, begin, end);
        if (const auto ten = look_up(kTens, low); !ten.empty()) {
            add(std::string(ten) + '0', begin, end);
            after_ten_ = true;
            return;
        }
        const bool filler = std::find(kFillers.begin(), kFillers.end(), low) != kFillers.end();
        if (filler && ++fillers_ <= kMostFillers) return;
        break_off();
    }

    /// The word for one digit: alone, doubled, or the second half of "forty-one".
    void unit(std::string_view digit, std::size_t begin, std::size_t end) {
        if (times_ > 1) return add(std::string(times_, digit.front()), times_begin_, end);
        if (after_ten_ && fillers_ == 0 && digit != "0") {
            run_.digits.back() = digit.front();
            run_.groups.back().end = end;
            after_ten_ = false;
            return;
        }
        add(digit, begin, end);
    }

    void add(std::string_view digits, std::size_t begin, std::size_t end) {
        run_.groups.push_back({begin, end, run_.digits.size()});
        run_.digits += digits;
        fillers_ = 0;
        times_ = 1;
        after_ten_ = false;
    }

    void break_off() {
        if (!run_.groups.empty()) runs_.push_back(std::exchange(run_, {}));
        fillers_ = 0;
        times_ = 1;
        after_ten_ = false;
    }

    const std::string_view text_;
    std::vector<DigitRun> runs_;
    DigitRun run_;
    std::size_t fillers_ = 0, times_ = 1, times_begin_ = 0;
    bool after_ten_ = false;
};

}  // namespace

std::vector<DigitRun> digit_runs(std::string_view text) {
    return Reader(text).read();
}

bool luhn(std::string_view digits) {
    int sum = 0;
    bool twice = false;
    for (auto at = digits.rbegin(); at != digits.rend(); ++at) {
        int value = *at - '0';
        if (twice) value = value > 4 ? value * 2 - 9 : value * 2;
        sum += value;
        twice = !twice;
    }
    return !digits.empty() && sum % 10 == 0;
}

bool looks_like_card(std::string_view digits) {
    const auto size = digits.size();
    if (size < 13 || size > 19) return false;
    switch (digits.front()) {
        case '4':
            return size == 13 || size == 16 || size == 19;
        case '2':
        case '5':
            return size == 16;
        case '3':  // American Express, Diners, JCB
            return size >= 14 && size <= 16;
        case '6':
            return size >= 16;
        default:
            return false;
    }
}

}  // namespace bridge::transcribers
