// A look at an IR's XML before OpenVINO reads it.
#pragma once
#include <string>

namespace llm {

// OpenVINO 2026.4.1 follows a cycle of edges until the stack overflows, which ends the process: a damaged or hostile
// file must not get that far. Format: https://docs.openvino.ai, "IR format"; every <edges> block (the graph's, and
// those of If and Loop bodies) has ids of its own. Throws Failure ERR_MODEL_INVALID, naming the file, when a block of
// edges has a cycle or the file cannot be read.
void require_acyclic(const std::string& xml_path);

}  // namespace llm
