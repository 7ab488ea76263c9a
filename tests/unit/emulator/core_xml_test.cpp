#include <gtest/gtest.h>

#include "emulator/xml.hpp"

namespace bridge::emulator {
namespace {

TEST(Xml, ReadsElementsAttributesAndTextInTheirOrder) {
    const auto root = parse_xml(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- hello -->\n"
        "<Response a='1' b = \"two &quot;&#x41;\">one<Say>t<b/>wo</Say>three</Response>\n");
    ASSERT_TRUE(root) << root.error().message;
    EXPECT_EQ(root->name, "Response");
    EXPECT_EQ(root->attribute_or("a", ""), "1");
    EXPECT_EQ(root->attribute_or("b", ""), "two \"A");
    EXPECT_EQ(root->text, "onetwothree");
    ASSERT_EQ(root->children.size(), 1U);
    EXPECT_EQ(root->children[0].text, "two");
    EXPECT_EQ(root->children[0].line, 3U);
    EXPECT_EQ(root->children[0].children[0].name, "b");
}

TEST(Xml, ReadsEntitiesAndCdata) {
    const auto root =
        parse_xml("<a>&lt;&gt;&amp;&apos;&quot;&#233;&#x1F600;<![CDATA[<&]] >]]></a>");
    ASSERT_TRUE(root) << root.error().message;
    EXPECT_EQ(root->text, "<>&'\"\xC3\xA9\xF0\x9F\x98\x80<&]] >");
}

struct Broken {
    const char* text;
    std::size_t line;
    const char* why;
};

TEST(Xml, SaysWhereADocumentIsBroken) {
    const Broken documents[] = {
        {"", 1, "empty"},
        {"hello", 1, "outside"},
        {"<a>", 1, "not closed"},
        {"<a>\n</b>", 2, "does not close"},
        {"<a/><b/>", 1, "after the root"},
        {"<a x=1/>", 1, "quotes"},
        {"<a x/>", 1, "no value"},
        {"<a x='1' x='2'/>", 1, "twice"},
        {"<a x='1'y='2'/>", 1, "white space"},
        {"<a x='<'/>", 1, "&lt;"},
        {"<a>\n\nhttps://h/?a=1&b=2</a>", 3, "&amp;"},
        {"<a>&nbsp;</a>", 1, "&amp;"},
        {"<a>&#0;</a>", 1, "reference"},
        {"<a>&#xD800;</a>", 1, "reference"},
        {"<a>&#12x;</a>", 1, "number"},
        {"<a>]]></a>", 1, "CDATA"},
        {"<a><![CDATA[x</a>", 1, "CDATA"},
        {"<a><!-- x -- y --></a>", 1, "--"},
        {"<a><!-- x</a>", 1, "comment"},
        {"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 1, "document type"},
        {"\n<?xml version='1.0'?><a/>", 2, "first"},
        {"<a>\x01</a>", 1, "control"},
        {"<a>\xC3</a>", 1, "UTF-8"},
        {"<a>\xC0\xAF</a>", 1, "UTF-8"},
        {"<1a/>", 1, "name"},
    };
    for (const auto& document : documents) {
        const auto root = parse_xml(document.text);
        ASSERT_FALSE(root) << document.text;
        EXPECT_EQ(root.error().line, document.line) << document.text;
        EXPECT_NE(root.error().message.find(document.why), std::string::npos)
            << document.text << ": " << root.error().message;
    }
}

TEST(Xml, RefusesADocumentNestedTooDeeply) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += "<a>";
    const auto root = parse_xml(text);
    ASSERT_FALSE(root);
    EXPECT_NE(root.error().message.find("deeply"), std::string::npos);
}

}  // namespace
}  // namespace bridge::emulator
