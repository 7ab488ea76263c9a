#pragma once
// What was said on a call so far, in words: a fresh session of the service is told it, so that the
// agent carries on where the last one ended. Bounded: the newest words are kept.

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace bridge::agents {

class Conversation {
public:
    enum class Kind {
        caller,  ///< the caller's words, or the keys pressed
        agent,   ///< the agent's, as far as they were heard
        note,    ///< what the agent should know and nobody said
        call,    ///< of a function: `id` is the call's, `text` the arguments
        result,  ///< of the call `id`
    };
    struct Item {
        Kind kind = Kind::caller;
        std::string id;  ///< the service's own; empty where there is none
        std::string text;
        std::string name;      ///< of the function
        bool carried = false;  ///< the session that follows knows it
    };

    explicit Conversation(std::size_t characters = 20'000) : characters_(characters) {}

    void add(Item item);
    /// Replaces the words of an item. Its place in the conversation is where it was first named,
    /// which for the caller's words is before they are understood.
    void set(Kind kind, std::string_view id, std::string_view text);
    void append(Kind kind, std::string_view id, std::string_view text);
    const Item* find(Kind kind, std::string_view id) const;
    /// Somebody has said something.
    bool begun() const;

    /// Calls `carry(item)` for everything that has words and was not carried yet, oldest first.
    template <class Carry>
    void carry(Carry carry) {
        for (auto& item : items_) {
            if (item.carried || item.text.empty()) continue;
            item.carried = true;
            carry(std::as_const(item));
        }
    }
    /// The next session knows nothing of all this.
    void forget_carried();
    void clear();
    const std::deque<Item>& items() const { return items_; }

private:
    Item& at(Kind kind, std::string_view id);
    void trim();

    const std::size_t characters_;
    std::deque<Item> items_;
    std::size_t held_ = 0;  ///< characters in `items_`
};

/// The first `part` of `text` (0 to 1), cut where a word ends: what somebody heard of it.
std::string heard_part(std::string_view text, double part);

/// `text`, or its first `bytes` bytes without half a character at the end.
std::string_view within(std::string_view text, std::size_t bytes);

}  // namespace bridge::agents
