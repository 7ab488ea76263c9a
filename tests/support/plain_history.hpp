#pragma once
// A history in memory that answers at once, for tests of whoever asks one.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "call/history.hpp"
#include "stores/memory_calls.hpp"
#include "web/json.hpp"

#include <boost/json/serialize.hpp>

namespace bridge::test {

class PlainHistory final : public call::History {
public:
    /// As if the call had just ended.
    void keep(const call::CallSnapshot& last, std::vector<call::TranscriptPiece> pieces = {},
              std::string timeline = {}) {
        call::CallChange change;
        change.call.id = last.id;
        change.call.sid = last.sid;
        change.call.direction = last.direction;
        change.call.to = last.to;
        change.call.from = last.from;
        change.call.state = last.state;
        change.call.reason = last.end_reason;
        change.call.created = last.created;
        change.call.ended = last.ended;
        change.call.document = boost::json::serialize(web::call_json(last, call::Desk::Place{}));
        change.pieces = std::move(pieces);
        change.timeline = std::move(timeline);
        store.write({change});
    }

    void page(call::CallQuery query, Told<std::vector<call::FoundCall>> told) override {
        told(problem ? tl::unexpected(*problem) : store.page(query));
    }
    void find(std::string name, Told<std::optional<call::StoredCall>> told) override {
        told(problem ? tl::unexpected(*problem) : store.find(name));
    }
    void timeline(std::string name, Told<std::optional<call::StoredTimeline>> told) override {
        std::optional<call::StoredTimeline> out;
        if (const auto call = *store.find(name)) {
            if (auto text = *store.timeline(call->id); !text.empty())
                out = call::StoredTimeline{call->id, std::move(text)};
        }
        told(std::move(out));
    }
    void transcript(std::string name, Told<std::optional<call::StoredTranscript>> told) override {
        std::optional<call::StoredTranscript> out;
        if (auto call = *store.find(name)) {
            auto pieces = *store.transcript(call->id);
            out = call::StoredTranscript{std::move(*call), std::move(pieces)};
        }
        told(std::move(out));
    }
    void add_transcript(CallId call, std::vector<call::TranscriptPiece> pieces,
                        Told<bool> told) override {
        change(
            call, [&](call::CallChange& to) { to.pieces = std::move(pieces); }, told);
    }
    void mark(CallId call, std::optional<bool> recorded, std::optional<bool> captured,
              Told<bool> told) override {
        change(
            call,
            [&](call::CallChange& to) {
                if (recorded) to.call.recorded = *recorded;
                if (captured) to.call.captured = *captured;
            },
            told);
    }
    void remove(CallId call, Told<bool> told) override { told(store.remove(call)); }

    stores::MemoryCalls store;
    std::optional<Error> problem;  ///< what every question is answered with

private:
    template <class Change>
    void change(const CallId& id, Change what, const Told<bool>& told) {
        auto found = *store.find(id.str());
        if (!found || !found->ended) return told(false);
        call::CallChange to{std::move(*found)};
        what(to);
        store.write({to});
        told(true);
    }
};

}  // namespace bridge::test
