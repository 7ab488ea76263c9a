#pragma once
// The end of a frame's way in every server that is measured: it keeps the sound and notes when it
// came, and whether one before it is missing. The same code for the bridge and for the baseline.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "audio/mulaw.hpp"
#include "tests/bench/shared_table.hpp"
#include "tests/bench/stamp.hpp"

namespace bench {

/// One for each call. Thread: the one that reads the call's socket.
class Sink {
public:
    explicit Sink(Table& table) : table_(&table) {}

    void take(std::span<const std::int16_t, 160> pcm) {
        std::copy(pcm.begin(), pcm.end(), kept_.begin());
        std::array<std::uint8_t, kStampBytes> mark{};
        bridge::audio::encode_mulaw(pcm.first(kStampBytes), mark);
        note(mark, monotonic_ns());
    }

    /// A frame that came at `now`, as it stands on the wire.
    void note(std::span<const std::uint8_t, kStampBytes> mark, std::uint64_t now) {
        const auto stamp = read_stamp(mark);
        if (!stamp || stamp->call >= Table::kCalls) {
            add(table_->wrong, 1);
            return;
        }
        add(table_->frames, 1);
        auto& next = table_->next[stamp->call];
        const auto expected = next.load(std::memory_order_relaxed);
        if (stamp->number < expected) {
            add(table_->reordered, 1);
        } else {
            if (stamp->number > expected) add(table_->lost, stamp->number - expected);
            next.store(stamp->number + 1, std::memory_order_relaxed);
        }
        const auto took = now > stamp->sent_ns ? now - stamp->sent_ns : 0;
        add(table_->latency.bins[Histogram::bin(took)], 1);
        if (stamp->call == 0) add(table_->first_latency.bins[Histogram::bin(took)], 1);
        if (took > table_->longest_ns.load(std::memory_order_relaxed))
            table_->longest_ns.store(took, std::memory_order_relaxed);
    }

private:
    template <class Counter>
    static void add(Counter& counter, std::uint64_t more) {
        counter.fetch_add(more, std::memory_order_relaxed);
    }

    Table* table_;
    std::array<std::int16_t, 160> kept_{};
};

}  // namespace bench
