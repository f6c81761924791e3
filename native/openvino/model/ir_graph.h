// A look at an IR's XML before OpenVINO reads it: what may end the process must not get that far.
#pragma once
#include <string>
#include <string_view>

namespace llm {

// Looks for cycles among the edges of an IR (https://docs.openvino.ai, "IR format"). Every <edges> element, the graph's
// and those in the bodies of If, Loop and TensorIterator, has layer numbers of its own. OpenVINO has been seen to
// follow a cycle until the stack overflows, which ends the process. Throws XmlError for a cycle, for an edge without
// the numbers of two layers, and for a text that XmlReader refuses.
void require_acyclic_graph(std::string_view xml);

// The same for a file, whose path is UTF-8. Throws Failure ERR_MODEL_INVALID, naming the file; also when it cannot be
// read.
void require_acyclic_file(const std::string& xml_path);

}  // namespace llm
