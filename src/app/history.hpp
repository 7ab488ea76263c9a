#pragma once
// How calls are written down in the history: as the control API shows them.

#include <memory>

#include "base/metrics.hpp"
#include "stores/history_keeper.hpp"

namespace bridge::app {

/// Of a history in memory; whoever has a place for one says so in `open`.
stores::HistoryOptions history_options(std::shared_ptr<metrics::Registry> metrics);

}  // namespace bridge::app
