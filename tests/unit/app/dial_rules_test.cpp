#include "app/dial_rules.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "app/dial_prefixes.hpp"

namespace bridge::app {
namespace {

DialRules rules(std::string own, std::string_view allow = {}) {
    DialRules out;
    out.own = std::move(own);
    const auto read = parse_dial_allow(allow, out);
    EXPECT_TRUE(read) << read.error().message;
    return out;
}

constexpr auto kUs = "+15005550006", kGerman = "+493012345678";

TEST(DialRules, KnowWhereANumberLies) {
    struct Row {
        const char *number, *region;
    };
    for (const auto& row :
         {Row{"+12125550100", "US"}, Row{"+14165550100", "CA"}, Row{"+18765550100", "JM"},
          Row{"+12425550100", "BS"}, Row{"+16715550100", "US"}, Row{"+18005550100", "US"},
          Row{"+4930123456", "DE"}, Row{"+447911123456", "GG"}, Row{"+447400123456", "GB"},
          Row{"+74951234567", "RU"}, Row{"+77012345678", "KZ"}, Row{"+2221234567", "MR"},
          Row{"+8816312345", ""}, Row{"+9991234567", ""}, Row{"+37060112345", "LT"}}) {
        EXPECT_EQ(region_of(row.number), row.region) << row.number;
    }
}

TEST(DialRules, RefuseWhatIsDearOrFarAwayAndTellWhatToSet) {
    struct Row {
        const char *own, *to;
        bool allowed;
        const char* add;  ///< what would have to be listed
    };
    for (const auto& row : {
             Row{kUs, "+12125550100", true, ""},
             Row{kUs, "+14165550100", true, ""},  // Canada is one market with the States
             Row{"+14165550100", "+12125550100", true, ""},
             Row{kUs, "+15551234567", true, ""},
             Row{kUs, "+18005550100", true, ""},
             Row{kUs, "+80012345678", true, ""},  // its caller pays nothing
             Row{kUs, "sip:me@name.com", true, ""},
             Row{kUs, "client:me", true, ""},
             Row{kUs, "+18765550100", false, "JM"},  // the Caribbean looks like home
             Row{kUs, "+18095550100", false, "DO"},
             Row{kUs, "+12845550100", false, "VG"},
             Row{kUs, "+19005550100", false, "+1900"},
             Row{kUs, "+12129765555", false, "+1212976"},
             Row{kUs, "+4930123456", false, "DE"},
             Row{kUs, "+2421234567", false, "CG"},  // no area code of the Bahamas
             Row{kUs, "+8816312345", false, "+881"},
             Row{kUs, "+870773123456", false, "+870"},
             Row{kUs, "+88213312345", false, "+882"},
             Row{kUs, "+883510012345", false, "+883"},
             Row{kUs, "+97912345678", false, "+979"},
             Row{kUs, "+9991234567", false, "+999"},
             Row{kGerman, "+4930123456", true, ""},
             Row{kGerman, "+491701234567", true, ""},
             Row{kGerman, "+498001234567", true, ""},
             Row{kGerman, "+49900112345", false, "+49900"},
             Row{kGerman, "+491805123456", false, "+49180"},
             Row{kGerman, "+497001234567", false, "+49700"},
             Row{kGerman, "+12125550100", false, "US"},
             Row{kGerman, "+43123456789", false, "AT"},
             Row{"+442071234567", "+447400123456", true, ""},
             Row{"+442071234567", "+447911123456", false, "GG"},  // looks like an English mobile
             Row{"+442071234567", "+447012345678", false, "+4470"},
             Row{"+442071234567", "+449012345678", false, "+449"},
             Row{"+442071234567", "+448451234567", false, "+44845"},
             Row{"", "+12125550100", false, "US"},  // nobody knows what is own
         }) {
        const auto verdict = check_destination(rules(row.own), row.to);
        EXPECT_EQ(verdict.has_value(), row.allowed) << row.to;
        if (row.allowed || verdict) continue;
        EXPECT_EQ(verdict.error().code, Errc::refused);
        EXPECT_NE(verdict.error().message.find(std::string("add ") + row.add +
                                               " to AGENTBRIDGE_DIAL_ALLOW"),
                  std::string::npos)
            << verdict.error().message;
        EXPECT_TRUE(check_destination(rules(row.own, row.add), row.to))
            << row.add << " is what lets " << row.to << " through";
    }
}

TEST(DialRules, AllowWhatIsListedAndNothingDearByTheWay) {
    EXPECT_TRUE(check_destination(rules(kUs, "de, AT"), "+43123456789"));
    EXPECT_TRUE(check_destination(rules(kUs, "+49"), "+4930123456"));
    EXPECT_TRUE(check_destination(rules(kUs, "+4930"), "+4930123456"));
    EXPECT_FALSE(check_destination(rules(kUs, "+4930"), "+4989123456"));
    EXPECT_FALSE(check_destination(rules(kUs, "DE,+49"), "+49900112345"));
    EXPECT_TRUE(check_destination(rules(kUs, "+49900"), "+49900112345"));
    EXPECT_TRUE(check_destination(rules(kUs, "any"), "+49900112345"));
    EXPECT_TRUE(check_destination(rules("", "ANY"), "+8816312345"));
    DialRules out;
    for (const auto* wrong : {"Germany", "49", "+", "+4x", "DE;AT", "X1"})
        EXPECT_FALSE(parse_dial_allow(wrong, out)) << wrong;
}

TEST(DialRules, NeverCallForHelp) {
    for (const auto* number :
         {"911", "112", "999", "000", "110", "+911", "+112", "+1911", "+44999", "+49112"}) {
        EXPECT_TRUE(is_emergency_number(number)) << number;
        const auto verdict = check_destination(rules(kUs, "any"), number);
        ASSERT_FALSE(verdict) << number;
        EXPECT_NE(verdict.error().message.find("emergency"), std::string::npos);
    }
    // Delhi's numbers begin with 11, New York's and others' with anything.
    for (const auto* number :
         {"+911126123456", "+19115550100", "411", "+12125550911", "sip:911@name.com"})
        EXPECT_FALSE(is_emergency_number(number)) << number;
}

TEST(DialRules, TheTablesHaveEachPrefixOnceAndOnlyDigits) {
    std::set<std::string_view> seen;
    for (const auto& one : region_prefixes()) {
        EXPECT_TRUE(seen.insert(one.prefix).second) << one.prefix;
        EXPECT_EQ(one.region.size(), 2U) << one.prefix;
        EXPECT_EQ(one.prefix.find_first_not_of("0123456789"), std::string_view::npos);
    }
    std::set<std::string_view> dear;
    for (const auto& one : tariff_prefixes()) {
        EXPECT_TRUE(dear.insert(one.prefix).second) << one.prefix;
        EXPECT_NE(one.tariff, Tariff::ordinary) << one.prefix;
    }
}

}  // namespace
}  // namespace bridge::app
