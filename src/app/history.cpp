#include "app/history.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "web/json.hpp"
#include "web/timeline_json.hpp"

namespace bridge::app {

stores::HistoryOptions history_options(std::shared_ptr<metrics::Registry> metrics) {
    stores::HistoryOptions options;
    options.document = [](const call::CallSnapshot& call) {
        return boost::json::serialize(web::call_json(call, call::Desk::Place{}));
    };
    options.event = [](const call::CallEvent& event) {
        return boost::json::serialize(web::event_json(event));
    };
    options.timeline = [](const CallId& id, const call::Timeline& timeline,
                          std::chrono::milliseconds length) {
        return web::timeline_text(id, timeline, length);
    };
    options.metrics = std::move(metrics);
    return options;
}

}  // namespace bridge::app
