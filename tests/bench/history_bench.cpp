// How long pages and searches take of a history of many calls, in SQLite: fills a file, then asks.
//
//   bench_history [calls] [folder]        usually 100000, in a folder of its own

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "stores/sqlite_calls.hpp"

namespace {

namespace call = bridge::call;
namespace stores = bridge::stores;
using bridge::CallId;
using bridge::CallSid;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kWords = 20000;  ///< different ones, some far more frequent than others
constexpr std::size_t kPieces = 10, kWordsOfPiece = 12;

double ms_since(Clock::time_point began) {
    return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

std::string sentence(std::mt19937& chance) {
    std::string text;
    for (std::size_t i = 0; i < kWordsOfPiece; ++i) {
        // The nth word is about as frequent as 1/n.
        const auto share = static_cast<double>(chance()) / static_cast<double>(chance.max());
        const auto rank = std::pow(static_cast<double>(kWords), share);
        text += fmt::format("{}w{}", i > 0 ? " " : "", static_cast<int>(rank));
    }
    return text;
}

call::CallChange made_call(std::size_t n, std::mt19937& chance) {
    call::CallChange change;
    auto& call = change.call;
    call.id = CallId{fmt::format("c_{:016}", n)};
    call.sid = CallSid{fmt::format("CA{:032}", n)};
    call.to = fmt::format("+1202{:07}", n * 7919 % 10000000);
    call.from = "+15005550006";
    call.state = n % 20 == 0 ? call::CallState::busy : call::CallState::completed;
    call.created = std::chrono::system_clock::time_point(std::chrono::hours(480000)) + n * 1min;
    call.ended = call.created + 3min;
    call.transcribed = true;
    call.document = fmt::format(R"({{"call":"{}","filler":"{}"}})", call.id.str(),
                                std::string(1800, 'x'));  // as large as a real one
    for (std::size_t i = 0; i < kPieces; ++i) {
        call::TranscriptPiece piece;
        piece.speaker = i % 2 == 0 ? call::LineEnd::far : call::LineEnd::near;
        piece.number = i / 2 + 1;
        piece.final = true;
        piece.begin = std::chrono::milliseconds(i * 4000);
        piece.end = piece.begin + 3s;
        piece.text = sentence(chance);
        change.pieces.push_back(std::move(piece));
    }
    return change;
}

void report(std::string_view name, std::vector<double> times) {
    std::sort(times.begin(), times.end());
    const auto at = [&](double share) {
        return times[std::min(static_cast<std::size_t>(static_cast<double>(times.size()) * share),
                              times.size() - 1)];
    };
    fmt::print("{:<38} p50 {:7.2f} ms   p99 {:7.2f} ms   most {:7.2f} ms\n", name, at(0.5),
               at(0.99), times.back());
}

template <class Ask>
void measure(std::string_view name, int rounds, const Ask& ask) {
    std::vector<double> times;
    for (int i = 0; i < rounds; ++i) {
        const auto began = Clock::now();
        if (!ask(i)) {
            fmt::print(stderr, "{}: failed\n", name);
            std::exit(1);
        }
        times.push_back(ms_since(began));
    }
    report(name, std::move(times));
}

}  // namespace

int main(int count, char** words) {
    const std::size_t calls = count > 1 ? std::strtoul(words[1], nullptr, 10) : 100000;
    const std::filesystem::path folder =
        count > 2 ? words[2] : std::filesystem::temp_directory_path() / "agentbridge-bench";
    std::filesystem::create_directories(folder);
    const auto file = folder / "history.db";
    std::mt19937 chance(1);
    auto opened = stores::SqliteCalls::open(file);
    if (!opened) {
        fmt::print(stderr, "{}\n", opened.error().message);
        return 1;
    }
    auto& store = **opened;
    const auto began = Clock::now();
    constexpr std::size_t kAtOnce = 64;
    std::vector<call::CallChange> some;
    for (std::size_t n = 0; n < calls; ++n) {
        some.push_back(made_call(n, chance));
        if (some.size() < kAtOnce && n + 1 < calls) continue;
        if (const auto written = store.write(some); !written) {
            fmt::print(stderr, "{}\n", written.error().message);
            return 1;
        }
        some.clear();
    }
    fmt::print("{} calls with {} texts each written in {:.1f} s, {:.2f} ms a call; {:.0f} MB\n",
               calls, kPieces, ms_since(began) / 1000, ms_since(began) / static_cast<double>(calls),
               static_cast<double>(std::filesystem::file_size(file)) / 1e6);

    const auto page = [&](const call::CallQuery& query) { return store.page(query).has_value(); };
    const auto some_place = [&](int i) {
        const auto n = static_cast<std::size_t>(i) * 7919 % calls;
        return call::CallPlace{{}, CallId{fmt::format("c_{:016}", n)}};
    };
    const auto searched = [](int rank) {
        call::CallQuery query;
        query.words = fmt::format("w{}", rank);
        return query;
    };
    measure("page of 50, the newest", 500, [&](int) { return page({}); });
    measure("page of 50, anywhere", 500, [&](int i) {
        call::CallQuery query;
        query.after = some_place(i);
        return page(query);
    });
    measure("page of 50, one state", 200, [&](int i) {
        call::CallQuery query;
        query.state = call::CallState::busy;
        query.after = some_place(i);
        return page(query);
    });
    measure("page of 50, part of a number", 50, [&](int i) {
        call::CallQuery query;
        query.number = fmt::format("{:07}", i * 7919);
        return page(query);
    });
    measure("search, any of 2,000 words", 500,
            [&](int i) { return page(searched(5 + i * 37 % 2000)); });
    measure("search, a word of nearly every call", 200,
            [&](int i) { return page(searched(1 + i % 3)); });
    measure("search, three words", 200, [&](int i) {
        auto query = searched(3 + i % 40);
        *query.words += fmt::format(" w{} w{}", 50 + i % 100, 200 + i % 300);
        return page(query);
    });
    measure("search, nothing found", 200, [&](int i) { return page(searched(1000000 + i)); });
    measure("one call by its CallSid", 500, [&](int i) {
        const auto found =
            store.find(fmt::format("CA{:032}", static_cast<std::size_t>(i) * 7919 % calls));
        return found && *found;
    });
    std::error_code ignored;
    if (count <= 2) std::filesystem::remove_all(folder, ignored);
    return 0;
}
