#include "emulator/faults.hpp"

#include <array>
#include <boost/json/serialize.hpp>
#include <string>
#include <string_view>

namespace bridge::emulator {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 5> kSignature{"ok", "wrong", "missing", "trailing_slash",
                                                     "https"};
constexpr std::array<std::string_view, 3> kCallbacks{"ok", "duplicate", "reverse"};
constexpr std::array<std::string_view, 5> kCreate{"ok", "429", "500_before", "500_after",
                                                  "timeout_after"};

template <class E, std::size_t N>
Result<> choose(E& out, const std::array<std::string_view, N>& names, const json::value& value,
                std::string_view key) {
    if (const auto* text = value.if_string()) {
        for (std::size_t i = 0; i < N; ++i) {
            if (std::string_view(*text) != names[i]) continue;
            out = static_cast<E>(i);
            return {};
        }
    }
    std::string allowed;
    for (const auto name : names) allowed += (allowed.empty() ? "" : ", ") + std::string(name);
    return fail(Errc::bad_field, std::string(key) + ": " + json::serialize(value) +
                                     " is not one of " + allowed + ".");
}

Result<std::int64_t> count(const json::value& value, std::string_view key, std::int64_t most) {
    const auto* number = value.if_int64();
    if (number == nullptr || *number < 0 || *number > most) {
        return fail(Errc::bad_field, std::string(key) + ": " + json::serialize(value) +
                                         " is not a whole number from 0 to " +
                                         std::to_string(most) + ".");
    }
    return *number;
}

}  // namespace

Result<> Faults::apply(const json::object& change) {
    auto next = *this;
    for (const auto& [name, value] : change) {
        const std::string_view key = name;
        Result<> done;
        if (key == "signature") {
            done = choose(next.signature, kSignature, value, key);
        } else if (key == "callbacks") {
            done = choose(next.callbacks, kCallbacks, value, key);
        } else if (key == "create") {
            done = choose(next.create, kCreate, value, key);
        } else if (key == "create_times") {
            const auto times = count(value, key, 1'000'000);
            if (!times) return tl::unexpected(times.error());
            next.create_times = static_cast<int>(*times);
        } else if (key == "voice_webhook_delay_ms") {
            const auto delay = count(value, key, 600'000);
            if (!delay) return tl::unexpected(delay.error());
            next.voice_webhook_delay = std::chrono::milliseconds(*delay);
        } else {
            done = fail(Errc::bad_field,
                        std::string(key) +
                            ": no such switch. There are signature, callbacks, create, "
                            "create_times and voice_webhook_delay_ms.");
        }
        if (!done) return done;
    }
    *this = next;
    return {};
}

json::object Faults::to_json() const {
    return {{"signature", kSignature[static_cast<std::size_t>(signature)]},
            {"callbacks", kCallbacks[static_cast<std::size_t>(callbacks)]},
            {"create", kCreate[static_cast<std::size_t>(create)]},
            {"create_times", create_times},
            {"voice_webhook_delay_ms", voice_webhook_delay.count()}};
}

}  // namespace bridge::emulator
