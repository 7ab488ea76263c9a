#include "web/timeline_json.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <string_view>
#include <utility>

namespace bridge::web {
namespace {

namespace json = boost::json;
using call::Timeline;

json::string_view word(std::string_view text) {
    return {text.data(), text.size()};
}

/// Whole numbers as such; a tenth is enough for the rest.
json::value figure(double value) {
    if (std::isnan(value)) return nullptr;
    const auto rounded = std::round(value * 10) / 10;
    if (rounded == std::trunc(rounded)) return static_cast<std::int64_t>(rounded);
    return rounded;
}

std::string rfc3339(std::chrono::system_clock::time_point time) {
    const auto ms = std::chrono::time_point_cast<std::chrono::milliseconds>(time);
    const auto part = ms.time_since_epoch().count() % 1000;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(ms)), part);
}

}  // namespace

std::string timeline_text(const CallId& id, const Timeline& timeline,
                          std::chrono::milliseconds now) {
    json::array events;
    for (const auto& one : timeline.events()) {
        json::object event{{"at_ms", one.at.count()},
                           {"lane", word(call::to_string(one.lane))},
                           {"kind", word(one.kind)},
                           {"text", one.text}};
        if (!one.figures.empty()) {
            json::object figures;
            for (const auto& [name, value] : one.figures) figures[word(name)] = figure(value);
            event["data"] = std::move(figures);
        }
        events.push_back(std::move(event));
    }
    json::array times;
    std::array<json::array, Timeline::kFigures> columns;
    for (const auto& sample : timeline.samples()) {
        times.push_back(sample.at.count());
        for (std::size_t i = 0; i < columns.size(); ++i)
            columns[i].push_back(figure(static_cast<double>(sample.figures[i])));
    }
    json::object samples{{"at_ms", std::move(times)}};
    for (std::size_t i = 0; i < columns.size(); ++i)
        samples[word(call::to_string(static_cast<Timeline::Figure>(i)))] = std::move(columns[i]);
    return json::serialize(json::object{{"call", id.str()},
                                        {"began", rfc3339(timeline.began())},
                                        {"now_ms", now.count()},
                                        {"events", std::move(events)},
                                        {"samples", std::move(samples)},
                                        {"dropped_events", timeline.dropped_events()}});
}

}  // namespace bridge::web
