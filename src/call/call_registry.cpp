#include "call/call_registry.hpp"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>
#include <utility>

namespace bridge::call {

CallRegistry::CallRegistry(std::vector<CallHome> homes, Services services)
    : homes_(std::move(homes)),
      services_(std::move(services)),
      metrics_(std::make_shared<CallMetrics>(metrics::registry_or_own(services_.metrics))) {
    if (homes_.empty()) throw std::logic_error("a call registry needs an io thread");
}

CallRegistry::~CallRegistry() = default;

CallId CallRegistry::open(CallSpec spec) {
    if (spec.id.empty()) spec.id = new_call_id();
    const auto id = spec.id;
    auto entry = std::make_shared<Entry>();
    entry->id = id;
    entry->direction = spec.direction;
    {
        const std::scoped_lock lock(mutex_);
        entry->home = next_home_;
        next_home_ = (next_home_ + 1) % homes_.size();
        entry->sid = spec.sid;
        calls_.emplace(id, entry);
        entry->number = ++opened_;
        in_order_.emplace(entry->number, id);
        if (!spec.sid.empty()) by_sid_.emplace(spec.sid, id);
    }
    const auto& home = homes_[entry->home];
    // At once if this is its thread: a media socket that another thread hands over may overtake
    // what is posted here.
    boost::asio::dispatch(home.executor, [this, entry, spec = std::move(spec), home] {
        CallServices services{*home.clock,       home.executor,     services_.events,
                              services_.carrier, services_.speaker, services_.playout,
                              services_.journal};
        services.metrics = metrics_;
        services.listener = services_.listener;
        services.microphone = services_.microphone;
        services.outbound = services_.outbound;
        services.hold_music = services_.hold_music;
        services.voicemail = services_.voicemail;
        services.agents = services_.agents;
        services.agent_care = services_.agent_care;
        services.messages = services_.messages;
        services.may_transfer = services_.may_transfer;
        services.recordings = services_.recordings;
        services.transcribers = services_.transcribers;
        services.captures = services_.captures;
        services.timelines = timelines_;
        services.claimed = [this, id = entry->id](const CallSid& sid) {
            const auto owner = find(sid.str());
            return owner && *owner != id;
        };
        services.named = [this](const CallId& call, const CallSid& sid) { name(call, sid); };
        services.finished = [this](const CallId& call) { finish(call); };
        services.ended = [this](const CallId& call) { sweep(call); };
        entry->call = Call::make(spec, std::move(services));
    });
    return id;
}

bool CallRegistry::post(const CallId& id, CallInput input) {
    std::shared_ptr<Entry> entry;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = calls_.find(id);
        if (found == calls_.end()) return false;
        entry = found->second;
    }
    boost::asio::post(homes_[entry->home].executor, [entry, input = std::move(input)] {
        if (entry->call) entry->call->accept(input);
    });
    return true;
}

std::optional<CallId> CallRegistry::find(std::string_view id_or_sid) const {
    const std::scoped_lock lock(mutex_);
    if (const auto found = calls_.find(CallId{std::string(id_or_sid)}); found != calls_.end())
        return found->first;
    if (const auto found = by_sid_.find(CallSid{std::string(id_or_sid)}); found != by_sid_.end())
        return found->second;
    return std::nullopt;
}

std::optional<std::size_t> CallRegistry::home_of(const CallId& id) const {
    const std::scoped_lock lock(mutex_);
    const auto found = calls_.find(id);
    if (found == calls_.end()) return std::nullopt;
    return found->second->home;
}

void CallRegistry::name(const CallId& id, const CallSid& sid) {
    const std::scoped_lock lock(mutex_);
    const auto found = calls_.find(id);
    if (found == calls_.end() || sid.empty() || !found->second->sid.empty()) return;
    found->second->sid = sid;
    by_sid_.emplace(sid, id);
}

std::shared_ptr<Call> CallRegistry::here(const CallId& id) const {
    std::shared_ptr<Entry> entry;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = calls_.find(id);
        if (found == calls_.end()) return nullptr;
        entry = found->second;
    }
    return entry->call;
}

std::size_t CallRegistry::size() const {
    const std::scoped_lock lock(mutex_);
    return calls_.size();
}

std::size_t CallRegistry::outbound() const {
    const std::scoped_lock lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(calls_.begin(), calls_.end(), [](const auto& one) {
            return one.second->direction == Direction::outbound && !one.second->finished;
        }));
}

