#include "web/audio_door.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "net/hand_over.hpp"
#include "web/answers.hpp"
#include "web/problem.hpp"

namespace bridge::web {
namespace {

constexpr std::string_view kCalls = "/api/v1/calls/";
constexpr std::string_view kAudio = "/audio";
/// About as much as a listener may have waiting here; a system's own choice may be megabytes.
constexpr std::size_t kKernelBytes = 32 * 1024;

/// A talker sends 50 messages and 16 kB a second.
net::WebSocketLimits limits() {
    net::WebSocketLimits out;
    out.message_bytes = 64 * 1024;
    out.outbox_bytes = ListenSocket::kMostWaiting;
    out.frames_per_second = 1000;
    out.bytes_per_second = 512 * 1024;
    return out;
}

/// The value of one parameter, as it is written; empty if it is not there.
std::string_view parameter(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        const auto equals = part.find('=');
        if (equals != std::string_view::npos && part.substr(0, equals) == name)
            return part.substr(equals + 1);
    }
    return {};
}

net::HttpResponse over() {
    return problem(409, "wrong_state", "the call is over");
}

}  // namespace

Result<ListenOptions> read_listen_options(std::string_view query) {
    ListenOptions out;
    const auto format = parameter(query, "format");
    if (!format.empty() && format != "pcm16" && format != "mulaw")
        return fail(Errc::bad_field, "format: pcm16 and mulaw are allowed");
    out.mulaw = format == "mulaw";
    const auto side = parameter(query, "side");
    const auto known = side.empty() ? call::Side::both : call::parse_side(side);
    if (!known) return fail(Errc::bad_field, "side: both, far and near are allowed");
    out.side = *known;
    const auto talk = parameter(query, "talk");
    if (!talk.empty() && talk != "0" && talk != "1")
        return fail(Errc::bad_field, "talk: 0 and 1 are allowed");
    out.talk = talk == "1";
    return out;
}

AudioDoor::AudioDoor(call::CallRegistry& calls, std::shared_ptr<metrics::Registry> metrics)
    : calls_(calls),
      registry_(metrics::registry_or_own(std::move(metrics))),
      metrics_(std::make_shared<ListenMetrics>(*registry_)) {}

void AudioDoor::serve(net::Upgrade upgrade) {
    auto name = std::string(upgrade.head.path());
    if (!name.starts_with(kCalls) || !name.ends_with(kAudio) ||
        name.size() <= kCalls.size() + kAudio.size())
        return net::refuse(std::move(upgrade),
                           problem(404, "not_found", "there is no such WebSocket"));
    name = name.substr(kCalls.size(), name.size() - kCalls.size() - kAudio.size());
    if (!net::ServerWebSocket::check(upgrade.head)) {
        auto refusal = net::ServerWebSocket::refusal(upgrade.head);
        return net::refuse(std::move(upgrade), std::move(refusal));
    }
    const auto id = calls_.find(name);
    if (!id) {
        const bool was = calls_.timelines().find(name).timeline != nullptr;
        return net::refuse(std::move(upgrade), was ? over() : no_call(name));
    }
    const auto options = read_listen_options(upgrade.head.query());
    if (!options) return net::refuse(std::move(upgrade), problem_of(options.error()));
    const auto home = calls_.home_of(*id);
    if (!home) return net::refuse(std::move(upgrade), over());
    const auto moved = net::hand_over(
        std::move(upgrade), calls_.home(*home).executor,
        [self = shared_from_this(), id = *id, options = *options](net::Upgrade arrived) {
            self->serve_at_home(std::move(arrived), id, options);
        });
    if (!moved) log::debug({"listen", *id}, "{}", moved.error().message);
}

void AudioDoor::serve_at_home(net::Upgrade upgrade, const CallId& id, ListenOptions options) {
    const auto call = calls_.here(id);
    const auto home = calls_.home_of(id);
    if (!call || !home || call::is_final(call->state()))
        return net::refuse(std::move(upgrade), over());
    if (call->guests() >= call::kMostGuests)
        return net::refuse(
            std::move(upgrade),
            problem(409, "busy", fmt::format("{} listen to this call already", call::kMostGuests)));
    log::debug({"listen", id}, "a listener from {}", upgrade.head.peer);
    auto socket = net::ServerWebSocket::accept(std::move(upgrade), limits(), kKernelBytes);
    std::make_shared<ListenSocket>(std::move(socket), *call, ++last_guest_, options,
                                   *calls_.home(*home).clock, metrics_)
        ->start(*call);
}

}  // namespace bridge::web
