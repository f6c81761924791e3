// Puts into a converted GGUF what OpenVINO's front end left out.
#pragma once
#include <openvino/openvino.hpp>

#include "openvino/runtime.h"

namespace llm {

// Call it on the front end's own graph: it looks for the forms and the names that OpenVINO 2026.4.1 gives. Throws
// Failure with ERR_UNSUPPORTED_MODEL when the graph has others: a graph that is mended in part computes wrong tokens.
// Returns how many layers rotate nothing.
size_t mend_gguf(ov::Model& model, const GgufMends& mends);

}  // namespace llm
