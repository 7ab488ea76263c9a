#include "agents/openai/conversation.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bridge::agents {
namespace {

using Kind = Conversation::Kind;

std::vector<std::string> carried(Conversation& conversation) {
    std::vector<std::string> texts;
    conversation.carry([&](const Conversation::Item& item) { texts.push_back(item.text); });
    return texts;
}

using Texts = std::vector<std::string>;

TEST(Conversation, KeepsTheOrderInWhichThingsWereSaid) {
    Conversation conversation;
    EXPECT_FALSE(conversation.begun());
    conversation.append(Kind::caller, "one", {});  // said first, understood last
    conversation.append(Kind::agent, "two", "An ");
    conversation.append(Kind::agent, "two", "answer.");
    conversation.set(Kind::caller, "one", "A question.");
    EXPECT_TRUE(conversation.begun());
    EXPECT_EQ(carried(conversation), (Texts{"A question.", "An answer."}));
}

TEST(Conversation, CarriesEverythingOnceToEachSession) {
    Conversation conversation;
    conversation.add({Kind::note, {}, "a note", {}, false});
    EXPECT_FALSE(conversation.begun());
    conversation.append(Kind::agent, "silent", {});
    EXPECT_EQ(carried(conversation), (Texts{"a note"}));
    conversation.set(Kind::agent, "silent", "not any more");
    EXPECT_EQ(carried(conversation), (Texts{"not any more"}));
    EXPECT_EQ(carried(conversation), Texts{});
    conversation.forget_carried();
    EXPECT_EQ(carried(conversation), (Texts{"a note", "not any more"}));
}

TEST(Conversation, KeepsTheNewestAndNoResultWithoutItsCall) {
    Conversation conversation(100);
    conversation.add({Kind::call, "c", std::string(30, 'a'), "clock", false});
    conversation.add({Kind::caller, {}, std::string(30, 'b'), {}, false});
    conversation.add({Kind::result, "c", std::string(30, 'c'), {}, false});
    conversation.add({Kind::caller, {}, std::string(60, 'd'), {}, false});
    EXPECT_EQ(carried(conversation), (Texts{std::string(30, 'b'), std::string(60, 'd')}));
    for (int i = 0; i < 10'000; ++i) {
        conversation.append(Kind::agent, std::to_string(i), {});
        conversation.append(Kind::agent, "endless", "again and ");
    }
    EXPECT_LE(conversation.items().size(), 400U);
    std::size_t held = 0;
    for (const auto& item : conversation.items()) held += item.text.size();
    EXPECT_LE(held, 4000U);
}

TEST(Conversation, RemembersWhatWasHeardToTheLastWholeWord) {
    const std::string text = "One two three four";
    EXPECT_EQ(heard_part(text, 0.0), "");
    EXPECT_EQ(heard_part(text, 0.5), "One two");
    EXPECT_EQ(heard_part(text, 0.73), "One two three");
    EXPECT_EQ(heard_part(text, 1.0), text);
    EXPECT_EQ(heard_part(text, 7.0), text);
    EXPECT_EQ(heard_part("", 0.5), "");
    EXPECT_EQ(heard_part("ÄÖÜ", 0.5), "Ä");
}

TEST(Conversation, NeverCutsACharacterInHalf) {
    EXPECT_EQ(within("Grüezi", 3), "Gr");
    EXPECT_EQ(within("Grüezi", 4), "Grü");
    EXPECT_EQ(within("Grüezi", 100), "Grüezi");
    EXPECT_EQ(within("\x80\x80", 1), "");
}

}  // namespace
}  // namespace bridge::agents
