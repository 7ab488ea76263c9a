#include "emulator/exchange.hpp"

#include <algorithm>
#include <cmath>

#include <boost/json/object.hpp>

#include "base/log.hpp"
#include "emulator/conference.hpp"
#include "emulator/persona_description.hpp"
#include "emulator/phone_call.hpp"
#include "emulator/sid.hpp"

namespace bridge::emulator {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kEndedCallsKept = 10'000;
constexpr std::size_t kHeardKept = 32;  ///< up to 58 MB each: an hour both ways
constexpr std::size_t kConferencesKept = 1000;

std::string made_token() {
    return new_sid("");
}

}  // namespace

Exchange::Exchange(asio::any_io_executor on, EmulatorOptions with)
    : executor(std::move(on)),
      options(std::move(with)),
      personas(options.personas),
      faults(options.faults),
      stopping(executor) {
    for (const auto& [number, description] : personas.assignments()) {
        const auto described = parse_persona_description(description);
        const auto set = described ? faults_of(*described) : FaultSet{};
        // What was said of a number by name is not undone by a persona that has no faults.
        if (set && (!set->empty() || !faults.knows_number(number))) {
            faults.set_number(number, *set);
        }
    }
    account.sid = options.account_sid.empty() ? new_sid("AC") : options.account_sid;
    account.auth_token = options.auth_token.empty() ? Secret(made_token()) : options.auth_token;
    account.api_keys = options.api_keys;
    account.trial = options.trial;
    account.created = std::chrono::system_clock::now();
    std::vector<std::string> owned{"+15005550006"};
    owned.insert(owned.end(), options.numbers.begin(), options.numbers.end());
    for (const auto& phone_number : owned) {
        if (phone_number.empty() || find_number(phone_number) != nullptr) continue;
        OwnedNumber number;
        number.sid = new_sid("PN");
        number.phone_number = phone_number;
        number.friendly_name = formatted_number(phone_number);
        number.voice_url = options.voice_url;
        number.voice_method = options.voice_method;
        number.created = number.updated = account.created;
        numbers.push_back(std::move(number));
    }
    webhooks =
        std::make_unique<WebhookSender>(executor, options.ca_file, account.auth_token, faults);
}

Exchange::~Exchange() = default;

Result<std::shared_ptr<PhoneCall>> Exchange::add_call(CallOrder order) {
    const auto& phone = order.direction == "inbound" ? order.from : order.to;
    auto persona =
        order.persona.empty() ? personas.make(phone) : PersonaBook::make_from(order.persona);
    if (!persona) return tl::unexpected(persona.error());
    FaultSet own;
    if (const auto described = parse_persona_description(order.persona)) {
        own = faults_of(*described).value_or(FaultSet{});
    }
    auto call =
        std::make_shared<PhoneCall>(shared_from_this(), std::move(order), *std::move(persona));
    if (!own.empty()) faults.set_call(call->sid(), own);
    calls_.emplace(call->sid(), call);
    order_.push_back(call->sid());
    return call;
}

Result<> Exchange::assign_persona(const std::string& number, const std::string& description) {
    if (auto done = personas.assign(number, description); !done) return done;
    const auto described = parse_persona_description(description);
    if (!described) return tl::unexpected(described.error());
    faults.set_number(persona_key(number), faults_of(*described).value_or(FaultSet{}));
    return {};
}

