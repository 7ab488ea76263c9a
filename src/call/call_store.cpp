#include "call/call_store.hpp"

#include <tuple>

namespace bridge::call {

bool is_newer(const CallPlace& left, const CallPlace& right) {
    return std::tie(left.created, left.id) > std::tie(right.created, right.id);
}

CallPlace place_of(const CallSnapshot& call) {
    return {call.created, call.id};
}

CallPlace place_of(const StoredCall& call) {
    return {call.created, call.id};
}

std::string_view to_string(TextMatch::Where where) {
    switch (where) {
        case TextMatch::Where::transcript:
            return "transcript";
        case TextMatch::Where::number:
            return "number";
        case TextMatch::Where::reason:
            return "reason";
        case TextMatch::Where::message:
            return "message";
    }
    return "transcript";
}

}  // namespace bridge::call
