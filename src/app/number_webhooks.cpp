#include "app/number_webhooks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "base/log.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using call::BorrowedNumber;
using call::NumberRouting;

constexpr auto kPart = "numbers";
constexpr auto kEnding = "this program is ending";
constexpr std::size_t kBases = 16;  ///< as many as the public address remembers

/// An address of a number with its method, what they are called over REST, and which path of ours
/// stands there.
struct Field {
    std::string NumberRouting::*url;
    std::string NumberRouting::*method;
    const char* url_name;
    const char* method_name;
    std::string_view path;
};
constexpr std::array<Field, 3> kFields{{
    {&NumberRouting::voice_url, &NumberRouting::voice_method, "VoiceUrl", "VoiceMethod",
     kVoicePath},
    {&NumberRouting::fallback_url, &NumberRouting::fallback_method, "VoiceFallbackUrl",
     "VoiceFallbackMethod", kFallbackPath},
    {&NumberRouting::status_url, &NumberRouting::status_method, "StatusCallback",
     "StatusCallbackMethod", kStatusPath},
}};
constexpr const Field& kVoice = kFields[0];

NumberRouting routing_to(const std::string& base) {
    NumberRouting routing;
    for (const auto& field : kFields) {
        routing.*field.url = base + std::string(field.path);
        routing.*field.method = "POST";
    }
    return routing;
}

void set(twilio::Form& form, const Field& field, const NumberRouting& to) {
    form.add(field.url_name, to.*field.url);
    if (!(to.*field.method).empty()) form.add(field.method_name, to.*field.method);
}

bool is_ours(const NumberRouting& now, const Field& field, const std::vector<std::string>& bases) {
    return is_below(bases, now.*field.url, field.path);
}

/// What to put back later: what stands there now, but where that is ours, what stood there before.
NumberRouting former_of(const NumberRouting& now, const BorrowedNumber& row) {
    auto former = now;
    for (const auto& field : kFields) {
        if (!is_ours(now, field, row.bases)) continue;
        former.*field.url = row.former.*field.url;
        former.*field.method = row.former.*field.method;
    }
    if (now.application.empty() && now.trunk.empty() && is_ours(now, kVoice, row.bases)) {
        former.application = row.former.application;
        former.trunk = row.former.trunk;
    }
    return former;
}

void add_base(std::vector<std::string>& bases, const std::string& base) {
    std::erase(bases, base);
    bases.push_back(base);
    if (bases.size() > kBases) bases.erase(bases.begin());
}

/// Nothing can have been changed.
bool is_refusal(const Error& error) {
    return error.code == Errc::refused || error.code == Errc::unauthorized ||
           error.code == Errc::not_found;
}

Error left_as_it_is(const std::string& number, const NumberRouting& now) {
    return {make_error_code(Errc::refused),
            fmt::format("inbound calls of {} go {}, which is somebody else's, and were left "
                        "there.\n    With --force they come here, and go there again when this "
                        "program ends",
                        number, format_routing(now))};
}

Error used_by(const std::string& number, const std::string& instance) {
    return {make_error_code(Errc::refused),
            fmt::format("{} is used by another running agentbridge (process {}).\n    End that "
                        "one, or take the number with --force",
                        number, process_of(instance))};
}

}  // namespace

call::NumberRouting routing_of(const twilio::PhoneNumber& number) {
    return {number.voice_url,
            number.voice_method,
            number.voice_fallback_url,
            number.voice_fallback_method,
            number.status_callback,
            number.status_callback_method,
            number.voice_application_sid,
            number.trunk_sid};
}

