#pragma once
// Twilio's REST API, /2010-04-01/Accounts/{Sid}/…, as far as a telephone bridge uses it: the
// account, calls, their streams and recordings, conferences, and the numbers owned. ".json" may be
// left out: JSON is the only format.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emulator/call_request.hpp"
#include "emulator/conference.hpp"
#include "emulator/exchange.hpp"
#include "emulator/recording_book.hpp"
#include "net/http_message.hpp"

namespace bridge::emulator {

/// Thread: the emulator's.
class RestApi {
public:
    explicit RestApi(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
    /// Never fails: every problem is an answer.
    asio::awaitable<net::HttpResponse> handle(net::HttpRequest request);

private:
    struct Route {
        std::string method;
        std::vector<std::string> parts;  ///< after the account's SID, decoded, without ".json"
        std::string path;                ///< as asked for, without the query
        Fields query, form;
        std::string host;  ///< as it was asked
    };

    asio::awaitable<net::HttpResponse> act(Route route);
    FaultScope scope_of(const Route& route) const;
    std::optional<Fault> fault_for(const Route& route, const FaultScope& scope) const;
    /// What a fault makes of a request that has not been acted on; nothing: it is acted on.
    asio::awaitable<std::optional<net::HttpResponse>> fail_before(Fault fault);
    /// What a fault makes of the answer.
    asio::awaitable<net::HttpResponse> fail_after(Fault fault, net::HttpResponse answer);
    bool authorized(const net::HttpRequest& request, const std::string& account_sid) const;
    net::HttpResponse account(const Route& route) const;
    asio::awaitable<net::HttpResponse> calls(Route route);
    net::HttpResponse create_call(const Fields& form);
    /// A call as the form of a create asks for it, not started yet; or the refusal.
    tl::expected<std::shared_ptr<PhoneCall>, net::HttpResponse> add_ordered_call(
        const Fields& form);
    net::HttpResponse conferences(const Route& route);
    net::HttpResponse list_conferences(const Route& route) const;
    net::HttpResponse update_conference(const std::shared_ptr<Conference>& conference,
                                        const Fields& form);
    net::HttpResponse participants(const std::shared_ptr<Conference>& conference,
                                   const Route& route);
    net::HttpResponse create_participant(const std::string& which, const Route& route);
    void update_participant(Conference& conference, const std::shared_ptr<Participant>& participant,
                            const Fields& form);
    net::HttpResponse list_calls(const Route& route) const;
    net::HttpResponse update_call(const std::shared_ptr<PhoneCall>& call, const Fields& form);
    net::HttpResponse streams(const std::shared_ptr<PhoneCall>& call, const Route& route);
    net::HttpResponse create_stream(const std::shared_ptr<PhoneCall>& call, const Fields& form);
    net::HttpResponse recordings(const Route& route, bool of_a_call);
    net::HttpResponse call_recordings(const Route& route);
    net::HttpResponse numbers(const Route& route);
    std::string base() const { return "/2010-04-01/Accounts/" + exchange_->account.sid; }

    std::shared_ptr<Exchange> exchange_;
    std::shared_ptr<RecordingBook> recordings_ = std::make_shared<RecordingBook>(exchange_);
};

/// True if the day of `time` agrees with every filter of that name ("StartTime", "StartTime>", …).
bool day_matches(const std::optional<WallTime>& time, const Fields& query, const std::string& name);

/// A call as its resource (twilio.com/docs/voice/api/call-resource).
boost::json::object call_json(const PhoneCall& call, const std::string& account_sid);

}  // namespace bridge::emulator
