#pragma once
// A journal that only remembers what it was told, in order.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "call/journal.hpp"

namespace bridge::call {

class MemoryJournal final : public Journal {
public:
    const std::string& instance() const override { return name; }

    boost::asio::awaitable<Result<>> begin(JournalEntry entry) override {
        steps.push_back("begin " + entry.id.str());
        if (!begin_outcome) co_return begin_outcome;
        announce(std::move(entry));
        co_return Result<>{};
    }
    void announce(JournalEntry entry) override {
        if (entry.instance.empty()) entry.instance = name;
        entries.push_back(std::move(entry));
    }
    void note(JournalChange change) override {
        for (auto& entry : entries) {
            if (entry.id != change.id) continue;
            if (change.sid) entry.sid = *change.sid;
            if (change.state) entry.state = *change.state;
            if (change.hold) entry.hold = *change.hold;
            if (change.instance) entry.instance = *change.instance;
            if (change.ended) {
                if (entry.ended) ++ended_twice;
                entry.ended = WallTime{};
            }
        }
    }
    bool close() override { return true; }
    boost::asio::awaitable<Result<std::vector<JournalEntry>>> open_calls() override {
        std::vector<JournalEntry> open;
        for (const auto& entry : entries) {
            if (!entry.ended) open.push_back(entry);
        }
        co_return open;
    }
    boost::asio::awaitable<Result<std::vector<CallSid>>> known(std::vector<CallSid> sids) override {
        std::erase_if(sids, [&](const CallSid& sid) {
            return std::none_of(entries.begin(), entries.end(),
                                [&](const JournalEntry& entry) { return entry.sid == sid; });
        });
        co_return sids;
    }
    boost::asio::awaitable<Result<>> borrow(BorrowedNumber number) override {
        steps.push_back("borrow " + number.number);
        if (!borrow_outcome) co_return borrow_outcome;
        if (number.instance.empty()) number.instance = name;
        std::erase_if(numbers, [&](const BorrowedNumber& one) { return one.sid == number.sid; });
        numbers.push_back(std::move(number));
        co_return Result<>{};
    }
    boost::asio::awaitable<Result<>> forget_number(std::string sid, std::string instance) override {
        std::erase_if(numbers, [&](const BorrowedNumber& one) {
            return one.sid == sid && one.instance == instance;
        });
        co_return Result<>{};
    }
    boost::asio::awaitable<Result<std::vector<BorrowedNumber>>> borrowed() override {
        co_return numbers;
    }

    std::string name = "1-test";
    Result<> begin_outcome;
    Result<> borrow_outcome;
    std::vector<JournalEntry> entries;
    std::vector<BorrowedNumber> numbers;
    std::vector<std::string> steps;
    int ended_twice = 0;
};

}  // namespace bridge::call