/// Holds the turn and passes it on.
class NumberWebhooks::Turn {
public:
    explicit Turn(std::shared_ptr<NumberWebhooks> of) : of_(std::move(of)) {}
    ~Turn() {
        of_->taken_ = false;
        boost::system::error_code ignored;
        of_->next_.cancel_one(ignored);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    std::shared_ptr<NumberWebhooks> of_;
};

NumberWebhooks::NumberWebhooks(asio::any_io_executor executor,
                               std::shared_ptr<twilio::RestClient> rest,
                               NumberWebhooksOptions options)
    : rest_(std::move(rest)),
      options_(std::move(options)),
      next_(std::move(executor), asio::steady_timer::time_point::max()) {}

/// The caller makes a Turn right afterwards.
asio::awaitable<void> NumberWebhooks::await_turn(std::shared_ptr<NumberWebhooks> self) {
    while (self->taken_) {
        boost::system::error_code woken;
        co_await self->next_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    self->taken_ = true;
}

asio::awaitable<Result<UsedNumber>> NumberWebhooks::use(std::shared_ptr<NumberWebhooks> self,
                                                        std::string number, bool force) {
    co_await await_turn(self);
    const Turn turn(self);
    if (self->ending_) co_return fail(Errc::cancelled, kEnding);
    co_return co_await use_in_turn(self, std::move(number), force);
}

asio::awaitable<Result<UsedNumber>> NumberWebhooks::use_in_turn(
    std::shared_ptr<NumberWebhooks> self, std::string number, bool force) {
    const auto& journal = self->options_.journal;
    const auto url = self->options_.url.now();
    const auto base = url->base();
    if (base.empty() || (url->loopback() && !self->options_.local_carrier)) {
        co_return fail(Errc::bad_config,
                       fmt::format("{} is an address of this machine, which Twilio cannot reach; "
                                   "set PUBLIC_URL, or use --tunnel ngrok",
                                   base.empty() ? "the public address" : base));
    }
    auto found = co_await find(self, number);
    if (!found) co_return tl::unexpected(std::move(found.error()));
    if (!found->voice) {
        co_return fail(Errc::bad_config,
                       fmt::format("{} takes no calls: it has no voice; choose a number with the "
                                   "voice capability",
                                   number));
    }
    if (self->ending_) co_return fail(Errc::cancelled, kEnding);
    auto rows = co_await journal->borrowed();
    if (!rows) co_return tl::unexpected(std::move(rows.error()));
    const auto row = std::find_if(rows->begin(), rows->end(),
                                  [&](const BorrowedNumber& one) { return one.sid == found->sid; });
    const bool known = row != rows->end();
    if (known && !force && row->instance != journal->instance() &&
        self->options_.alive(row->instance))
        co_return tl::unexpected(used_by(number, row->instance));

    const auto now = routing_of(*found);
    const auto ours = routing_to(base);
    BorrowedNumber next;
    next.sid = found->sid;
    next.number = number;
    next.taken = std::chrono::system_clock::now();
    next.former = known ? former_of(now, *row) : now;
    if (known) next.bases = row->bases;
    const bool overridden = !now.application.empty() || !now.trunk.empty();
    auto own = next.bases;
    own.push_back(base);
    const bool foreign = overridden || (!now.voice_url.empty() && !is_demo_url(now.voice_url) &&
                                        !is_ours(now, kVoice, own));
    if (foreign && !force) co_return tl::unexpected(left_as_it_is(number, now));

    UsedNumber used{number, next.sid, ours.voice_url, next.former, now == ours};
    if (used.already && !known) co_return used;
    const auto former_row = known ? std::optional(*row) : std::nullopt;
    add_base(next.bases, base);
    self->busy_ = true;
    auto borrowing = journal->borrow(next);
    auto written = co_await std::move(borrowing);
    if (!written) co_return tl::unexpected(std::move(written.error()));
    if (used.already) co_return used;

    twilio::Form form;
    if (!now.application.empty()) form.add("VoiceApplicationSid", "");
    if (!now.trunk.empty()) form.add("TrunkSid", "");
    for (const auto& field : kFields) set(form, field, ours);
    auto updating = self->rest_->update_number(next.sid, std::move(form));
    auto updated = co_await std::move(updating);
    if (!updated) {
        if (!former_row && is_refusal(updated.error())) {
            auto forgetting = journal->forget_number(next.sid, journal->instance());
            co_await std::move(forgetting);
        }
        co_return tl::unexpected(std::move(updated.error()));
    }
    co_return used;
}

asio::awaitable<Result<twilio::PhoneNumber>> NumberWebhooks::find(
    std::shared_ptr<NumberWebhooks> self, std::string number) {
    auto listing = self->rest_->numbers(number);
    auto listed = co_await std::move(listing);
    if (!listed) co_return tl::unexpected(std::move(listed.error()));
    if (!listed->empty()) co_return std::move(listed->front());
    auto looking = self->rest_->numbers({});
    auto all = co_await std::move(looking);
    if (!all) co_return tl::unexpected(std::move(all.error()));
    if (all->empty()) {
        co_return fail(Errc::not_found,
                       fmt::format("{} is not a number of this account, which has none; buy one "
                                   "at console.twilio.com",
                                   number));
    }
    std::vector<std::string> there;
    for (const auto& one : *all) there.push_back(one.number);
    constexpr std::size_t kShown = 10;
    const auto more = there.size() > kShown ? there.size() - kShown : 0;
    there.resize(there.size() - more);
    co_return fail(
        Errc::not_found,
        fmt::format("{} is not a number of this account, which has {}{}", number,
                    fmt::join(there, ", "), more > 0 ? fmt::format(" and {} more", more) : ""));
}

asio::awaitable<Result<std::vector<std::string>>> NumberWebhooks::follow(
    std::shared_ptr<NumberWebhooks> self) {
    co_await await_turn(self);
    const Turn turn(self);
    std::vector<std::string> told;
    if (self->ending_ || !self->busy_) co_return told;
    const auto& journal = self->options_.journal;
    auto rows = co_await journal->borrowed();
    if (!rows) co_return tl::unexpected(std::move(rows.error()));
    const auto base = self->options_.url.now()->base();
    const auto ours = routing_to(base);
    for (auto& row : *rows) {
        if (row.instance != journal->instance()) continue;
        auto found = co_await find(self, row.number);
        if (!found && found.error().code != Errc::not_found)
            co_return tl::unexpected(std::move(found.error()));
        if (!found) {
            told.push_back(std::move(found.error().message));
            continue;
        }
        const auto now = routing_of(*found);
        if (!is_ours(now, kVoice, row.bases)) {
            told.push_back(
                fmt::format("somebody else has changed {}: its calls go {}, and do not follow "
                            "the public address",
                            row.number, format_routing(now)));
        }
        twilio::Form form;
        for (const auto& field : kFields) {
            const bool mine = is_ours(now, field, row.bases);
            if (mine && !same_address(now.*field.url, ours.*field.url)) set(form, field, ours);
        }
        if (form.pairs().empty()) continue;
        add_base(row.bases, base);
        auto borrowing = journal->borrow(row);
        auto written = co_await std::move(borrowing);
        if (!written) co_return tl::unexpected(std::move(written.error()));
        auto updating = self->rest_->update_number(row.sid, std::move(form));
        auto updated = co_await std::move(updating);
        if (!updated) co_return tl::unexpected(std::move(updated.error()));
        log::info(kPart, "{} follows the public address to {}", row.number, base);
    }
    co_return told;
}

asio::awaitable<Result<std::vector<ReturnedNumber>>> NumberWebhooks::give_back(
    std::shared_ptr<NumberWebhooks> self) {
    self->ending_ = true;
    co_await await_turn(self);
    const Turn turn(self);
    std::vector<ReturnedNumber> out;
    if (!self->busy_) co_return out;
    const auto& journal = self->options_.journal;
    auto rows = co_await journal->borrowed();
    if (!rows) co_return tl::unexpected(std::move(rows.error()));
    for (auto& row : *rows) {
        if (row.instance != journal->instance()) continue;
        auto putting = put_back(self, std::move(row));
        out.push_back(co_await std::move(putting));
    }
    co_return out;
}

asio::awaitable<Result<std::vector<ReturnedNumber>>> NumberWebhooks::restore(
    std::shared_ptr<NumberWebhooks> self, std::string number, bool own) {
    co_await await_turn(self);
    const Turn turn(self);
    std::vector<ReturnedNumber> out;
    const auto& journal = self->options_.journal;
    auto rows = co_await journal->borrowed();
    if (!rows) co_return tl::unexpected(std::move(rows.error()));
    for (auto& row : *rows) {
        if (!number.empty() && row.number != number) continue;
        const bool ours = row.instance == journal->instance();
        if (ours ? !own || number.empty() : self->options_.alive(row.instance)) {
            out.push_back({ReturnedNumber::What::held, row.number, row.former, row.instance, {}});
            continue;
        }
        auto putting = put_back(self, std::move(row));
        out.push_back(co_await std::move(putting));
    }
    co_return out;
}

/// Field by field: what is ours goes, what somebody else has put there stays.
asio::awaitable<ReturnedNumber> NumberWebhooks::put_back(std::shared_ptr<NumberWebhooks> self,
                                                         BorrowedNumber number) {
    using What = ReturnedNumber::What;
    ReturnedNumber out{What::failed, number.number, number.former, number.instance, {}};
    auto listing = self->rest_->numbers(number.number);
    auto listed = co_await std::move(listing);
    if (!listed) {
        out.detail = std::move(listed.error().message);
        co_return out;
    }
    const auto found = std::find_if(listed->begin(), listed->end(),
                                    [&](const auto& one) { return one.sid == number.sid; });
    twilio::Form form;
    if (found == listed->end()) {
        out.what = What::gone;
    } else {
        const auto now = routing_of(*found);
        const auto& former = number.former;
        for (const auto& field : kFields) {
            const bool as_before =
                now.*field.url == former.*field.url && now.*field.method == former.*field.method;
            if (is_ours(now, field, number.bases) && !as_before) set(form, field, former);
        }
        const bool overridden = !now.application.empty() || !now.trunk.empty();
        const bool voice_is_free =
            is_ours(now, kVoice, number.bases) || now.voice_url == former.voice_url;
        if (!overridden && voice_is_free) {
            if (!former.application.empty()) form.add("VoiceApplicationSid", former.application);
            if (!former.trunk.empty()) form.add("TrunkSid", former.trunk);
        }
        const bool same_override =
            now.application == former.application && now.trunk == former.trunk;
        if (!voice_is_free || (overridden && !same_override)) {
            out.what = What::changed;
            out.detail = format_routing(now);
        } else {
            out.what = form.pairs().empty() ? What::already : What::returned;
        }
    }
    if (!form.pairs().empty()) {
        auto updating = self->rest_->update_number(number.sid, std::move(form));
        auto updated = co_await std::move(updating);
        if (!updated) {
            out.what = What::failed;
            out.detail = std::move(updated.error().message);
            co_return out;
        }
    }
    auto forgetting = self->options_.journal->forget_number(number.sid, number.instance);
    auto forgotten = co_await std::move(forgetting);
    // It is found as it was when it is looked at again.
    if (!forgotten) log::warning(kPart, "{}", forgotten.error().message);
    co_return out;
}

}  // namespace bridge::app
