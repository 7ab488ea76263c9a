#pragma once
// The small print of a capture file: how numbers, texts and sound are written down, and read back
// from a file that may be cut off, damaged or made up (docs/capture-format.md).
//
//   fields(archive, value)   one description of a type (fields.hpp) serves both directions:
//   Out                      appends to a buffer
//   In                       reads from one; after the first problem everything is zero and empty

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "capture/number.hpp"
#include "capture/scrub.hpp"
#include "capture/sound_code.hpp"

namespace bridge::capture {

using Bytes = std::vector<std::uint8_t>;

/// The last enumerator of an enum that is written down: whatever is beyond it is damage.
template <class Enum>
struct LastOf;

template <class T, class U>
concept Same = std::same_as<std::remove_const_t<T>, U>;

/// Appends to memory of its own, which does for all but the longest without a heap.
class Out {
public:
    static constexpr bool kReads = false;
    explicit Out(const Scrub* scrub = nullptr) : scrub_(scrub) {}
    Out(const Out&) = delete;
    Out& operator=(const Out&) = delete;

    /// Valid until more is appended.
    std::span<const std::uint8_t> written() const { return {begin_, at_}; }

    void byte(std::uint8_t value) {
        *room(1) = value;
        ++at_;
    }
    void number(std::uint64_t value) { at_ = put_number(value, room(kLongestNumber)); }
    void signed_number(std::int64_t value) {
        const auto bits = static_cast<std::uint64_t>(value);
        number((bits << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0));
    }
    void raw(std::span<const std::uint8_t> bytes) { copy(bytes.data(), bytes.size()); }
    void text(std::string_view text) {
        const auto before = at_ - begin_;
        number(text.size());
        copy(text.data(), text.size());
        if (!scrub_ || !scrub_->concerns(text)) return;
        at_ = begin_ + before;
        const auto clean = scrub_->clean(std::string(text));
        number(clean.size());
        copy(clean.data(), clean.size());
    }
    void sound(std::span<const std::int16_t> samples) {
        const auto form = sound_form(samples);
        at_ = encode_sound(samples, form, room(most_sound_bytes(form, samples.size())));
    }

    template <class... T>
    void operator()(const T&... values) {
        (one(values), ...);
    }

private:
    void one(bool value) { byte(value ? 1 : 0); }
    template <class T>
    requires(std::unsigned_integral<T> && !std::same_as<T, bool>) void one(T value) {
        number(value);
    }
    template <std::signed_integral T>
    void one(T value) {
        signed_number(value);
    }
    template <std::floating_point T>
    void one(T value) {
        std::array<std::uint8_t, sizeof(T)> bytes;
        std::memcpy(bytes.data(), &value, sizeof(T));
        raw(bytes);
    }
    template <class T>
    requires std::is_enum_v<T>
    void one(T value) { number(static_cast<std::uint64_t>(value)); }
    void one(const std::string& value) { text(value); }
    template <class Tag>
    void one(const Id<Tag>& id) {
        text(id.str());
    }
    template <class Rep, class Period>
    void one(std::chrono::duration<Rep, Period> time) {
        signed_number(time.count());
    }
    template <class T>
    void one(const std::optional<T>& value) {
        one(value.has_value());
        if (value) one(*value);
    }
    template <class T>
    void one(const std::vector<T>& values) {
        number(values.size());
        for (const auto& value : values) one(value);
    }
    void one(const std::map<std::string, std::string>& values) {
        number(values.size());
        for (const auto& [name, value] : values) {
            text(name);
            text(value);
        }
    }
    /// Null is no sound.
    void one(const std::shared_ptr<const std::vector<std::int16_t>>& samples) {
        one(samples != nullptr);
        if (samples) sound(*samples);
    }
    template <class T>
    requires requires(Out& out, T& value) { fields(out, value); }
    void one(T& value) { fields(*this, value); }

    std::uint8_t* room(std::size_t more) {
        if (static_cast<std::size_t>(end_ - at_) < more) grow(more);
        return at_;
    }
    void copy(const void* bytes, std::size_t count) {
        if (count > 0) std::memcpy(room(count), bytes, count);
        at_ += count;
    }
    void grow(std::size_t more);

