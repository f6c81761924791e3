// Cycles are found however they are written.
#include "openvino/model/ir_graph.h"

#include "engine/failure.h"
#include "openvino/model/xml_reader.h"
#include "tap.h"

namespace {

std::string refusal(const std::string& text) {
  try {
    llm::require_acyclic_graph(text);
    return "";
  } catch (const llm::XmlError& error) {
    return error.what();
  }
}

std::string edge(size_t from, size_t to) {
  return "<edge from-layer=\"" + std::to_string(from) + "\" from-port=\"0\" to-layer=\"" + std::to_string(to) +
         "\" to-port=\"0\"/>";
}

std::string net(const std::string& edges) { return "<net><layers/><edges>" + edges + "</edges></net>"; }

const std::string kCycle = "expected a graph without cycles, found edges that form one";

TEST("IR graph: a graph without a cycle is sound") {
  CHECK_EQUAL(refusal(net("")), std::string());
  CHECK_EQUAL(refusal("<net><edges/></net>"), std::string());
  CHECK_EQUAL(refusal(net(edge(0, 1) + edge(0, 2) + edge(1, 3) + edge(2, 3) + edge(0, 3) + edge(0, 3))), std::string());
}

TEST("IR graph: cycles of one, two and many layers are found, beside sound parts too") {
  CHECK_EQUAL(refusal(net(edge(4, 4))), kCycle);
  CHECK_EQUAL(refusal(net(edge(1, 2) + edge(2, 1))), kCycle);
  std::string many = edge(100, 0);
  for (size_t i = 0; i < 100; ++i) many += edge(i, i + 1);
  CHECK_EQUAL(refusal(net(edge(200, 300) + many + edge(100, 301))), kCycle);
}

TEST("IR graph: every spelling of a cycle is found") {
  const std::string there = edge(1, 2);
  for (const std::string& back : {std::string("<edge from-layer='2' to-layer='1'/>"),
                                  std::string("<edge\nfrom-layer=\"2\"\n\tto-layer=\"1\"\n/>"),
                                  std::string("<edge to-layer=\"1\" from-layer=\"2\"></edge>"),
                                  std::string("<edge from-layer = '2' to-layer\n=\n\"1\" />"),
                                  std::string("<edge from-layer=\"&#50;\" to-layer=\"&#x31;\"/>"),
                                  std::string("<edge from-layer=\"002\" to-layer=\"01\"/>"),
                                  std::string("<!-- --><edge a='from-layer=\"7\"' from-layer=\"2\" to-layer=\"1\"/>"),
                                  std::string("<edge from-layer=\"2\" to-layer=\"1\"><more/></edge>")}) {
    CHECK_EQUAL(refusal(net(there + back)), kCycle);
    CHECK_EQUAL(refusal("<net><edges\n>" + there + back + "</edges ></net>"), kCycle);
    CHECK_EQUAL(refusal("<net><edges a='1'>" + back + "text<![CDATA[<]]>" + there + "</edges></net>"), kCycle);
  }
}

TEST("IR graph: what is no edge is none") {
  const std::string there = edge(1, 2);
  const std::string back = edge(2, 1);
  CHECK_EQUAL(refusal(net(there + "<!--" + back + "-->")), std::string());
  CHECK_EQUAL(refusal(net(there + "<![CDATA[" + back + "]]>")), std::string());
  CHECK_EQUAL(refusal(net(there + "<other>" + back + "</other>")), std::string());
  CHECK_EQUAL(refusal("<net><edges>" + there + "</edges><other>" + back + "</other></net>"), std::string());
}

TEST("IR graph: each body has layer numbers of its own, and its cycles are found") {
  const auto body = [](const std::string& edges) {
    return "<net><layers><layer><body><edges>" + edges + "</edges></body></layer></layers><edges>" + edge(2, 1) +
           "</edges></net>";
  };
  CHECK_EQUAL(refusal(body(edge(1, 2))), std::string());
  CHECK_EQUAL(refusal(body(edge(1, 2) + edge(2, 1))), kCycle);
  CHECK_EQUAL(refusal("<net><edges>" + edge(1, 2) + "<body><edges>" + edge(3, 4) + edge(4, 3) +
                      "</edges></body></edges></net>"),
              kCycle);
}

TEST("IR graph: an edge without the numbers of two layers is refused") {
  for (const char* wrong :
       {"", "from-layer='1'", "to-layer='1'", "from-layer='1' to-layer=''", "from-layer='1' to-layer='x'",
        "from-layer='1' to-layer='-1'", "from-layer='1' to-layer='+1'", "from-layer=' 1' to-layer='1'",
        "from-layer='1' to-layer='99999999999999999999'", "from-layer='1' to-layer='1.0'"}) {
    CHECK(refusal(net("<edge " + std::string(wrong) + "/>")).rfind("expected every edge", 0) == 0);
  }
}

TEST("IR graph: a long chain of layers does not exhaust the stack") {
  std::string edges;
  for (size_t i = 0; i < 300'000; ++i) edges += edge(i, i + 1);
  CHECK_EQUAL(refusal(net(edges)), std::string());
  CHECK_EQUAL(refusal(net(edges + edge(300'000, 0))), kCycle);
}

TEST("IR graph: a file's error names the file") {
  const auto code = [](const std::string& path) {
    try {
      llm::require_acyclic_file(path);
      return std::string("taken");
    } catch (const llm::Failure& failure) {
      CHECK(std::string(failure.what()).rfind(path + ": ", 0) == 0);
      return std::string(name_of(failure.code()));
    }
  };
  CHECK_EQUAL(code("/nowhere/openvino_model.xml"), std::string("ERR_MODEL_INVALID"));
}

}  // namespace