std::shared_ptr<PhoneCall> Exchange::find_call(const std::string& sid) const {
    const auto found = calls_.find(sid);
    return found == calls_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<PhoneCall>> Exchange::list_calls() const {
    std::vector<std::shared_ptr<PhoneCall>> out;
    for (auto sid = order_.rbegin(); sid != order_.rend(); ++sid) {
        if (auto call = find_call(*sid)) out.push_back(std::move(call));
    }
    return out;
}

void Exchange::call_ended(const std::string& sid) {
    const auto conferences = conferences_;
    for (const auto& one : conferences) {
        if (!one->over()) one->call_ended(sid);
    }
    if (stopped) return;
    faults.forget_call(sid);
    ended_.push_back(sid);
    if (ended_.size() > kHeardKept) {
        const auto& old = ended_[ended_.size() - 1 - kHeardKept];
        if (const auto call = find_call(old)) call->forget_heard();
    }
    while (ended_.size() > kEndedCallsKept) {
        calls_.erase(ended_.front());
        ended_.pop_front();
    }
    if (order_.size() > 2 * calls_.size() + 64) {
        const auto gone = [this](const std::string& one) { return calls_.count(one) == 0; };
        order_.erase(std::remove_if(order_.begin(), order_.end(), gone), order_.end());
    }
}

std::shared_ptr<Conference> Exchange::open_conference(const std::string& name) {
    for (const auto& one : conferences_) {
        if (!one->over() && one->name() == name) return one;
    }
    while (conferences_.size() >= kConferencesKept) {
        const auto old = std::find_if(conferences_.begin(), conferences_.end(),
                                      [](const auto& one) { return one->over(); });
        if (old == conferences_.end()) break;
        conferences_.erase(old);
    }
    conferences_.push_back(std::make_shared<Conference>(shared_from_this(), name));
    return conferences_.back();
}

std::shared_ptr<Conference> Exchange::find_conference(const std::string& sid_or_name) const {
    for (const auto& one : conferences_) {
        if (one->sid() == sid_or_name || (!one->over() && one->name() == sid_or_name)) return one;
    }
    return nullptr;
}

std::vector<std::shared_ptr<Conference>> Exchange::list_conferences() const {
    return {conferences_.rbegin(), conferences_.rend()};
}

boost::json::value Exchange::stay_json(const std::string& call_sid) const {
    for (const auto& one : conferences_) {
        const auto who = one->over() ? nullptr : one->find(call_sid);
        if (!who) continue;
        return boost::json::object{{"sid", one->sid()},
                                   {"name", one->name()},
                                   {"status", one->status()},
                                   {"joined", who->connected},
                                   {"label", who->order.label},
                                   {"muted", who->order.muted},
                                   {"hold", who->hold}};
    }
    return nullptr;
}

void Exchange::cut_tunnel(milliseconds time) {
    if (stopped || webhooks->cut_off()) return;
    log::info("emulator", "fault: the tunnel is dead for {} ms", time.count());
    webhooks->cut_off_for(time);
    const auto calls = calls_;  // a call may end with its stream
    for (const auto& [sid, call] : calls) {
        if (!call->over() && call->shared_line()) call->line().cut_streams();
    }
}

OwnedNumber* Exchange::find_number(const std::string& phone_number) {
    for (auto& number : numbers) {
        if (number.phone_number == phone_number) return &number;
    }
    return nullptr;
}

bool Exchange::may_call_from(const std::string& number) {
    return options.any_from || find_number(number) != nullptr;
}

milliseconds Exchange::next_turn() {
    if (!options.one_call_per_second) return milliseconds(0);
    const auto now = steady_clock::now();
    const auto turn = std::max(now, next_turn_);
    next_turn_ = turn + scaled(milliseconds(1000));
    return std::chrono::duration_cast<milliseconds>(turn - now);
}

milliseconds Exchange::scaled(milliseconds time) const {
    return milliseconds(std::llround(static_cast<double>(time.count()) * options.time_scale));
}

Result<Mulaw> Exchange::speech(const std::string& text) {
    const auto known = speech_.find(text);
    if (known != speech_.end()) return known->second;
    auto audio = options.sound.say(text);
    if (!audio) return audio;
    if (speech_.size() >= 32) speech_.clear();
    speech_.emplace(text, *audio);
    return audio;
}

void Exchange::stop() {
    if (stopped) return;
    stopped = true;
    for (const auto& [sid, call] : calls_) {
        call->finish(call->answered() ? "completed" : "canceled", call->answered() ? 200 : 487);
    }
    calls_.clear();
    order_.clear();
    conferences_.clear();
    stopping.raise();
    webhooks->stop();
    ledger.close();
}

}  // namespace bridge::emulator
