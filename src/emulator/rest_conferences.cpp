// The Conferences resource and the participants below it.

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "emulator/conference.hpp"
#include "emulator/phone_call.hpp"
#include "emulator/rest_api.hpp"
#include "emulator/rest_reply.hpp"
#include "emulator/sid.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;

json::object conference_json(const Conference& conference, const std::string& account_sid) {
    const auto uri = "/2010-04-01/Accounts/" + account_sid + "/Conferences/" + conference.sid();
    return {{"sid", conference.sid()},
            {"account_sid", account_sid},
            {"friendly_name", conference.name()},
            {"status", conference.status()},
            {"region", "us1"},
            {"api_version", "2010-04-01"},
            {"reason_conference_ended", text_or_null(conference.reason_ended())},
            {"call_sid_ending_conference", text_or_null(conference.call_ending())},
            {"date_created", format_rfc2822(conference.created())},
            {"date_updated", format_rfc2822(conference.updated())},
            {"uri", uri + ".json"},
            {"subresource_uris", json::object{{"participants", uri + "/Participants.json"},
                                              {"recordings", uri + "/Recordings.json"}}}};
}

std::string participant_status(const Participant& participant) {
    const auto call = participant.call.lock();
    if (!call || call->over()) return "complete";
    if (participant.connected) return "connected";
    const auto& status = call->record().status;
    if (status == "queued" || status == "ringing") return status;
    return "connecting";
}

json::object participant_json(const Participant& participant, const Conference& conference,
                              const std::string& account_sid) {
    const auto call = participant.call.lock();
    const auto queue_time = call ? call->record().queue_time.count() : 0;
    return {{"account_sid", account_sid},
            {"call_sid", participant.call_sid},
            {"label", text_or_null(participant.order.label)},
            {"conference_sid", conference.sid()},
            {"muted", participant.order.muted},
            {"hold", participant.hold},
            {"coaching", false},
            {"call_sid_to_coach", nullptr},
            {"start_conference_on_enter", participant.order.start_on_enter},
            {"end_conference_on_exit", participant.order.end_on_exit},
            {"status", participant_status(participant)},
            {"queue_time", std::to_string(queue_time)},
            {"date_created", format_rfc2822(participant.created)},
            {"date_updated", format_rfc2822(participant.updated)},
            {"uri", fmt::format("/2010-04-01/Accounts/{}/Conferences/{}/Participants/{}.json",
                                account_sid, conference.sid(), participant.call_sid)}};
}

/// Thrown inside this file only: the first wrong parameter ends the reading.
[[noreturn]] void refuse(int code, std::string message) {
    throw RestError{400, code, std::move(message)};
}

std::optional<bool> truth_in(const Fields& form, const char* name) {
    const auto text = field_or(form, name);
    if (text.empty()) return std::nullopt;
    if (text == "true" || text == "True") return true;
    if (text == "false" || text == "False") return false;
    refuse(20001, fmt::format("{} must be true or false, not '{}'", name, text));
}

/// A sound's address; none given: no URL.
Instruction sound_in(const Fields& form, const char* url, const char* method) {
    Instruction sound;
    sound.url = field_or(form, url);
    if (!sound.url.empty() && !is_web_url(sound.url)) {
        refuse(21205, fmt::format("{} is not a valid URL: {}", url, sound.url));
    }
    sound.method = field_or(form, method, "POST");
    if (sound.method != "GET" && sound.method != "POST") {
        refuse(21209, fmt::format("{} must be GET or POST", method));
    }
    return sound;
}

void check_coaching(const Fields& form) {
    const auto coaching = truth_in(form, "Coaching");
    if (coaching.value_or(false) || !field_or(form, "CallSidToCoach").empty()) {
        refuse(kNoCode, "This emulator has no coaching");
    }
}

std::set<std::string> words_in(const Fields& form, const char* name) {
    std::set<std::string> words;
    for (const auto& value : all_fields(form, name)) {
        std::istringstream text(value);
        for (std::string word; text >> word;) words.insert(word);
    }
    return words;
}

std::string attribute(const char* name, const std::string& value) {
    std::string out = fmt::format(" {}=\"", name);
    for (const char c : value) {
        if (c == '&') {
            out += "&amp;";
        } else if (c == '<') {
            out += "&lt;";
        } else if (c == '"') {
            out += "&quot;";
        } else {
            out += c;
        }
    }
    return out + "\"";
}

