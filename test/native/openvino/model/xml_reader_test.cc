// What the reader takes and what it refuses: it may see more than OpenVINO's parser, never less.
#include "openvino/model/xml_reader.h"

#include "tap.h"

using llm::XmlError;
using llm::XmlReader;

namespace {

// "<a>" and "</a>" for each event, and what attribute "x" of an element is.
std::string events(std::string_view text) {
  XmlReader xml(text);
  std::string seen;
  for (;;) {
    const auto event = xml.next();
    if (event == XmlReader::Event::kDone) return seen;
    const bool ended = event == XmlReader::Event::kEnd;
    seen.append(ended ? "</" : "<").append(xml.name());
    const auto value = ended ? std::nullopt : xml.attribute("x");
    if (value) seen.append(" ").append(*value);
    seen.append(">");
  }
}

std::string refusal(std::string_view text) {
  try {
    return "taken: " + events(text);
  } catch (const XmlError& error) {
    return error.what();
  }
}

bool refused(std::string_view text) { return refusal(text).rfind("expected ", 0) == 0; }

TEST("XML: elements, empty ones too, in any spacing") {
  CHECK_EQUAL(events("<a><b/><c></c>\n<d\t/><e\n></e \r\n></a>"), std::string("<a><b></b><c></c><d></d><e></e></a>"));
  CHECK_EQUAL(events(""), std::string());
  CHECK_EQUAL(events("\xef\xbb\xbf<?xml version=\"1.0\"?> <a/> <b/>"), std::string("<a></a><b></b>"));
}

TEST("XML: attributes in either quotes, in any spacing, with anything inside") {
  for (const char* text :
       {"<a x=\"1\"/>", "<a x='1'/>", "<a\nx\t=\r\n'1'\n/>", "<a y='>' x=\"1\" z='/>'></a>", "<a y='\"' x='1'/>",
        "<a xx='2' x='1'/>", "<a x='&#49;'/>", "<a x='&#x31;'/>", "<a x='&#0000049;'/>"}) {
    CHECK_EQUAL(events(text), std::string("<a 1></a>"));
  }
  CHECK_EQUAL(events("<a x='&lt;&gt;&amp;&quot;&apos;&#233;&#x20ac;&#x1F600;'/>"),
              std::string("<a <>&\"'\u00e9\u20ac\U0001f600></a>"));
  CHECK_EQUAL(events("<a x=''/>"), std::string("<a ></a>"));
}

TEST("XML: comments, CDATA and processing instructions hold no elements, and end where they end") {
  CHECK_EQUAL(events("<a><!-- <b/> --><c/><!----><d/></a>"), std::string("<a><c></c><d></d></a>"));
  CHECK_EQUAL(events("<a><![CDATA[<b/>]]><c/><![CDATA[]]><d/></a>"), std::string("<a><c></c><d></d></a>"));
  CHECK_EQUAL(events("<a><?b <c/>?><d/><?e?><f/></a>"), std::string("<a><d></d><f></f></a>"));
  // HTML would end the first comment at once.
  CHECK_EQUAL(events("<a><!--><b/>--><c/></a>"), std::string("<a><c></c></a>"));
}

TEST("XML: what is not well formed is refused") {
  for (const char* text : {"<a>",           "<a",
                           "<a x",          "<a x=",
                           "<a x='",        "<a x='1'",
                           "<a x='1' /",    "</a>",
                           "<a></b>",       "<a><b></a></b>",
                           "< a/>",         "<a / >",
                           "<a x=1/>",      "<a x='1'y='2'/>",
                           "<a x='1'=/>",   "<1/>",
                           "<a></a b>",     "<!-- ",
                           "<a/><!-- -- >", "<![CDATA[ ]] >",
                           "<?a",           "<? a?>",
                           "<a<b/>",        "<a x='1\" y='2'/>",
                           "<a ='1'/>"}) {
    if (!refused(text)) throw tap::Mismatch(std::string(text) + ": " + refusal(text));
  }
}

TEST("XML: what pugixml reads in ways of its own is refused") {
  using namespace std::string_literals;
  CHECK(refused("<a/>\0"s));
  CHECK(refused("<\0a\0/\0>\0"s));          // UTF-16 without a mark
  CHECK(refused("\xff\xfe<\0a\0/\0>\0"s));  // and with one
  CHECK(refused("<!DOCTYPE a [<!ENTITY b \"1\">]><a/>"));
  CHECK(refused("<a x='&b;'/>"));            // stays as it is there
  CHECK(refused("<a x='&#4294967345;'/>"));  // is 1 there: 2^32 + 49
  CHECK(refused("<a x='&#0;'/>") && refused("<a x='&#xd800;'/>") && refused("<a x='&#x110000;'/>"));
  CHECK(refused("<a x='&#49'/>") && refused("<a x='&#;'/>") && refused("<a x='&#x;'/>") && refused("<a x='&#-1;'/>"));
  CHECK(refused("<a x='1' x='2'/>"));  // the first counts there
}

TEST("XML: elements are nested as deep as said, and no deeper") {
  const auto nested = [](size_t depth) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += "<a>";
    for (size_t i = 0; i < depth; ++i) text += "</a>";
    return text;
  };
  CHECK(!refused(nested(XmlReader::kMostDepth)));
  CHECK(refused(nested(XmlReader::kMostDepth + 1)));
}

TEST("XML: an error tells the place and what was found") {
  CHECK_EQUAL(refusal("<a>\n</b>"), std::string("expected the end of a at byte 7, found \">\""));
  CHECK_EQUAL(refusal("<a"), std::string("expected a space, > or /> at byte 2, found the end of the file"));
}

}  // namespace
