#include "emulator/ledger.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "base/log.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;

constexpr std::size_t kKept = 10'000;

WallTime now() {
    return std::chrono::system_clock::now();
}

std::string event_line(const char* event, const std::string& sid, json::object more) {
    json::object line{{"event", event}, {"time", format_iso8601(now())}, {"sid", sid}};
    for (auto& [key, value] : more) line[key] = std::move(value);
    return json::serialize(line) + "\n";
}

}  // namespace

double LedgerCall::seconds() const {
    if (!answered) return 0;
    const auto end = ended.value_or(now());
    return std::max(0.0, std::chrono::duration<double>(end - *answered).count());
}

std::int64_t LedgerCall::billed_seconds() const {
    return answered ? std::max<std::int64_t>(1, std::llround(std::ceil(seconds() / 60))) * 60 : 0;
}

double LedgerStay::held_seconds() const {
    if (!held_since) return held_before;
    return held_before + std::chrono::duration<double>(left.value_or(now()) - *held_since).count();
}

Ledger::~Ledger() {
    close();
}

Result<> Ledger::open(const std::string& file) {
    file_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file_ < 0) {
        return fail(Errc::io, "The ledger file '" + file +
                                  "' cannot be opened: " + std::strerror(errno) + ".");
    }
    // A line that a crash cut off must not swallow the next one.
    const auto size = ::lseek(file_, 0, SEEK_END);
    char last = '\n';
    if (size > 0 && ::pread(file_, &last, 1, size - 1) == 1 && last != '\n') write("\n");
    return {};
}

void Ledger::close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
}

void Ledger::write(const std::string& line) {
    if (file_ < 0) return;
    std::size_t done = 0;
    while (done < line.size()) {
        const auto count = ::write(file_, line.data() + done, line.size() - done);
        if (count < 0) {
            if (errno == EINTR) continue;
            log::error("emulator", "the ledger file cannot be written: {}", std::strerror(errno));
            close();
            return;
        }
        done += static_cast<std::size_t>(count);
    }
}

LedgerCall* Ledger::find(const std::string& sid) {
    const auto found = calls_.find(sid);
    return found == calls_.end() ? nullptr : &found->second;
}

void Ledger::created(LedgerCall call) {
    write(event_line("created", call.sid,
                     {{"to", call.to},
                      {"from", call.from},
                      {"direction", call.direction},
                      {"parent", call.parent_sid},
                      {"status", call.status}}));
    ++open_;
    order_.push_back(call.sid);
    calls_.insert_or_assign(call.sid, std::move(call));
}

void Ledger::state(const std::string& sid, const std::string& status) {
    auto* call = find(sid);
    if (call == nullptr) return;
    call->status = status;
    write(event_line("state", sid, {{"status", status}}));
}

void Ledger::answered(const std::string& sid) {
    auto* call = find(sid);
    if (call == nullptr) return;
    call->answered = now();
    write(event_line("answered", sid, {}));
}

void Ledger::ended(const std::string& sid, const std::string& status) {
    auto* call = find(sid);
    if (call == nullptr || call->ended) return;
    call->ended = now();
    call->status = status;
    --open_;
    write(event_line("ended", sid,
                     {{"status", status},
                      {"call_seconds", std::round(call->seconds() * 1000) / 1000},
                      {"billed_seconds", call->billed_seconds()}}));
    // Only a call that has ended may be forgotten; a long one at the front keeps those behind it.
    while (order_.size() > kKept) {
        const auto oldest = calls_.find(order_.front());
        if (oldest == calls_.end() || !oldest->second.ended) break;
        forgotten_seconds_ += oldest->second.seconds();
        forgotten_billed_ += oldest->second.billed_seconds();
        calls_.erase(oldest);
        order_.pop_front();
    }
}

void Ledger::stream_opened(const std::string& sid, const std::string& stream_sid,
                           bool bidirectional) {
    auto* call = find(sid);
    if (call == nullptr) return;
    call->streams.push_back({stream_sid, bidirectional, now(), std::nullopt});
    write(event_line("stream_opened", sid,
                     {{"stream_sid", stream_sid}, {"bidirectional", bidirectional}}));
}