std::string text(const std::string& value) {
    auto out = attribute("x", value);
    return out.substr(4, out.size() - 5);
}

/// The TwiML that a participant's call runs once it is answered.
std::string join_twiml(const std::string& conference, const Fields& form) {
    std::string noun = "<Conference";
    const std::pair<const char*, const char*> names[] = {
        {"Label", "participantLabel"},
        {"Muted", "muted"},
        {"Beep", "beep"},
        {"StartConferenceOnEnter", "startConferenceOnEnter"},
        {"EndConferenceOnExit", "endConferenceOnExit"},
        {"WaitMethod", "waitMethod"},
        {"MaxParticipants", "maxParticipants"},
        {"ConferenceStatusCallback", "statusCallback"},
        {"ConferenceStatusCallbackMethod", "statusCallbackMethod"}};
    for (const auto& [parameter, name] : names) {
        auto value = field_or(form, parameter);
        if (value == "True") value = "true";
        if (value == "False") value = "false";
        if (!value.empty()) noun += attribute(name, value);
    }
    // An empty waitUrl is silence, which is not the same as none.
    if (const auto wait = find_field(form, "WaitUrl")) noun += attribute("waitUrl", *wait);
    std::string events;
    for (const auto& event : words_in(form, "ConferenceStatusCallbackEvent")) events += event + " ";
    if (!events.empty()) noun += attribute("statusCallbackEvent", events);
    return "<Response><Dial>" + noun + ">" + text(conference) + "</Conference></Dial></Response>";
}

ParticipantOrder participant_in(const Fields& form) {
    ParticipantOrder order;
    order.label = field_or(form, "Label");
    if (order.label.size() > 128) refuse(kNoCode, "Label has more than 128 characters");
    order.muted = truth_in(form, "Muted").value_or(false);
    order.start_on_enter = truth_in(form, "StartConferenceOnEnter").value_or(true);
    order.end_on_exit = truth_in(form, "EndConferenceOnExit").value_or(false);
    const auto beep = field_or(form, "Beep", "true");
    order.beep_on_exit = beep == "true" || beep == "onExit";
    check_coaching(form);
    if (!field_or(form, "ConferenceStatusCallback").empty()) {
        sound_in(form, "ConferenceStatusCallback", "ConferenceStatusCallbackMethod");
    }
    if (!field_or(form, "WaitUrl").empty()) sound_in(form, "WaitUrl", "WaitMethod");
    return order;
}

}  // namespace

net::HttpResponse RestApi::conferences(const Route& route) {
    try {
        if (route.parts.size() == 1) {
            return route.method == "GET" ? list_conferences(route)
                                         : method_refused_reply(route.method);
        }
        const auto& which = route.parts[1];
        if (route.parts.size() == 2) {
            const auto conference = exchange_->find_conference(which);
            if (!conference || conference->sid() != which) return not_found_reply(route.path);
            if (route.method == "POST") return update_conference(conference, route.form);
            if (route.method != "GET") return method_refused_reply(route.method);
            return json_reply(200, conference_json(*conference, exchange_->account.sid));
        }
        if (route.parts[2] == "Recordings" && route.method == "GET" && route.parts.size() == 3) {
            return list_reply("recordings", route.path, route.query, 0,
                              [](std::size_t) { return json::object{}; });
        }
        if (route.parts[2] != "Participants" || route.parts.size() > 4) {
            return not_found_reply(route.path);
        }
        if (route.parts.size() == 3 && route.method == "POST") {
            return create_participant(which, route);
        }
        const auto conference = exchange_->find_conference(which);
        if (!conference) return not_found_reply(route.path);
        return participants(conference, route);
    } catch (const RestError& error) {
        return error_reply(error.status, error.code, error.message);
    }
}

net::HttpResponse RestApi::list_conferences(const Route& route) const {
    const auto name = field_or(route.query, "FriendlyName");
    const auto status = field_or(route.query, "Status");
    auto found = exchange_->list_conferences();
    std::erase_if(found, [&](const auto& one) {
        return (!name.empty() && one->name() != name) ||
               (!status.empty() && one->status() != status) ||
               !day_matches(one->created(), route.query, "DateCreated") ||
               !day_matches(one->updated(), route.query, "DateUpdated");
    });
    return list_reply("conferences", route.path, route.query, found.size(), [&](std::size_t i) {
        return conference_json(*found[i], exchange_->account.sid);
    });
}