    const Scrub* const scrub_;
    std::array<std::uint8_t, 2048> near_;  // not set: it is written before it is read
    Bytes far_;                            ///< in its place, when that is too small
    std::uint8_t *begin_ = near_.data(), *at_ = begin_, *end_ = begin_ + near_.size();
};

/// Never reads beyond the end, and never makes more than the bytes that are there can hold.
class In {
public:
    static constexpr bool kReads = true;
    explicit In(std::span<const std::uint8_t> bytes) : left_(bytes) {}

    bool ok() const { return ok_; }
    bool at_end() const { return !ok_ || left_.empty(); }
    void damaged() {
        ok_ = false;
        left_ = {};
    }

    std::uint8_t byte() {
        if (left_.empty()) {
            damaged();
            return 0;
        }
        const auto value = left_.front();
        left_ = left_.subspan(1);
        return value;
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto part = byte();
            value |= static_cast<std::uint64_t>(part & 0x7FU) << shift;
            if ((part & 0x80U) == 0) return ok_ ? value : 0;
        }
        damaged();
        return 0;
    }
    std::int64_t signed_number() {
        const auto bits = number();
        return static_cast<std::int64_t>((bits >> 1U) ^ ((bits & 1U) != 0 ? ~std::uint64_t{0} : 0));
    }
    /// Valid as long as what it was made of.
    std::span<const std::uint8_t> raw(std::uint64_t count) {
        if (count > left_.size()) {
            damaged();
            return {};
        }
        const auto out = left_.first(static_cast<std::size_t>(count));
        left_ = left_.subspan(static_cast<std::size_t>(count));
        return out;
    }
    std::string text() {
        const auto bytes = raw(number());
        return {bytes.begin(), bytes.end()};
    }
    std::vector<std::int16_t> sound() {
        std::vector<std::int16_t> samples;
        if (!decode_sound(left_, samples)) damaged();
        return samples;
    }

    template <class... T>
    void operator()(T&... values) {
        (one(values), ...);
    }

private:
    void one(bool& value) { value = byte() != 0; }
    template <class T>
    requires(std::unsigned_integral<T> && !std::same_as<T, bool>) void one(T& value) {
        value = static_cast<T>(number());
    }
    template <std::signed_integral T>
    void one(T& value) {
        value = static_cast<T>(signed_number());
    }
    template <std::floating_point T>
    void one(T& value) {
        const auto bytes = raw(sizeof(T));
        value = 0;
        if (bytes.size() == sizeof(T)) std::memcpy(&value, bytes.data(), sizeof(T));
    }
    template <class T>
    requires std::is_enum_v<T>
    void one(T& value) {
        const auto read = number();
        if (read > static_cast<std::uint64_t>(LastOf<T>::value)) damaged();
        value = ok_ ? static_cast<T>(read) : T{};
    }
    void one(std::string& value) { value = text(); }
    template <class Tag>
    void one(Id<Tag>& id) {
        id = Id<Tag>(text());
    }
    template <class Rep, class Period>
    void one(std::chrono::duration<Rep, Period>& time) {
        time = std::chrono::duration<Rep, Period>(static_cast<Rep>(signed_number()));
    }
    template <class T>
    void one(std::optional<T>& value) {
        value.reset();
        if (byte() != 0) one(value.emplace());
    }
    template <class T>
    void one(std::vector<T>& values) {
        values.clear();
        const auto count = number();
        if (count > left_.size()) return damaged();  // each takes a byte at least
        for (std::uint64_t i = 0; i < count && ok_; ++i) one(values.emplace_back());
    }
    void one(std::map<std::string, std::string>& values) {
        values.clear();
        const auto count = number();
        for (std::uint64_t i = 0; i < count && ok_; ++i) {
            auto name = text();
            values[std::move(name)] = text();
        }
    }
    void one(std::shared_ptr<const std::vector<std::int16_t>>& samples) {
        samples.reset();
        if (byte() != 0) samples = std::make_shared<const std::vector<std::int16_t>>(sound());
    }
    template <class T>
    requires requires(In& in, T& value) { fields(in, value); }
    void one(T& value) { fields(*this, value); }

    std::span<const std::uint8_t> left_;
    bool ok_ = true;
};

}  // namespace bridge::capture
