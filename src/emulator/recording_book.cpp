#include "emulator/recording_book.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/spawn.hpp"
#include "emulator/exchange.hpp"
#include "emulator/mulaw.hpp"
#include "emulator/phone_call.hpp"
#include "emulator/sid.hpp"
#include "emulator/wav_file.hpp"

namespace bridge::emulator {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFrameBytes = 160;
constexpr std::size_t kBytesPerSecond = 8000;
/// No call is longer.
constexpr auto kLongest = 24h;

/// What lies between two frames, with the pauses silent or left out.
std::vector<std::uint8_t> cut(const std::vector<std::uint8_t>& all, const RecordingRow& row,
                              std::size_t end) {
    std::vector<std::uint8_t> out;
    for (auto frame = row.begin; frame < end && (frame + 1) * kFrameBytes <= all.size(); ++frame) {
        const bool paused =
            std::any_of(row.pauses.begin(), row.pauses.end(), [frame](const auto& pause) {
                return frame >= pause.first && (!pause.second || frame < *pause.second);
            });
        if (paused && row.skip) continue;
        const auto from = all.begin() + static_cast<std::ptrdiff_t>(frame * kFrameBytes);
        if (paused) {
            out.insert(out.end(), kFrameBytes, kMulawSilence);
        } else {
            out.insert(out.end(), from, from + kFrameBytes);
        }
    }
    return out;
}

std::string recording_file(const RecordingRow& row, std::size_t channels) {
    const auto frames = row.far.size();
    std::vector<std::int16_t> sound;
    sound.reserve(frames * channels);
    for (std::size_t i = 0; i < frames; ++i) {
        const int far = row.track == "outbound" ? 0 : mulaw_decode(row.far[i]);
        const int near = row.track == "inbound" ? 0 : mulaw_decode(row.near[i]);
        if (channels == 2) {
            sound.push_back(static_cast<std::int16_t>(far));
            sound.push_back(static_cast<std::int16_t>(near));
        } else {
            sound.push_back(static_cast<std::int16_t>(std::clamp(far + near, -32768, 32767)));
        }
    }
    return pcm_wav(sound, channels);
}

std::string track_of(const Fields& form) {
    const auto track = field_or(form, "RecordingTrack", "both");
    return track == "inbound" || track == "outbound" ? track : "both";
}

}  // namespace

std::shared_ptr<RecordingRow> RecordingBook::begin(const std::shared_ptr<PhoneCall>& call,
                                                   const Fields& form, std::string base_url) {
    auto row = std::make_shared<RecordingRow>();
    row->sid = new_sid("RE");
    row->call_sid = call->sid();
    row->channels = field_or(form, "RecordingChannels") == "dual" ? 2 : 1;
    row->track = track_of(form);
    row->callback = field_or(form, "RecordingStatusCallback");
    row->callback_method = field_or(form, "RecordingStatusCallbackMethod", "POST");
    row->events = field_or(form, "RecordingStatusCallbackEvent", "completed");
    row->base_url = std::move(base_url);
    row->started = row->updated = std::chrono::system_clock::now();
    row->begin = call->trace().said.frames();
    if (rows_.size() >= kKept) rows_.pop_front();
    rows_.push_back(row);
    exchange_->ledger.recording_began(row->call_sid, row->sid, row->channels);
    tell(*call, *row);
    spawn(exchange_->executor, "recording", watch(shared_from_this(), call, row));
    return row;
}

/// Ends it with its call.
boost::asio::awaitable<void> RecordingBook::watch(std::shared_ptr<RecordingBook> self,
                                                  std::shared_ptr<PhoneCall> call,
                                                  std::shared_ptr<RecordingRow> row) {
    co_await call->ended().wait_for(kLongest);
    if (!row->over() && !self->exchange_->stopped) self->end(*call, *row);
}

std::shared_ptr<RecordingRow> RecordingBook::find(const std::string& sid,
                                                  const std::string& call_sid) const {
    for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) {
        if (!call_sid.empty() && (*row)->call_sid != call_sid) continue;
        if ((*row)->sid == sid || (sid == "Twilio.CURRENT" && !(*row)->over())) return *row;
    }
    return nullptr;
}

bool RecordingBook::change(const std::shared_ptr<RecordingRow>& row, const std::string& status,
                           bool skip) {
    const auto call = exchange_->find_call(row->call_sid);
    if (row->over() || !call) return false;
    const auto now = call->trace().said.frames();
    const bool paused = row->status == "paused";
    row->updated = std::chrono::system_clock::now();
    if (status == "paused" && !paused) {
        row->pauses.emplace_back(now, std::nullopt);
        row->skip = skip;
        row->status = "paused";
    } else if (status == "in-progress" && paused) {
        row->pauses.back().second = now;
        row->status = "in-progress";
    } else if (status == "stopped") {
        end(*call, *row);
    }
    return true;
}

bool RecordingBook::forget(const std::shared_ptr<RecordingRow>& row) {
    if (!row->over()) return false;
    std::erase(rows_, row);
    exchange_->ledger.recording_deleted(row->call_sid, row->sid);
    return true;
}

std::string RecordingBook::fetch(const RecordingRow& row, std::size_t channels) const {
    exchange_->ledger.recording_fetched(row.call_sid, row.sid);
    return recording_file(row, channels);
}

void RecordingBook::end(PhoneCall& call, RecordingRow& row) {
    const auto end = call.trace().said.frames();
    row.far = cut(call.trace().said.all(), row, end);
    row.near = cut(call.trace().heard.all(), row, end);
    row.near.resize(row.far.size(), kMulawSilence);
    row.duration = std::chrono::seconds((row.far.size() + kBytesPerSecond - 1) / kBytesPerSecond);
    row.status = row.far.empty() ? "absent" : "completed";
    row.updated = std::chrono::system_clock::now();
    exchange_->ledger.recording_ended(row.call_sid, row.sid, row.duration);
    // The sound of the last ones is kept.
    for (std::size_t i = 0; i + kSoundsKept < rows_.size(); ++i) {
        if (!rows_[i]->over()) continue;
        rows_[i]->far = {};
        rows_[i]->near = {};
    }
    tell(call, row);
}

void RecordingBook::tell(PhoneCall& call, const RecordingRow& row) const {
    const bool wanted = (" " + row.events + " ").find(" " + row.status + " ") != std::string::npos;
    if (row.callback.empty() || !wanted) return;
    Webhook webhook;
    webhook.scope = call.fault_scope();
    webhook.url = row.callback;
    webhook.method = row.callback_method;
    webhook.fields = {{"AccountSid", exchange_->account.sid},
                      {"CallSid", row.call_sid},
                      {"RecordingSid", row.sid},
                      {"RecordingUrl", fmt::format("{}/2010-04-01/Accounts/{}/Recordings/{}",
                                                   row.base_url, exchange_->account.sid, row.sid)},
                      {"RecordingStatus", row.status},
                      {"RecordingChannels", std::to_string(row.channels)},
                      {"RecordingStartTime", format_rfc2822(row.started)},
                      {"RecordingSource", "StartCallRecordingAPI"},
                      {"RecordingTrack", row.track}};
    if (row.status == "completed")
        webhook.fields.emplace_back("RecordingDuration", std::to_string(row.duration.count()));
    call.post_callback(std::move(webhook), false);
}

}  // namespace bridge::emulator