net::HttpResponse RestApi::update_conference(const std::shared_ptr<Conference>& conference,
                                             const Fields& form) {
    const auto status = field_or(form, "Status");
    if (!status.empty() && status != "completed") {
        refuse(20001, "Status must be 'completed', not '" + status + "'");
    }
    const auto announcement = sound_in(form, "AnnounceUrl", "AnnounceMethod");
    if (conference->over()) refuse(kNoCode, "The conference has ended");
    if (!announcement.url.empty()) conference->announce(nullptr, announcement);
    if (!status.empty()) conference->end("conference-ended-via-api");
    return json_reply(200, conference_json(*conference, exchange_->account.sid));
}

net::HttpResponse RestApi::participants(const std::shared_ptr<Conference>& conference,
                                        const Route& route) {
    const auto& account_sid = exchange_->account.sid;
    if (route.parts.size() == 3) {
        if (route.method != "GET") return method_refused_reply(route.method);
        const auto muted = truth_in(route.query, "Muted");
        const auto hold = truth_in(route.query, "Hold");
        const auto coaching = truth_in(route.query, "Coaching");
        auto found = conference->participants();
        std::erase_if(found, [&](const auto& one) {
            return (muted && one->order.muted != *muted) || (hold && one->hold != *hold) ||
                   coaching.value_or(false);
        });
        return list_reply(
            "participants", route.path, route.query, found.size(),
            [&](std::size_t i) { return participant_json(*found[i], *conference, account_sid); });
    }
    const auto participant = conference->find(route.parts[3]);
    if (!participant) return not_found_reply(route.path);
    if (route.method == "DELETE") {
        conference->leave(participant, "participant_updated_via_api", true);
        return net::HttpResponse{204, {}, {}};
    }
    if (route.method == "POST") update_participant(*conference, participant, route.form);
    if (route.method != "POST" && route.method != "GET") return method_refused_reply(route.method);
    return json_reply(200, participant_json(*participant, *conference, account_sid));
}

void RestApi::update_participant(Conference& conference,
                                 const std::shared_ptr<Participant>& participant,
                                 const Fields& form) {
    // All of it is read before any of it is done.
    check_coaching(form);
    const auto muted = truth_in(form, "Muted");
    const auto hold = truth_in(form, "Hold");
    const auto end_on_exit = truth_in(form, "EndConferenceOnExit");
    const auto beep_on_exit = truth_in(form, "BeepOnExit");
    auto music = sound_in(form, "HoldUrl", "HoldMethod");
    const auto announcement = sound_in(form, "AnnounceUrl", "AnnounceMethod");
    if (muted) conference.mute(participant, *muted);
    if (hold) conference.hold(participant, *hold, std::move(music));
    conference.modify(participant, end_on_exit, beep_on_exit);
    if (!announcement.url.empty()) conference.announce(participant, announcement);
}

net::HttpResponse RestApi::create_participant(const std::string& which, const Route& route) {
    auto conference = exchange_->find_conference(which);
    if (is_sid(which, "CF") && (!conference || conference->over())) {
        return not_found_reply(route.path);
    }
    const auto name = conference ? conference->name() : which;
    const auto wanted = participant_in(route.form);
    if (conference && !wanted.label.empty() && conference->find(wanted.label)) {
        refuse(16025, "The label '" + wanted.label + "' is taken");
    }
    Fields form;
    for (const auto& [key, value] : route.form) {
        if (key != "Url" && key != "Twiml" && key != "ApplicationSid" &&
            key != "StatusCallbackEvent") {
            form.emplace_back(key, value);
        }
    }
    for (const auto& event : words_in(route.form, "StatusCallbackEvent")) {
        form.emplace_back("StatusCallbackEvent", event);
    }
    form.emplace_back("Twiml", join_twiml(name, route.form));
    const auto call = add_ordered_call(form);
    if (!call) return call.error();
    if (!conference) conference = exchange_->open_conference(name);
    const auto participant = conference->expect(*call, wanted);
    auto reply =
        json_reply(201, participant_json(*participant, *conference, exchange_->account.sid));
    (*call)->start();
    return reply;
}

}  // namespace bridge::emulator
