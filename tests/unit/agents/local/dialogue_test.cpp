#include "agents/local/dialogue.hpp"

#include <gtest/gtest.h>

namespace bridge::agents::local {
namespace {

using std::chrono::milliseconds;

TEST(Dialogue, TheDefaultOneIsGoodAndBeginsWithItsWelcome) {
    const auto dialogue = parse_dialogue(default_dialogue());
    ASSERT_TRUE(dialogue) << dialogue.error().message;
    EXPECT_EQ(dialogue->states.front().name, "welcome");
    EXPECT_FALSE(dialogue->states.front().asks());
    EXPECT_TRUE(dialogue->grammar(0).empty());
}

TEST(Dialogue, AStateIsReadLineByLine) {
    const auto dialogue = parse_dialogue(R"(
        # a comment
        list day = today | tomorrow:1
        sound wifi W AY F AY
        state one
          say   First.
          say   Second.
          keys  Press one.
          hear  [on] <day> -> two
          hear  wifi -> again
          key   # -> two
          silence 500ms
          tries 2 -> two
        state two
          set   day = now
          do    take_message
          with  text = On {day}.
          done  -> one
    )");
    ASSERT_TRUE(dialogue) << dialogue.error().message;
    ASSERT_EQ(dialogue->states.size(), 2U);
    const auto& one = dialogue->states[0];
    EXPECT_EQ(one.say, "First. Second.");
    EXPECT_EQ(one.keys, "Press one.");
    ASSERT_EQ(one.hear.size(), 2U);
    EXPECT_EQ(one.hear[0].to, 1U);
    EXPECT_EQ(one.hear[1].to, kAgain);
    EXPECT_EQ(one.key.at('#'), 1U);
    EXPECT_EQ(one.silence, milliseconds(500));
    EXPECT_EQ(one.tries, 2);
    EXPECT_EQ(one.after_tries, 1U);
    const auto& two = dialogue->states[1];
    ASSERT_TRUE(two.doing);
    EXPECT_EQ(two.doing->tool, "take_message");
    EXPECT_EQ(two.doing->with[0], std::make_pair(std::string("text"), std::string("On {day}.")));
    EXPECT_EQ(two.doing->done, 0U);
    EXPECT_FALSE(two.doing->failed);
    EXPECT_EQ(dialogue->sounds.at("wifi"), "W AY F AY");
    EXPECT_EQ(dialogue->words.at("tomorrow"), 3);
    EXPECT_EQ(dialogue->grammar(0),
              "#JSGF V1.0;\ngrammar dialogue;\n<day> = today | tomorrow;\n"
              "public <dialogue> = ( [ on ] <day> ) | ( wifi );\n");
}

TEST(Dialogue, WhatHoldsAnywhereHoldsInEveryStateThatAsksAfterItsOwnLines) {
    const auto dialogue = parse_dialogue(R"(
        anywhere
          hear goodbye -> end
          key  0 -> end
          key  * -> again
        state ask
          hear yes -> end
          key 0 -> again
        state number
          digits n 3-5 -> end
        state voice
          record said 10s -> end
        state end
          do end_call
    )");
    ASSERT_TRUE(dialogue) << dialogue.error().message;
    const auto& states = dialogue->states;
    EXPECT_EQ(states[0].hear.size(), 2U);
    EXPECT_EQ(states[0].key.at('0'), kAgain) << "its own line wins";
    EXPECT_EQ(states[1].key.size(), 1U) << "keys are digits there, only * is not";
    EXPECT_EQ(states[1].digits->fewest, 3U);
    EXPECT_EQ(states[1].digits->most, 5U);
    EXPECT_TRUE(states[2].hear.empty()) << "whatever is said is recorded";
    EXPECT_EQ(states[2].record->longest, milliseconds(10000));
    EXPECT_FALSE(states[3].asks());
}

TEST(Dialogue, SaysWhatIsWrongAndInWhichLine) {
    const std::pair<const char*, const char*> wrong[] = {
        {"", "no state"},
        {"say hello", "line 1: 'say' belongs into a state"},
        {"state a\nsing", "line 2: \"sing\" is none of say"},
        {"state A\n", "line 1: a state's name"},
        {"state again\n", "line 1: a state's name"},
        {"state a\nnext -> a\nstate a", "line 3: there is a state a already"},
        {"state a\nhear yes", "line 2: \"-> STATE\" is missing"},
        {"state a\nhear yes -> b", "line 2: there is no state b"},
        {"state a\nhear <day> -> a", "line 2: there is no list day"},
        {"state a\nhear (yes -> a", "line 2: '(' is not closed"},
        {"list day today", "line 1: write \"list NAME = one | other\""},
        {"list day = a\nlist day = b", "line 2: there is a list day already"},
        {"state a\nkey 12 -> a", "line 2: key is followed by one of 0-9 * #"},
        {"state a\nkey 1 -> a\nkey 1 -> a", "line 3: key 1 is there twice"},
        {"state a\nsilence soon", "line 2: silence is followed by a time"},
        {"state a\nsilence 9999s", "line 2: silence is followed by a time"},
        {"state a\ntries 0 -> a", "line 2: write \"tries 3 -> STATE\""},
        {"state a\ndigits n 9-3 -> a", "line 2: write \"digits SLOT 3-15 -> STATE\""},
        {"state a\nrecord x -> a", "line 2: write \"record SLOT 30s -> STATE\""},
        {"state a\nwith x = y", "line 2: \"with\" follows a \"do\""},
        {"state a\ndone -> a", "line 2: \"done\" follows a \"do\""},
        {"state a\nsay Hello.", "line 1: state a must do one thing"},
        {"state a\nkey 1 -> a\nnext -> a", "line 1: state a must do one thing"},
        {"state a\nhear yes -> a\nrecord r 3s -> a", "line 1: state a records what is said"},
        {"state a\nkey 1 -> a\ndigits n 3 -> a", "line 1: state a gathers digits"},
        {"state a\nsay Hello {name}.\nnext -> a", "line 2: nothing ever fills the slot {name}"},
        {"state a\nsay Hello {name.\nnext -> a", "line 2: a brace has no other half"},
        {"anywhere\nsay x", "line 2: anywhere has \"hear\" and \"key\" only"},
        {"sound wifi", "line 1: write \"sound WORD PHONES\""},
    };
    for (const auto& [text, expected] : wrong) {
        const auto dialogue = parse_dialogue(text);
        ASSERT_FALSE(dialogue) << text;
        EXPECT_EQ(dialogue.error().code, Errc::bad_config);
        EXPECT_NE(dialogue.error().message.find(expected), std::string::npos)
            << text << "\n"
            << dialogue.error().message;
    }
}

TEST(Dialogue, AFileThatIsNotThereIsNamed) {
    const auto dialogue = load_dialogue("/nowhere/at.dialogue");
    ASSERT_FALSE(dialogue);
    EXPECT_EQ(dialogue.error().code, Errc::not_found);
    EXPECT_NE(dialogue.error().message.find("/nowhere/at.dialogue"), std::string::npos);
}

}  // namespace
}  // namespace bridge::agents::local