void Ledger::stream_closed(const std::string& sid, const std::string& stream_sid) {
    auto* call = find(sid);
    if (call == nullptr) return;
    for (auto& stream : call->streams) {
        if (stream.sid != stream_sid || stream.closed) continue;
        stream.closed = now();
        write(event_line("stream_closed", sid, {{"stream_sid", stream_sid}}));
    }
}

void Ledger::conference_joined(const std::string& sid, const std::string& conference_sid,
                               const std::string& name) {
    auto* call = find(sid);
    if (call == nullptr) return;
    LedgerStay stay;
    stay.conference_sid = conference_sid;
    stay.name = name;
    stay.joined = now();
    call->conferences.push_back(std::move(stay));
    write(event_line("conference_joined", sid,
                     {{"conference_sid", conference_sid}, {"conference", name}}));
}

void Ledger::conference_left(const std::string& sid, const std::string& conference_sid) {
    auto* call = find(sid);
    if (call == nullptr) return;
    for (auto& stay : call->conferences) {
        if (stay.conference_sid != conference_sid || stay.left) continue;
        stay.left = now();
        stay.held_before = stay.held_seconds();
        stay.held_since.reset();
        write(event_line("conference_left", sid, {{"conference_sid", conference_sid}}));
    }
}

void Ledger::held(const std::string& sid, bool hold) {
    auto* call = find(sid);
    if (call == nullptr || call->conferences.empty() || call->conferences.back().left) return;
    auto& stay = call->conferences.back();
    if (stay.held_since.has_value() == hold) return;
    stay.held_before = stay.held_seconds();
    stay.held_since = hold ? std::optional(now()) : std::nullopt;
    write(event_line(hold ? "held" : "unheld", sid, {{"conference_sid", stay.conference_sid}}));
}

LedgerRecording* Ledger::find_recording(const std::string& sid, const std::string& recording_sid) {
    auto* call = find(sid);
    if (call == nullptr) return nullptr;
    for (auto& one : call->recordings) {
        if (one.sid == recording_sid) return &one;
    }
    return nullptr;
}

void Ledger::recording_began(const std::string& sid, const std::string& recording_sid,
                             std::size_t channels) {
    auto* call = find(sid);
    if (call == nullptr) return;
    LedgerRecording recording;
    recording.sid = recording_sid;
    recording.channels = channels;
    recording.began = now();
    call->recordings.push_back(std::move(recording));
    write(event_line("recording_began", sid,
                     {{"recording_sid", recording_sid}, {"channels", channels}}));
}

void Ledger::recording_ended(const std::string& sid, const std::string& recording_sid,
                             std::chrono::seconds length) {
    auto* recording = find_recording(sid, recording_sid);
    if (recording == nullptr || recording->ended) return;
    recording->ended = now();
    recording->seconds = length.count();
    write(event_line("recording_ended", sid,
                     {{"recording_sid", recording_sid}, {"seconds", length.count()}}));
}

void Ledger::recording_fetched(const std::string& sid, const std::string& recording_sid) {
    auto* recording = find_recording(sid, recording_sid);
    if (recording == nullptr) return;
    ++recording->fetched;
    write(event_line("recording_fetched", sid, {{"recording_sid", recording_sid}}));
}

void Ledger::recording_deleted(const std::string& sid, const std::string& recording_sid) {
    auto* recording = find_recording(sid, recording_sid);
    if (recording == nullptr) return;
    recording->deleted = true;
    write(event_line("recording_deleted", sid, {{"recording_sid", recording_sid}}));
}

std::vector<const LedgerCall*> Ledger::calls() const {
    std::vector<const LedgerCall*> out;
    out.reserve(order_.size());
    for (const auto& sid : order_) {
        const auto found = calls_.find(sid);
        if (found != calls_.end()) out.push_back(&found->second);
    }
    return out;
}

double Ledger::call_seconds() const {
    auto total = forgotten_seconds_;
    for (const auto& [sid, call] : calls_) total += call.seconds();
    return total;
}

std::int64_t Ledger::billed_seconds() const {
    auto total = forgotten_billed_;
    for (const auto& [sid, call] : calls_) total += call.billed_seconds();
    return total;
}

}  // namespace bridge::emulator
