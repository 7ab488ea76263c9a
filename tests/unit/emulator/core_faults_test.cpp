#include "emulator/faults.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include <algorithm>

#include "emulator/persona.hpp"
#include "emulator/persona_description.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

TEST(Fault, IsReadWithAllThatCanBeSaidOfIt) {
    const auto fault = parse_fault(Switch::pace, "stall:1.5s@3s*2%25");
    ASSERT_TRUE(fault) << fault.error().message;
    EXPECT_EQ(fault->what, "stall");
    EXPECT_EQ(fault->time(), milliseconds(1500));
    EXPECT_EQ(fault->after, milliseconds(3000));
    EXPECT_EQ(fault->times, 2);
    EXPECT_EQ(fault->percent, 25);
    EXPECT_EQ(to_string(*fault), "stall:1500ms@3000ms*2%25");
    EXPECT_EQ(parse_fault(Switch::pace, to_string(*fault))->after, fault->after);
}

TEST(Fault, HasItsUsualValues) {
    EXPECT_EQ(parse_fault(Switch::socket, "refused")->argument, 502);
    EXPECT_EQ(to_string(*parse_fault(Switch::socket, "refused:403")), "refused:403");
    EXPECT_EQ(parse_fault(Switch::tunnel, "dead")->time(), milliseconds(10'000));
    EXPECT_EQ(to_string(*parse_fault(Switch::create, "429")), "429");
}

TEST(Fault, SaysWhatMayBeWritten) {
    const std::pair<Switch, const char*> table[] = {
        {Switch::create, "maybe"},        {Switch::create, ""},
        {Switch::create, "500_after:2s"}, {Switch::create, "429*0"},
        {Switch::create, "429*x"},        {Switch::create, "429%0"},
        {Switch::create, "429%101"},      {Switch::create, "429%nan"},
        {Switch::create, "429@2s"},       {Switch::socket, "drop@soon"},
        {Switch::socket, "refused:99"},   {Switch::pace, "burst:"},
        {Switch::voice, "drop"},          {Switch::create, "429:-1s"}};
    for (const auto& [where, text] : table) {
        const auto fault = parse_fault(where, text);
        ASSERT_FALSE(fault) << text;
        EXPECT_EQ(fault.error().code, Errc::bad_field);
        EXPECT_NE(fault.error().message.find(to_string(where)), std::string::npos);
    }
    EXPECT_NE(parse_fault(Switch::create, "x").error().message.find("timeout_after"),
              std::string::npos);
}

TEST(FaultSet, ChangesWhatIsNamedAndNothingElse) {
    FaultSet faults;
    ASSERT_TRUE(faults.apply({{"signature", "trailing_slash"}, {"create", "429*2"}}));
    ASSERT_TRUE(faults.apply({{"callbacks", "duplicate"}}));
    const auto all = faults.to_json();
    EXPECT_EQ(all.at("signature").as_string(), "trailing_slash");
    EXPECT_EQ(all.at("create").as_string(), "429*2");
    EXPECT_EQ(all.at("callbacks").as_string(), "duplicate");
    EXPECT_EQ(all.at("tunnel").as_string(), "ok");
    ASSERT_TRUE(faults.apply({{"signature", "ok"}, {"create", "ok"}, {"callbacks", "ok"}}));
    EXPECT_TRUE(faults.empty());
}

TEST(FaultSet, RefusesAWrongValueAndChangesNothing) {
    FaultSet faults;
    for (const auto& change : {json::object{{"create", "429"}, {"rest", "never"}},
                               json::object{{"create", "429"}, {"creat", "429"}},
                               json::object{{"create", "429"}, {"voice", 7}}}) {
        const auto done = faults.apply(change);
        ASSERT_FALSE(done) << json::serialize(change);
        EXPECT_TRUE(faults.empty());
    }
}

TEST(FaultSet, CountsOccasionsDown) {
    FaultSet faults;
    std::mt19937_64 random;
    ASSERT_TRUE(faults.set(Switch::create, "429*2"));
    EXPECT_TRUE(faults.take(Switch::create, random));
    EXPECT_EQ(faults.to_json().at("create").as_string(), "429*1");
    EXPECT_TRUE(faults.take(Switch::create, random));
    EXPECT_FALSE(faults.take(Switch::create, random));
    EXPECT_TRUE(faults.empty());
}

TEST(FaultBook, DecidesByTheNarrowestScope) {
    FaultBook book;
    ASSERT_TRUE(book.apply(
        {{"socket", "drop"},
         {"numbers", json::object{{"default", json::object{{"socket", "fin"}}},
                                  {"+12025550142", json::object{{"socket", "half_open"}}}}},
         {"calls", json::object{{"CA00000000000000000000000000000001",
                                 json::object{{"socket", "trickle*1"}}}}}}));
    const FaultScope call{"+12025550142", "CA00000000000000000000000000000001"};
    EXPECT_EQ(book.take(Switch::socket, call)->what, "trickle");
    EXPECT_EQ(book.take(Switch::socket, call)->what, "half_open");
    EXPECT_EQ(book.take(Switch::socket, {"+12025550143", {}})->what, "fin");
    EXPECT_EQ(book.take(Switch::socket, {})->what, "drop");
    EXPECT_FALSE(book.take(Switch::pace, call));
}

TEST(FaultBook, GivesBackWhatItTakes) {
    FaultBook book, other;
    ASSERT_TRUE(book.apply(
        {{"create", "429:2s*3"},
         {"seed", 7},
         {"numbers", json::object{{"+12025550142", json::object{{"pace", "jitter%50"}}}}}}));
    ASSERT_TRUE(other.apply(book.to_json()));
    EXPECT_EQ(other.to_json(), book.to_json());
    EXPECT_EQ(book.to_json().at("seed").as_int64(), 7);
}

TEST(FaultBook, RefusesAWholeChangeForOneWrongPart) {
    FaultBook book;
    const auto untouched = book.to_json();
    for (const auto& change :
         {json::object{{"create", "429"}, {"seed", -1}}, json::object{{"numbers", 1}},
          json::object{{"create", "429"}, {"numbers", json::object{{"me", json::object{}}}}},
          json::object{{"numbers", json::object{{"+12025550142", "drop"}}}},
          json::object{{"seed", 3}, {"calls", json::object{{"CA1", json::object{}}}}},
          json::object{{"seed", 3}, {"everything", "bad"}}}) {
        EXPECT_FALSE(book.apply(change)) << json::serialize(change);
        EXPECT_EQ(book.to_json(), untouched);
    }
}

TEST(FaultBook, TakesFlags) {
    FaultBook book;
    for (const auto* flag :
         {"create=429:2s*3", "+12025550142:socket=drop@2s", "default:pace=jitter", "seed=9"}) {
        const auto done = book.apply_flag(flag);
        EXPECT_TRUE(done) << flag << ": " << (done ? "" : done.error().message);
    }
    EXPECT_EQ(book.take(Switch::socket, {"+12025550142", {}})->after, milliseconds(2000));
    EXPECT_TRUE(book.take(Switch::pace, {"+12025550199", {}}));
    for (const auto* flag : {"create", "create=", "=429", "cre=429", "me:socket=drop", "seed=x"}) {
        EXPECT_FALSE(book.apply_flag(flag)) << flag;
    }
}

TEST(FaultBook, RollsTheSameDiceForTheSameSeed) {
    const auto thrown = [](std::int64_t seed) {
        FaultBook book;
        EXPECT_TRUE(book.apply({{"frames", "missing%30"}, {"seed", seed}}));
        std::string hits;
        for (int i = 0; i < 200; ++i) hits += book.take(Switch::frames, {}) ? 'x' : '.';
        return hits;
    };
    EXPECT_EQ(thrown(1), thrown(1));
    EXPECT_NE(thrown(1), thrown(2));
    const auto hits = thrown(1);
    const auto count = std::count(hits.begin(), hits.end(), 'x');
    EXPECT_GT(count, 30);
    EXPECT_LT(count, 90);
}

TEST(PersonaDescriptionFaults, ArePartOfItsOptions) {
    const auto described = parse_persona_description("say:one, two,socket=drop@2s*1,ring=1s");
    ASSERT_TRUE(described);
    EXPECT_EQ(described->argument, "one, two");
    auto faults = faults_of(*described);
    ASSERT_TRUE(faults);
    EXPECT_EQ(faults->to_json().at("socket").as_string(), "drop@2000ms*1");
    PersonaBook book;
    EXPECT_TRUE(book.assign("default", "echo,create=429*1,pace=burst:300ms"));
    const auto wrong = book.assign("default", "echo,create=nonsense");
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message.find("timeout_after"), std::string::npos);
}

}  // namespace
}  // namespace bridge::emulator