std::vector<CallId> CallRegistry::ids() const {
    const std::scoped_lock lock(mutex_);
    std::vector<CallId> out;
    out.reserve(in_order_.size());
    for (const auto& [number, id] : in_order_) out.push_back(id);
    return out;
}

std::vector<CallId> CallRegistry::finished() const {
    const std::scoped_lock lock(mutex_);
    std::vector<CallId> out;
    for (const auto& [number, id] : in_order_) {
        const auto found = calls_.find(id);
        if (found != calls_.end() && found->second->finished) out.push_back(id);
    }
    return out;
}

std::vector<CallRegistry::Opened> CallRegistry::opened_after(std::uint64_t after,
                                                             std::size_t most) const {
    const std::scoped_lock lock(mutex_);
    std::vector<Opened> out;
    for (auto at = in_order_.upper_bound(after); at != in_order_.end() && out.size() < most; ++at)
        out.push_back({at->first, at->second});
    return out;
}

bool CallRegistry::snapshot(const CallId& id, std::function<void(CallSnapshot)> take) {
    std::shared_ptr<Entry> entry;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = calls_.find(id);
        if (found == calls_.end()) return false;
        entry = found->second;
    }
    boost::asio::post(homes_[entry->home].executor, [entry, take = std::move(take)] {
        if (entry->call) take(entry->call->snapshot());
    });
    return true;
}

void CallRegistry::visit(const CallId& id, std::function<void(Call*)> use) {
    std::shared_ptr<Entry> entry;
    {
        const std::scoped_lock lock(mutex_);
        if (const auto found = calls_.find(id); found != calls_.end()) entry = found->second;
    }
    if (!entry) {
        use(nullptr);
        return;
    }
    boost::asio::post(homes_[entry->home].executor, [entry, use = std::move(use)] {
        // A copy: what `use` does may end the call.
        const auto call = entry->call;
        use(call.get());
    });
}

void CallRegistry::snapshots(boost::asio::any_io_executor executor,
                             std::function<void(std::vector<CallSnapshot>)> take) {
    snapshots(ids(), std::move(executor), [take = std::move(take)](auto found) {
        std::vector<CallSnapshot> calls;
        calls.reserve(found.size());
        for (auto& one : found) {
            if (one) calls.push_back(std::move(*one));
        }
        take(std::move(calls));
    });
}

void CallRegistry::snapshots(const std::vector<CallId>& wanted,
                             boost::asio::any_io_executor executor,
                             std::function<void(std::vector<std::optional<CallSnapshot>>)> take) {
    // Each call answers on its own home shard, in a place of its own; whoever lets go of
    // `gathered` last delivers it.
    struct Gathered {
        std::vector<std::optional<CallSnapshot>> calls;
        boost::asio::any_io_executor executor;
        std::function<void(std::vector<std::optional<CallSnapshot>>)> take;
        ~Gathered() {
            boost::asio::post(executor,
                              [take = std::move(take), calls = std::move(calls)]() mutable {
                                  take(std::move(calls));
                              });
        }
    };
    auto gathered = std::make_shared<Gathered>();
    gathered->calls.resize(wanted.size());
    gathered->executor = std::move(executor);
    gathered->take = std::move(take);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        visit(wanted[i], [gathered, i](Call* call) {
            if (call) gathered->calls[i] = call->snapshot();
        });
    }
}

void CallRegistry::when_empty(std::function<void()> done) {
    {
        const std::scoped_lock lock(mutex_);
        if (!calls_.empty()) {
            when_empty_.push_back(std::move(done));
            return;
        }
    }
    done();
}

void CallRegistry::finish(const CallId& id) {
    const std::scoped_lock lock(mutex_);
    if (const auto found = calls_.find(id); found != calls_.end()) found->second->finished = true;
}

void CallRegistry::sweep(const CallId& id) {
    std::shared_ptr<Entry> entry;
    std::vector<std::function<void()>> waiting;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = calls_.find(id);
        if (found == calls_.end()) return;
        entry = found->second;
        if (const auto named = by_sid_.find(entry->sid);
            named != by_sid_.end() && named->second == id) {
            by_sid_.erase(named);
        }
        in_order_.erase(entry->number);
        calls_.erase(found);
        if (calls_.empty()) waiting.swap(when_empty_);
    }
    // The call is inside accept(): it keeps itself until that returns. Inputs still posted find
    // nobody.
    entry->call.reset();
    for (const auto& done : waiting) done();
}

}  // namespace bridge::call
