// The Recordings resource, of a call and of the account.

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "emulator/phone_call.hpp"
#include "emulator/recording_book.hpp"
#include "emulator/rest_api.hpp"
#include "emulator/rest_reply.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;

constexpr std::string_view kSoundEnd = ".wav";

json::object recording_json(const RecordingRow& row, const std::string& account) {
    const auto uri = fmt::format("/2010-04-01/Accounts/{}/Recordings/{}", account, row.sid);
    return {{"sid", row.sid},
            {"account_sid", account},
            {"call_sid", row.call_sid},
            {"conference_sid", nullptr},
            {"api_version", "2010-04-01"},
            {"status", row.status},
            {"channels", row.channels},
            {"source", "StartCallRecordingAPI"},
            {"track", row.track},
            {"duration",
             row.over() ? json::value(std::to_string(row.duration.count())) : json::value(nullptr)},
            {"start_time", format_rfc2822(row.started)},
            {"date_created", format_rfc2822(row.started)},
            {"date_updated", format_rfc2822(row.updated)},
            {"price", nullptr},
            {"price_unit", "USD"},
            {"error_code", nullptr},
            {"encryption_details", nullptr},
            {"media_url", uri},
            {"uri", uri + ".json"}};
}

}  // namespace

net::HttpResponse RestApi::recordings(const Route& route, bool of_a_call) {
    const std::size_t depth = of_a_call ? 3 : 1;
    if (of_a_call && route.method == "POST") return call_recordings(route);
    const auto call_sid = of_a_call ? route.parts[1] : field_or(route.query, "CallSid");
    if (route.parts.size() == depth) {
        if (route.method != "GET") return method_refused_reply(route.method);
        std::vector<std::shared_ptr<RecordingRow>> found(recordings_->rows().rbegin(),
                                                         recordings_->rows().rend());
        std::erase_if(
            found, [&](const auto& row) { return !call_sid.empty() && row->call_sid != call_sid; });
        return list_reply("recordings", route.path, route.query, found.size(), [&](std::size_t i) {
            return recording_json(*found[i], exchange_->account.sid);
        });
    }
    if (route.parts.size() != depth + 1) return not_found_reply(route.path);
    auto sid = route.parts.back();
    const bool sound = sid.ends_with(kSoundEnd);
    if (sound) sid.resize(sid.size() - kSoundEnd.size());
    const auto row = recordings_->find(sid, of_a_call ? call_sid : std::string());
    if (!row) return not_found_reply(route.path);
    if (route.method == "DELETE") {
        if (!recordings_->forget(row))
            return error_reply(400, 20001, "The recording is still in progress");
        return net::HttpResponse{204, {}, {}};
    }
    if (route.method != "GET") return method_refused_reply(route.method);
    if (!sound) return json_reply(200, recording_json(*row, exchange_->account.sid));
    if (row->status != "completed") return not_found_reply(route.path);
    const auto wanted = field_or(route.query, "RequestedChannels", "1");
    if (wanted == "2" && row->channels != 2)
        return error_reply(400, 20001, "The recording has one channel");
    return net::respond(200, "audio/x-wav", recordings_->fetch(*row, wanted == "2" ? 2 : 1));
}

/// Begins one, or changes one that is there.
net::HttpResponse RestApi::call_recordings(const Route& route) {
    const auto call = exchange_->find_call(route.parts[1]);
    if (!call) return not_found_reply(route.path);
    if (route.parts.size() == 3) {
        if (call->over() || !call->answered())
            return error_reply(400, 21220, "Requested resource is not eligible for recording");
        const auto row = recordings_->begin(call, route.form, "http://" + route.host);
        return json_reply(201, recording_json(*row, exchange_->account.sid));
    }
    if (route.parts.size() != 4) return not_found_reply(route.path);
    const auto row = recordings_->find(route.parts[3], call->sid());
    if (!row) return not_found_reply(route.path);
    const auto status = field_or(route.form, "Status");
    if (status != "paused" && status != "in-progress" && status != "stopped")
        return error_reply(400, 20001, "Status must be paused, in-progress or stopped");
    const bool skip = field_or(route.form, "PauseBehavior", "silence") == "skip";
    if (!recordings_->change(row, status, skip))
        return error_reply(400, 21220, "The recording is over");
    return json_reply(200, recording_json(*row, exchange_->account.sid));
}

}  // namespace bridge::emulator
