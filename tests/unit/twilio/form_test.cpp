#include "twilio/wire/form.hpp"

#include <gtest/gtest.h>

namespace bridge::twilio {
namespace {

using Pairs = std::vector<Form::Pair>;

TEST(Form, KeepsEmptyValuesRepeatsAndTheOrder) {
    const auto form = parse_form("b=2&FromCity=&a=1&b=3&alone&=nameless&&");
    ASSERT_TRUE(form);
    EXPECT_EQ(form->pairs(), (Pairs{{"b", "2"},
                                    {"FromCity", ""},
                                    {"a", "1"},
                                    {"b", "3"},
                                    {"alone", ""},
                                    {"", "nameless"}}));
    EXPECT_EQ(form->get("b"), "2");
    EXPECT_EQ(form->find("FromCity"), "");
    EXPECT_EQ(form->find("fromcity"), std::nullopt);
}

TEST(Form, DecodesPlusAndPercent) {
    const auto form = parse_form(
        "From=%2B15551234567&Name=Zo%c3%AB+%26+Co&x=a=b&lone=50%&half=%4&wrong=%zz&%41=%00");
    ASSERT_TRUE(form);
    EXPECT_EQ(form->pairs(), (Pairs{{"From", "+15551234567"},
                                    {"Name", "Zoë & Co"},
                                    {"x", "a=b"},
                                    {"lone", "50%"},
                                    {"half", "%4"},
                                    {"wrong", "%zz"},
                                    {"A", std::string(1, '\0')}}));
}

TEST(Form, IsBounded) {
    EXPECT_EQ(parse_form("a=1&b=2&c=3", {.bytes = 5, .pairs = 10}).error().code, Errc::too_large);
    EXPECT_EQ(parse_form("a=1&b=2&c=3", {.bytes = 50, .pairs = 2}).error().code, Errc::too_large);
    EXPECT_TRUE(parse_form("a=1&b=2&", {.bytes = 50, .pairs = 2}));
}

TEST(Form, ComesBackWhatWasWritten) {
    Form form;
    form.add("To", "+15551234567");
    form.add("Name", "Zoë & “Co” <x>=%+ ");
    form.add("Event", "one");
    form.add("Event", "two");
    form.add("Empty", "");
    const auto text = format_form(form);
    EXPECT_TRUE(text.starts_with("To=%2B15551234567&Name=Zo%C3%AB+%26+"));
    const auto again = parse_form(text);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->pairs(), form.pairs());
}

TEST(Form, EncodesASpaceInAQueryAsPercent20) {
    EXPECT_EQ(percent_encode("a b/c~"), "a%20b%2Fc~");
}

}  // namespace
}  // namespace bridge::twilio
