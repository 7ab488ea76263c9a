#pragma once
// What the dialects that tell words with their times have in common.

#include <algorithm>
#include <boost/json/object.hpp>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "net/wire_text.hpp"

namespace bridge::transcribers {

inline constexpr std::size_t kMostText = 16 * 1024;  ///< bytes of one utterance
inline constexpr std::size_t kMostWords = 2000;      ///< of one utterance

/// A time in seconds; 0 if it is missing, at most eleven days.
inline std::chrono::milliseconds seconds_of(const boost::json::object& object,
                                            std::string_view name) {
    const auto value = std::clamp(net::number_field(object, name).value_or(0), 0.0, 1e6);
    return std::chrono::milliseconds(std::llround(value * 1000));
}

/// The end of a word, which is not before its begin, whatever the service says.
inline std::chrono::milliseconds end_of(const boost::json::object& word,
                                        std::chrono::milliseconds begin) {
    return std::max(begin, seconds_of(word, "end"));
}

}  // namespace bridge::transcribers
